internal import Foundation
internal import Postgres
internal import Web

/// `POST /signup`: an account with a password, or an anonymous one.
struct SignupEndpoint: Sendable {
    let core: AuthCore
    let sender: CodeSender

    func answer(_ call: Call) async throws -> ApiResponse {
        let data = try call.object("data") ?? [:]
        let isAnonymous = try call.text("email") == nil && call.text("phone") == nil && call.text("password") == nil
        if isAnonymous { return try await signUpAnonymously(data, call) }
        guard core.settings.isSignupEnabled else { throw AuthError.signupDisabled }
        try await core.limit("signup", call.network, core.settings.limits.signupByAddress)
        let email = try call.requiredEmail()
        guard let password = try call.text("password") else {
            throw AuthError.validation("Signup requires a valid password")
        }
        try check(password)
        let challenge = try call.challenge()
        let hash = try await core.workers.hash(password)
        let user = NewUser(
            email: email, passwordHash: hash, isConfirmed: core.settings.isAutoconfirmed, userMetadata: data)
        if core.settings.isAutoconfirmed { return try await signUpAtOnce(user, call) }
        return try await signUpPending(user, email, challenge, call)
    }

    private func check(_ password: String) throws(AuthError) {
        let faults = core.settings.password.faults(of: password)
        guard faults.isEmpty else { throw .weak(faults, lengthMin: core.settings.password.lengthMin) }
    }

    private func signUpAnonymously(_ data: JSON, _ call: Call) async throws -> ApiResponse {
        guard core.settings.isSignupEnabled else { throw AuthError.signupDisabled }
        guard core.settings.isAnonymousEnabled else {
            throw AuthError(422, .anonymousDisabled, "Anonymous sign-ins are disabled")
        }
        try await core.limit("anonymous", call.network, core.settings.limits.anonymousByAddress)
        return Reply.json(
            try await core.database.transaction { tx in
                let new = NewUser(isAnonymous: true, userMetadata: data)
                guard let user = try await UserStore(database: tx).add(new) else { throw AuthError.unexpected }
                try await core.record(.userSignedUp, user, call, in: tx)
                return try await core.issuer.open(for: user.id, by: .anonymous, call, in: tx)
            })
    }

    private func signUpAtOnce(_ new: NewUser, _ call: Call) async throws -> ApiResponse {
        Reply.json(
            try await core.database.transaction { tx in
                guard let user = try await UserStore(database: tx).add(new) else {
                    throw AuthError(422, .userAlreadyExists, "User already registered")
                }
                try await core.record(.userSignedUp, user, call, in: tx)
                return try await core.issuer.open(for: user.id, by: .password, call, in: tx)
            })
    }

    /// New, waiting for its confirmation, or taken: the answer is written by the same lines from the same values, and the
    /// message goes out behind it.
    private func signUpPending(_ new: NewUser, _ email: String, _ challenge: CodeChallenge?, _ call: Call) async throws
        -> ApiResponse
    {
        try await core.claimMail(to: email)
        let outcome = try await core.database.transaction { tx -> (id: String?, moment: String) in
            let users = UserStore(database: tx)
            let moment = try await users.moment()
            if let user = try await users.add(new) {
                try await users.noteSent(.confirmation, to: user.id)
                try await core.record(.userConfirmationRequested, user, call, in: tx)
                return (user.id, moment)
            }
            let user = try await users.find(email: email)
            guard let user, !user.isConfirmed else {
                try await core.record(.userRepeatedSignup, user, call, in: tx)
                return (nil, moment)
            }
            // Nobody has proved the address yet, and two ask for it: whichever link is opened brings its own password.
            try await users.setPassword(nil, of: user.id)
            try await users.noteSent(.confirmation, to: user.id)
            try await core.record(.userConfirmationRequested, user, call, in: tx)
            return (user.id, moment)
        }
        if outcome.id == nil {
            try core.outbox.add(.mail(sender.texts.mail(.alreadyRegistered, to: email)))
        } else {
            let request = CodeRequest(
                purpose: .resendSignup, address: email, challenge: challenge,
                redirectTo: core.redirects.text(for: call.redirectTo), call: call, passwordHash: new.passwordHash)
            try core.outbox.add(.code(request))
        }
        let id = outcome.id ?? UUID().uuidString.lowercased()
        return Reply.json(pending(id, email, new.userMetadata, outcome.moment))
    }

    private func pending(_ id: String, _ email: String, _ data: JSON, _ moment: String) -> JSON {
        let identity: JSON = [
            "identity_id": .string(UUID().uuidString.lowercased()), "id": .string(id), "user_id": .string(id),
            "identity_data": [
                "email": .string(email), "email_verified": false, "phone_verified": false, "sub": .string(id),
            ],
            "provider": "email", "last_sign_in_at": .string(moment), "created_at": .string(moment),
            "updated_at": .string(moment), "email": .string(email),
        ]
        return [
            "id": .string(id), "aud": "authenticated", "role": "authenticated", "email": .string(email), "phone": "",
            "confirmation_sent_at": .string(moment),
            "app_metadata": ["provider": "email", "providers": ["email"]], "user_metadata": data,
            "identities": [identity], "created_at": .string(moment), "updated_at": .string(moment),
            "is_anonymous": false,
        ]
    }
}
