internal import HTTPTypes
public import Postgres
public import Tokens
public import Web

/// Supabase Auth's interface over the schema `auth`: accounts, sessions, second factors, sign-in by a provider.
///
/// Answers requests below its mount point (`/auth/v1`) and keeps the set of ended sessions that every other part of the
/// server asks. Holds no connection of a client: whatever serves HTTP calls `handle`.
public struct AuthService: Sendable {
    /// Sessions that ended before their tokens did.
    public let sessions: RevokedSessions
    let core: AuthCore
    private let sender: CodeSender

    static let cleaningPause: Duration = .seconds(300)

    /// Throws when the settings cannot be kept: an address that is none, a pattern that cannot be read.
    ///
    /// - Parameter clock: Unix seconds.
    public init(
        database: Database, settings: AuthSettings, keys: AuthKeys, mail: any MailSink,
        clock: @escaping @Sendable () -> Int64
    ) throws(AuthFault) {
        try Self.check(settings)
        sessions = RevokedSessions()
        core = AuthCore(
            database: database, settings: settings, keys: KeyHolder(keys.tokens), sealer: AuthSealer(keys),
            refreshKey: keys.derived("refresh"), workers: PasswordWorkers(settings.argon2), revoked: sessions,
            outbox: Outbox(),
            redirects: RedirectPolicy(siteURL: settings.siteURL, allowList: settings.redirectAllowList),
            provider: settings.provider.map { ProviderClient($0, clock: clock) }, clock: clock)
        sender = CodeSender(core: core, mail: mail)
    }

    /// The keys that tokens are verified with.
    public var keys: KeySet { core.keys.current }

    /// Messages that could not be made or handed over since the start.
    public var failedMessages: Int { core.outbox.failures }

    /// Signs with other keys from now on, after a rotation.
    public func replace(keys: AuthKeys) { core.keys.current = keys.tokens }

    /// Answers a request. `actor` is who the bearer token speaks for; nil when none came.
    public func handle(_ request: ApiRequest, actor: Actor?) async -> ApiResponse {
        do {
            return try await Router(core: core, sender: sender).answer(Call(request, actor: actor))
        } catch let error as AuthError {
            return Reply.error(error, to: request)
        } catch let error as PostgresError {
            return Reply.error(Self.error(of: error), to: request)
        } catch {
            return Reply.error(.unexpected, to: request)
        }
    }

    /// The answer to a bearer token that was not accepted, in this interface's shape.
    public static func refusal(of error: TokenError, for request: ApiRequest) -> ApiResponse {
        Reply.error(AuthError(403, .badJWT, error.authMessage), to: request)
    }

    private static let doors: Set<String> = [
        "token", "signup", "otp", "magiclink", "recover", "resend", "verify", "authorize", "callback", "settings",
        "health",
    ]

    /// Whether the request is one of those that somebody without a session makes: clients send along the token of a session that
    /// has ended when they sign in again.
    public static func isDoor(_ request: ApiRequest) -> Bool {
        request.path.split(separator: "/").first.map { doors.contains(String($0)) } ?? false
    }

    /// The answer to a token whose session was ended.
    public static func refusalOfEndedSession(for request: ApiRequest) -> ApiResponse {
        Reply.error(.sessionNotFound, to: request)
    }

    /// Background work, until the task is cancelled: messages, revocations told by other servers, cleaning up.
    public func run() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await core.outbox.run { job in await perform(job) } }
            group.addTask { try await listen() }
            group.addTask { try await clean() }
            try await group.waitForAll()
        }
    }

    /// Reads the sessions that ended before this server started. `run` does it too; call it before the first request.
    public func prepare() async throws {
        let revoked = try await SessionStore(database: core.database).revoked()
        sessions.merge(revoked.map { ($0.id, $0.until) })
    }

    private func listen() async throws {
        let events = try await core.database.notifications(on: "auth_revoked")
        // After listening began: what ends from now on is heard, what ended before is read.
        try await prepare()
        for await event in events {
            switch event {
            case .notification(let message):
                let words = message.payload.split(separator: " ")
                guard words.count == 2, let id = IDText(words[0]), let end = Int64(words[1]) else { continue }
                sessions.merge([(id.text, end)])
            case .mayHaveMissed:
                await prepareAgain()
            }
        }
    }

    /// The connection was lost and is back, and with it the table: read until that succeeds.
    private func prepareAgain() async {
        while !Task.isCancelled {
            if (try? await prepare()) != nil { return }
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func clean() async throws {
        while !Task.isCancelled {
            try await Task.sleep(for: Self.cleaningPause)
            sessions.forget(before: core.clock())
            // A failure leaves rows for the next round.
            _ = try? await cleanUp()
        }
    }

    /// Removes what has ended; says how many rows went.
    @discardableResult
    public func cleanUp() async throws -> Int {
        try await ServiceStore(database: core.database).removeExpired(
            sessionSecondsMax: core.settings.sessionSecondsMax, idleSecondsMax: core.settings.sessionIdleSecondsMax)
    }

    private func perform(_ job: Outbox.Job) async {
        // Whoever waits for a message asks for another; the operator sees the count.
        do {
            switch job {
            case .code(let request): try await sender.answer(request)
            case .mail(let mail):
                // What tells a person of a change goes out in any case.
                try? await core.countMail(toProved: true)
                try await sender.mail.deliver(mail)
            }
        } catch {
            core.outbox.noteFailure()
        }
    }

    private static func error(of error: PostgresError) -> AuthError {
        switch error.kind {
        case .connect, .connectionLost, .poolExhausted, .closed, .statementTimeout, .cancelled: .unavailable
        case .encoding: .validation("a text that cannot be stored")
        case .server, .decoding, .misuse: .unexpected
        }
    }

    private static func check(_ settings: AuthSettings) throws(AuthFault) {
        for url in [settings.externalURL, settings.siteURL]
        where RedirectURL(url) == nil || url.hasSuffix("/") && url == settings.externalURL {
            throw AuthFault(
                code: "auth_url_unreadable", message: "\(url) is not an address that people can be sent to",
                hint: "Give an absolute address, for example https://bank.example/auth/v1, without a slash at its end.")
        }
        if let pattern = RedirectPolicy.unreadable(in: settings.redirectAllowList).first {
            throw AuthFault(
                code: "auth_redirect_unreadable", message: "\(pattern) in the list of redirects cannot be read",
                hint: "Give scheme, host and path, for example https://*.bank.example/**.")
        }
    }
}
