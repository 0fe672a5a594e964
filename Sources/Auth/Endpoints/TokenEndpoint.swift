internal import Postgres
internal import Web

/// `POST /token`: a session for a password, a refresh token, a code or a provider's token.
struct TokenEndpoint: Sendable {
    let core: AuthCore

    func answer(_ call: Call) async throws -> ApiResponse {
        let grant = try call.query["grant_type"] ?? call.text("grant_type") ?? ""
        try await core.limit("token", call.network, core.settings.limits.tokenByAddress)
        switch grant {
        case "password": return try await byPassword(call)
        case "refresh_token": return try await byRefreshToken(call)
        case "pkce": return try await byCode(call)
        case "id_token": return try await ProviderEndpoints(core: core).signIn(call)
        default: throw AuthError(400, .validationFailed, "unsupported_grant_type")
        }
    }

    // MARK: Password

    private func byPassword(_ call: Call) async throws -> ApiResponse {
        let email = try call.requiredEmail()
        let password = try call.text("password") ?? ""
        let pair = email + "\0" + call.network
        let limits = core.settings.limits
        // Before the account is looked for: the same for those that are not there.
        try await core.limit("password-pair", pair, limits.passwordByAccountAndAddress)
        let isKnownPlace = try await core.knowsPlace(pair)
        // Others who guess from elsewhere do not keep a person out of the place where she signed in before.
        if !isKnownPlace { try await core.limit("password", email, limits.passwordByAccount) }
        let user = try await UserStore(database: core.database).find(email: email)
        let verdict = try await core.workers.verify(password, against: user?.passwordHash)
        guard let user, verdict.isMatch, let hash = user.passwordHash else { throw AuthError.invalidCredentials }
        if !isKnownPlace { try await core.refund("password", email, limits.passwordByAccount) }
        guard !user.isBanned else { throw AuthError(400, .userBanned, "User is banned") }
        guard user.isConfirmed else { throw AuthError(400, .emailNotConfirmed, "Email not confirmed") }
        try await core.forgetAttempts("password-pair", pair)
        try await core.notePlace(pair)
        let faults = core.settings.password.faults(of: password)
        let extra: [JSON.Member] =
            faults.isEmpty ? [] : [.init("weak_password", ["reasons": .array(faults.map(JSON.string))])]
        return Reply.json(
            try await core.database.transaction { tx in
                let users = UserStore(database: tx)
                // The password may have been changed while it was compared.
                guard try await users.lock(id: user.id)?.passwordHash == hash else {
                    throw AuthError.invalidCredentials
                }
                if let replacement = verdict.replacement {
                    try await users.replacePassword(hash, by: replacement, of: user.id)
                }
                return try await core.issuer.open(for: user.id, by: .password, call, in: tx, extra: extra)
            })
    }

    // MARK: Refresh

    private enum Refreshed: Sendable {
        case session(String)
        case refused(AuthError, ended: [String])
    }

    private func byRefreshToken(_ call: Call) async throws -> ApiResponse {
        guard let text = try call.text("refresh_token") else {
            throw AuthError.validation("refresh_token required")
        }
        guard let token = RefreshToken(text, key: core.refreshKey) else { throw Self.notFound }
        let outcome = try await core.database.transaction { try await refresh(token, call, in: $0) }
        switch outcome {
        case .session(let answer): return Reply.json(answer)
        case .refused(let error, let ended):
            core.revoke(ended)
            throw error
        }
    }

    private static let notFound = AuthError(
        400, .refreshTokenNotFound, "Invalid Refresh Token: Refresh Token Not Found")
    private static let alreadyUsed = AuthError(400, .refreshTokenAlreadyUsed, "Invalid Refresh Token: Already Used")

    /// The last token but one is answered for a moment, with the same successor: its answer may have been lost, or two
    /// windows of one browser came at once. Anything older was stolen from one side or the other: the session ends.
    private func refresh(_ token: RefreshToken, _ call: Call, in tx: Transaction) async throws -> Refreshed {
        let sessions = SessionStore(database: tx)
        guard let session = try await sessions.lock(token.sessionID), token.counter <= session.counter else {
            return .refused(Self.notFound, ended: [])
        }
        guard let user = try await UserStore(database: tx).find(id: session.userID), !user.isDeleted else {
            return .refused(Self.notFound, ended: [])
        }
        guard !user.isBanned else { return .refused(AuthError(400, .userBanned, "User is banned"), ended: []) }
        do { try core.checkLife(of: session) } catch {
            return .refused(error, ended: try await sessions.end(session.id))
        }
        if token.counter == session.counter {
            try await sessions.advance(
                session, tokenSeconds: core.settings.accessTokenSeconds, ip: call.request.remoteAddress)
            try await core.record(.tokenRefreshed, user, call, in: tx)
        } else if token.counter == session.counter - 1, session.idleSeconds < core.settings.refreshReuseSeconds {
            try await sessions.extend(session.id, tokenSeconds: core.settings.accessTokenSeconds)
        } else {
            try await core.record(
                .tokenRevoked, user, call, in: tx, details: [.init("session_id", .string(session.id))])
            return .refused(Self.alreadyUsed, ended: try await sessions.end(session.id))
        }
        guard let current = try await sessions.lock(session.id) else { return .refused(Self.notFound, ended: []) }
        return .session(try core.issuer.answer(user, current))
    }

    // MARK: Code

    private func byCode(_ call: Call) async throws -> ApiResponse {
        guard let code = try call.text("auth_code"), let verifier = try call.text("code_verifier") else {
            throw AuthError.validation("invalid request: both auth code and code verifier should be non-empty")
        }
        // Deleted by the statement that reads it, whatever comes next: of two who come at once one gets it.
        guard let flow = try await FlowStore(database: core.database).take(codeHash: core.flowHash(code)),
            let userID = flow.userID
        else {
            throw AuthError(404, .flowStateNotFound, "invalid flow state, no valid flow state found")
        }
        guard !flow.isExpired else {
            throw AuthError(403, .flowStateExpired, "invalid flow state, flow state has expired")
        }
        guard let challenge = flow.challenge,
            try CodeChallenge(challenge, method: flow.challengeMethod).isMet(by: verifier)
        else {
            throw AuthError(
                400, .badCodeVerifier, "code challenge does not match previously saved code verifier")
        }
        let extra = try providerTokens(of: flow)
        let method = Self.method(of: flow)
        return Reply.json(
            try await core.database.transaction { tx in
                try await core.issuer.open(for: userID, by: method, call, in: tx, extra: extra)
            })
    }

    private func providerTokens(of flow: Flow) throws -> [JSON.Member] {
        guard let sealed = flow.providerSecrets else { return [] }
        return try JSONReader.read(core.sealer.open(sealed, at: "flow:\(flow.id)")).members ?? []
    }

    private static func method(of flow: Flow) -> SignInMethod {
        switch OneTimeTokenKind(rawValue: flow.method) {
        case .recovery: .recovery
        case .invite: .invite
        case .emailChangeCurrent, .emailChangeNew: .emailChange
        case .signup, .magicLink, .reauthentication: .magiclink
        case nil: .oauth
        }
    }
}
