internal import Cryptography
internal import Postgres
internal import Synchronization
internal import Tokens
internal import Web

/// What all endpoints share.
struct AuthCore: Sendable {
    let database: Database
    let settings: AuthSettings
    let keys: KeyHolder
    let sealer: AuthSealer
    let refreshKey: [UInt8]
    let workers: PasswordWorkers
    let revoked: RevokedSessions
    let outbox: Outbox
    let redirects: RedirectPolicy
    let provider: ProviderClient?
    /// Unix seconds.
    let clock: @Sendable () -> Int64

    var issuer: SessionIssuer { SessionIssuer(core: self) }

    // MARK: Attempts

    /// Counts an attempt; throws when there were too many.
    func limit(_ scope: String, _ subject: String, _ window: AttemptWindow) async throws {
        let wait = try await ServiceStore(database: database).countAttempt(
            scope, subject: sealer.hash(subject, for: "attempt"), window: window)
        guard wait == 0 else { throw AuthError.overLimit(seconds: wait) }
    }

    func forgetAttempts(_ scope: String, _ subject: String) async throws {
        try await ServiceStore(database: database).forgetAttempts(
            scope, subject: sealer.hash(subject, for: "attempt"))
    }

    /// What was counted was no attempt of the kind.
    func refund(_ scope: String, _ subject: String, _ window: AttemptWindow) async throws {
        try await ServiceStore(database: database).refundAttempt(
            scope, subject: sealer.hash(subject, for: "attempt"), window: window)
    }

    static let placeSeconds = 90 * 86_400

    /// Whether an account was signed in to from an address in the last months.
    func knowsPlace(_ pair: String) async throws -> Bool {
        try await ServiceStore(database: database).holdsTurn("place", subject: sealer.hash(pair, for: "attempt"))
    }

    func notePlace(_ pair: String) async throws {
        _ = try await ServiceStore(database: database).claimTurn(
            "place", subject: sealer.hash(pair, for: "attempt"), seconds: Self.placeSeconds)
    }

    /// One mail per address and pause, and so many in all: the same whether there is an account or not.
    func claimMail(to address: String) async throws {
        let store = ServiceStore(database: database)
        let wait = try await store.claimTurn(
            "mail", subject: sealer.hash(address, for: "attempt"), seconds: settings.limits.mailPauseSeconds)
        guard wait == 0 else { throw AuthError.overMailLimit(seconds: wait) }
        // Asked here, counted where a message goes out: addresses that get none use nothing up.
        let inAll = try await store.peekAttempt(
            "mails", subject: sealer.hash("all", for: "attempt"), window: settings.limits.mailsPerHour)
        guard inAll == 0 else { throw AuthError.overMailLimit(seconds: inAll) }
    }

    /// Counts a message that goes out. Half of them all are for addresses that somebody has proved: whoever asks for
    /// messages to made-up ones does not keep clients from theirs.
    func countMail(toProved isProved: Bool) async throws {
        let store = ServiceStore(database: database)
        let all = settings.limits.mailsPerHour
        if !isProved {
            let window = AttemptWindow(max(1, all.count / 2), per: all.seconds)
            let wait = try await store.countAttempt(
                "mails-new", subject: sealer.hash("all", for: "attempt"), window: window)
            guard wait == 0 else { throw AuthError.overMailLimit(seconds: wait) }
        }
        let wait = try await store.countAttempt("mails", subject: sealer.hash("all", for: "attempt"), window: all)
        guard wait == 0 else { throw AuthError.overMailLimit(seconds: wait) }
    }

    // MARK: Who asks

    struct Caller: Sendable {
        let user: User
        let session: Session

        /// With a second factor enrolled, what matters asks for it.
        var needsSecondFactor: Bool { user.hasFactor && session.aal != "aal2" }
    }

    /// The account and the session of the caller's token: both must still be there.
    func caller(_ call: Call) async throws -> Caller {
        guard let actor = call.actor else { throw AuthError.noAuthorization }
        guard let subject = actor.subject else {
            throw AuthError(403, .badJWT, "invalid claim: missing sub claim")
        }
        guard let id = IDText(subject) else {
            throw AuthError(403, .badJWT, "invalid claim: sub claim must be a UUID")
        }
        guard let sessionID = actor.sessionID.flatMap({ IDText($0) }), !revoked.isRevoked(sessionID.text),
            let session = try await SessionStore(database: database).find(sessionID.text, of: id.text)
        else { throw AuthError.sessionNotFound }
        guard let user = try await UserStore(database: database).find(id: id.text), !user.isDeleted else {
            throw AuthError(403, .userNotFound, "User from sub claim in JWT does not exist")
        }
        guard !user.isBanned else { throw AuthError.userBanned }
        try checkLife(of: session)
        return Caller(user: user, session: session)
    }

    func checkLife(of session: Session) throws(AuthError) {
        if let most = settings.sessionSecondsMax, session.ageSeconds >= most {
            throw AuthError(400, .sessionExpired, "Invalid Refresh Token: Session Expired")
        }
        if let most = settings.sessionIdleSecondsMax, session.idleSeconds >= most {
            throw AuthError(400, .sessionExpired, "Invalid Refresh Token: Session Expired (Inactivity)")
        }
    }

    static let adminRoles: Set<String> = ["service_role", "supabase_admin"]

    func requireAdmin(_ call: Call) throws(AuthError) {
        guard let actor = call.actor, !actor.isAnonymous else { throw .noAuthorization }
        if let session = actor.sessionID, revoked.isRevoked(session) { throw .sessionNotFound }
        guard Self.adminRoles.contains(actor.role) else { throw .notAdmin }
    }

    // MARK: Sessions that end

    /// Other servers hear it from the database; this one must not wait for that.
    func revoke(_ sessionIDs: [String]) {
        let (end, overflow) = clock().addingReportingOverflow(settings.accessTokenSeconds &+ 120)
        revoked.add(sessionIDs, until: overflow ? .max : end)
    }

    // MARK: Audit

    func record(
        _ action: AuditAction, _ user: User?, _ call: Call, in executor: any SQLExecutor, details: [JSON.Member] = []
    ) async throws {
        var payload: [JSON.Member] = [
            .init("action", .string(action.rawValue)), .init("log_type", .string(action.kind)),
        ]
        if let user {
            // No address in the log: the account's id leads to it for as long as the account is there.
            payload.append(.init("actor_id", .string(user.id)))
        }
        if let role = call.actor?.role { payload.append(.init("actor_role", .string(role))) }
        if !details.isEmpty { payload.append(.init("traits", .object(details))) }
        try await ServiceStore(database: executor).record(.object(payload), ip: call.request.remoteAddress)
    }
}

/// What the audit log names.
enum AuditAction: String, Sendable {
    case login, logout
    case inviteAccepted = "invite_accepted"
    case userSignedUp = "user_signedup"
    case userInvited = "user_invited"
    case userDeleted = "user_deleted"
    case userModified = "user_modified"
    case userRecoveryRequested = "user_recovery_requested"
    case userReauthenticateRequested = "user_reauthenticate_requested"
    case userConfirmationRequested = "user_confirmation_requested"
    case userRepeatedSignup = "user_repeated_signup"
    case userUpdatedPassword = "user_updated_password"
    case tokenRevoked = "token_revoked"
    case tokenRefreshed = "token_refreshed"
    case factorInProgress = "factor_in_progress"
    case factorUnenrolled = "factor_unenrolled"
    case factorDeleted = "factor_deleted"
    case challengeCreated = "challenge_created"
    case verificationAttempted = "verification_attempted"
    case identityLinked = "identity_linked"
    case identityUnlinked = "identity_unlinked"

    var kind: String {
        switch self {
        case .login, .logout, .inviteAccepted: "account"
        case .tokenRevoked, .tokenRefreshed: "token"
        case .userInvited, .userDeleted: "team"
        case .factorInProgress, .factorUnenrolled, .factorDeleted, .challengeCreated, .verificationAttempted: "factor"
        case .identityLinked, .identityUnlinked: "user"
        default: "user"
        }
    }
}

/// The keys that sign at the moment.
final class KeyHolder: Sendable {
    private let keys: Mutex<KeySet>

    init(_ keys: KeySet) { self.keys = Mutex(keys) }

    var current: KeySet {
        get { keys.withLock { $0 } }
        set { keys.withLock { $0 = newValue } }
    }
}
