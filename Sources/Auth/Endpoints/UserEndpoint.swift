internal import HTTPTypes
internal import Postgres
internal import Web

/// `/user` and `/reauthenticate`: the caller's own account.
struct UserEndpoint: Sendable {
    let core: AuthCore
    let sender: CodeSender

    /// A session older than this needs a code for a change of password, where that is asked for.
    static let freshSeconds: Int64 = 86_400

    func answer(_ parts: [String], _ call: Call) async throws -> ApiResponse {
        guard parts.count == 1 else { throw Router.notFound }
        switch call.request.method {
        case .get: return Reply.json(try await core.caller(call).user.document)
        case .put: return try await update(call)
        default: throw Router.notFound
        }
    }

    // MARK: Change

    private func update(_ call: Call) async throws -> ApiResponse {
        try await core.limit("user", call.network, core.settings.limits.userByAddress)
        let caller = try await core.caller(call)
        let user = caller.user
        if let metadata = call.body["app_metadata"], !metadata.isNull { throw AuthError.notAdmin }
        if try call.text("phone") != nil { throw AuthError(400, .phoneProviderDisabled, "Unsupported phone provider") }
        let data = try call.object("data")
        let email = try call.email()
        let password = try call.text("password")
        let isNewEmail = email != nil && email != user.email
        if caller.needsSecondFactor, isNewEmail || password != nil {
            throw AuthError(
                401, .insufficientAAL, "AAL2 session is required to update email or password when MFA is enabled.")
        }
        if user.isAnonymous, user.email == nil, password != nil {
            throw AuthError(
                422, .validationFailed,
                "Updating password of an anonymous user without an email or phone is not allowed")
        }
        let challenge = try call.challenge()
        let hash = try await newHash(password, caller, call)
        if isNewEmail, let email { try await core.claimMail(to: email) }
        let ended = try await core.database.transaction { tx in
            try await apply(data: data, hash: hash, email: isNewEmail ? email : nil, caller, call, in: tx)
        }
        core.revoke(ended)
        if hash != nil, let address = user.email {
            try core.outbox.add(.mail(sender.texts.mail(.passwordChanged, to: address)))
        }
        if isNewEmail, let email {
            let request = CodeRequest(
                purpose: .resendEmailChange, address: user.email ?? email, challenge: challenge,
                redirectTo: core.redirects.text(for: call.redirectTo), call: call)
            if user.email == nil {
                // Without an address of its own the account is not found by one.
                try await sender.sendEmailChange(user, to: email, request)
            } else {
                try core.outbox.add(.code(request))
            }
        }
        return Reply.json(try await core.caller(call).user.document)
    }

    private func newHash(_ password: String?, _ caller: AuthCore.Caller, _ call: Call) async throws -> String? {
        guard let password else { return nil }
        let faults = core.settings.password.faults(of: password)
        guard faults.isEmpty else { throw AuthError.weak(faults, lengthMin: core.settings.password.lengthMin) }
        if let current = try call.text("current_password") {
            try await core.limit("password-current", caller.user.id, core.settings.limits.passwordByAccountAndAddress)
            guard try await core.workers.verify(current, against: caller.user.passwordHash).isMatch else {
                throw AuthError.invalidCredentials
            }
            try await core.forgetAttempts("password-current", caller.user.id)
        }
        if core.settings.isReauthenticationRequired, caller.session.ageSeconds > Self.freshSeconds {
            guard let nonce = try call.text("nonce") else {
                throw AuthError(400, .reauthenticationNeeded, "Password update requires reauthentication")
            }
            try await checkNonce(nonce, caller.user)
        }
        if let old = caller.user.passwordHash, try await core.workers.verify(password, against: old).isMatch {
            throw AuthError(422, .samePassword, "New password should be different from the old password.")
        }
        return try await core.workers.hash(password)
    }

    private func apply(
        data: JSON?, hash: String?, email: String?, _ caller: AuthCore.Caller, _ call: Call, in tx: Transaction
    ) async throws -> [String] {
        let users = UserStore(database: tx)
        let user = caller.user
        var ended: [String] = []
        if let data { try await users.mergeMetadata(app: nil, user: data, of: user.id) }
        if let hash {
            try await users.setPassword(hash, of: user.id)
            ended = try await SessionStore(database: tx).endOthers(than: caller.session.id, of: user.id)
            try await core.record(.userUpdatedPassword, user, call, in: tx)
        }
        if let email { try await users.askEmailChange(email, of: user.id) }
        if data != nil || email != nil { try await core.record(.userModified, user, call, in: tx) }
        return ended
    }

    // MARK: Proof of presence

    func reauthenticate(_ call: Call) async throws -> ApiResponse {
        let caller = try await core.caller(call)
        guard let address = caller.user.email else {
            throw AuthError(
                422, .validationFailed, "Reauthentication requires the user to have an email or a phone number")
        }
        guard caller.user.isConfirmed else {
            throw AuthError(422, .emailNotConfirmed, "Please verify your email first.")
        }
        try await core.claimMail(to: address)
        let made = try await core.database.transaction { tx in
            try await UserStore(database: tx).noteSent(.reauthentication, to: caller.user.id)
            try await core.record(.userReauthenticateRequested, caller.user, call, in: tx)
            return try await sender.make(
                .reauthentication, for: caller.user.id, address: address, flowID: nil, core.settings.siteURL, in: tx)
        }
        try core.outbox.add(
            .mail(sender.texts.mail(.code(.reauthentication, code: made.code, link: ""), to: address)))
        return Reply.empty
    }

    private func checkNonce(_ nonce: String, _ user: User) async throws {
        guard let address = user.email else {
            throw AuthError(422, .reauthenticationNotValid, "Nonce has expired or is invalid")
        }
        try await core.limit("code-account", address, core.settings.limits.codeByAccount)
        let isValid = try await OneTimeTokenStore(database: core.database).take(
            code: core.codeHash(nonce, address: address), kind: .reauthentication, of: user.id,
            failuresMax: core.settings.codeFailuresMax)
        guard isValid else { throw AuthError(422, .reauthenticationNotValid, "Nonce has expired or is invalid") }
    }
}
