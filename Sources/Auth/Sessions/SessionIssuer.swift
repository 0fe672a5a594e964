internal import Postgres
internal import Tokens
internal import Web

/// How somebody proved who they are, as tokens say it (`amr`).
enum SignInMethod: String, Sendable {
    case password, otp, magiclink, recovery, invite, oauth, anonymous, totp
    case emailSignup = "email/signup"
    case emailChange = "email_change"
}

/// Opens sessions and writes the tokens of them.
struct SessionIssuer: Sendable {
    let core: AuthCore

    /// A new session for `userID`, and the answer that gives it to the client.
    func open(
        for userID: String, by method: SignInMethod, _ call: Call, in tx: Transaction, extra: [JSON.Member] = []
    ) async throws -> String {
        let users = UserStore(database: tx)
        try await users.noteSignIn(userID)
        guard let user = try await users.find(id: userID), !user.isDeleted else { throw AuthError.userNotFound }
        guard !user.isBanned else { throw AuthError.userBanned }
        let methods: JSON = [["method": .string(method.rawValue), "timestamp": .integer(core.clock())]]
        let session = try await SessionStore(database: tx).open(
            for: user.id, methods: methods, tokenSeconds: core.settings.accessTokenSeconds, userAgent: call.userAgent,
            ip: call.request.remoteAddress)
        try await core.record(.login, user, call, in: tx, details: [.init("provider", .string(method.rawValue))])
        return try answer(user, session, extra: extra)
    }

    /// What the client gets: both tokens and the user.
    func answer(_ user: User, _ session: Session, extra: [JSON.Member] = []) throws -> String {
        let now = core.clock()
        let (end, overflow) = now.addingReportingOverflow(core.settings.accessTokenSeconds)
        guard !overflow else { throw AuthError.unexpected }
        let refresh = RefreshToken(sessionID: session.id, counter: session.counter).text(core.refreshKey)
        let head = JSON.object(
            [
                .init("access_token", .string(try accessToken(user, session, now: now, end: end))),
                .init("token_type", "bearer"),
                .init("expires_in", .integer(core.settings.accessTokenSeconds)),
                .init("expires_at", .integer(end)),
                .init("refresh_token", .string(refresh)),
            ] + extra)
        return head.text.dropLast() + #","user":\#(user.document)}"#
    }

    private func accessToken(_ user: User, _ session: Session, now: Int64, end: Int64) throws -> String {
        let claims: JSON = [
            "iss": .string(core.settings.externalURL), "sub": .string(user.id), "aud": .string(user.audience),
            "exp": .integer(end), "iat": .integer(now), "email": .string(user.email ?? ""), "phone": "",
            "app_metadata": try JSONReader.read(user.appMetadata),
            "user_metadata": try JSONReader.read(user.userMetadata),
            "role": .string(user.role), "aal": .string(session.aal), "amr": try JSONReader.read(session.methods),
            "session_id": .string(session.id), "is_anonymous": .bool(user.isAnonymous),
        ]
        return try core.keys.current.token(claims)
    }
}
