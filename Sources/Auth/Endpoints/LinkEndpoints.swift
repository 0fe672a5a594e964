internal import Postgres
internal import Web

/// `/admin/generate_link` and `/invite`: links that an administrator hands out, or has mailed.
struct LinkEndpoints: Sendable {
    let core: AuthCore
    let sender: CodeSender

    // MARK: A link to hand out

    private enum LinkType: String {
        case signup, invite, magiclink, recovery
        case emailChangeCurrent = "email_change_current"
        case emailChangeNew = "email_change_new"

        var kind: OneTimeTokenKind {
            switch self {
            case .signup: .signup
            case .invite: .invite
            case .magiclink: .magicLink
            case .recovery: .recovery
            case .emailChangeCurrent: .emailChangeCurrent
            case .emailChangeNew: .emailChangeNew
            }
        }
    }

    func generate(_ call: Call) async throws -> ApiResponse {
        guard let type = LinkType(rawValue: try call.required("type")) else {
            throw AuthError.validation("Invalid email action link type requested")
        }
        let email = try call.requiredEmail()
        let newEmail = try call.email("new_email")
        let data = try call.object("data") ?? [:]
        let hash = type == .signup ? try await newHash(call) : nil
        let redirectTo = core.redirects.text(for: call.redirectTo)
        let (made, document) = try await core.database.transaction { tx -> (CodeSender.Made, String) in
            let user = try await account(type, email, hash, data, newEmail, call, in: tx)
            let address = type == .emailChangeNew ? newEmail ?? email : email
            let made = try await sender.make(
                type.kind, for: user.id, address: address, flowID: nil, redirectTo, passwordHash: hash, in: tx)
            let current = try await UserStore(database: tx).find(id: user.id)
            return (made, current?.document ?? user.document)
        }
        let head: JSON = [
            "action_link": .string(made.link), "email_otp": .string(made.code),
            "hashed_token": .string(made.linkToken),
            "verification_type": .string(type.rawValue),
            "redirect_to": .string(redirectTo),
        ]
        // The members of the link, then those of the user.
        return Reply.json(String(head.text.dropLast()) + "," + document.dropFirst())
    }

    private func newHash(_ call: Call) async throws -> String {
        guard let password = try call.text("password") else {
            throw AuthError.validation("Signup requires a valid password")
        }
        let faults = core.settings.password.faults(of: password)
        guard faults.isEmpty else { throw AuthError.weak(faults, lengthMin: core.settings.password.lengthMin) }
        return try await core.workers.hash(password)
    }

    private func account(
        _ type: LinkType, _ email: String, _ hash: String?, _ data: JSON, _ newEmail: String?, _ call: Call,
        in tx: Transaction
    ) async throws -> User {
        let users = UserStore(database: tx)
        let found = try await users.find(email: email)
        switch type {
        case .signup, .invite:
            if let found {
                guard !found.isConfirmed else { throw AuthError.emailExists }
                if hash != nil { try await users.setPassword(nil, of: found.id) }
                return found
            }
            return try await add(
                NewUser(email: email, passwordHash: hash, isInvited: type == .invite, userMetadata: data),
                type == .invite ? .userInvited : .userSignedUp, call, in: tx)
        case .magiclink:
            if let found { return found }
            return try await add(NewUser(email: email, userMetadata: data), .userSignedUp, call, in: tx)
        case .recovery:
            guard let found else { throw AuthError(404, .userNotFound, "User with this email not found") }
            try await users.noteSent(.recovery, to: found.id)
            return found
        case .emailChangeCurrent, .emailChangeNew:
            guard let found else { throw AuthError(404, .userNotFound, "User with this email not found") }
            guard let newEmail else { throw AuthError.validation("The new email address provided is invalid") }
            if try await users.find(email: newEmail) != nil { throw AuthError.emailExists }
            // The second of the two links must not undo what the first one began.
            if found.emailChange != newEmail { try await users.askEmailChange(newEmail, of: found.id) }
            return found
        }
    }

    private func add(_ new: NewUser, _ action: AuditAction, _ call: Call, in tx: Transaction) async throws -> User {
        guard let user = try await UserStore(database: tx).add(new) else { throw AuthError.emailExists }
        try await core.record(action, user, call, in: tx, details: [.init("by", "admin")])
        return user
    }

    // MARK: An invitation by mail

    func invite(_ call: Call) async throws -> ApiResponse {
        let email = try call.requiredEmail()
        let data = try call.object("data") ?? [:]
        let redirectTo = core.redirects.text(for: call.redirectTo)
        let (made, document) = try await core.database.transaction { tx -> (CodeSender.Made, String) in
            let user = try await account(.invite, email, nil, data, nil, call, in: tx)
            let made = try await sender.make(.invite, for: user.id, address: email, flowID: nil, redirectTo, in: tx)
            return (made, user.document)
        }
        try core.outbox.add(
            .mail(sender.texts.mail(.code(.invite, code: made.code, link: made.link), to: email)))
        return Reply.json(document)
    }
}
