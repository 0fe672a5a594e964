internal import Postgres

/// What a consumed code does to its account.
struct Confirmation: Sendable {
    let core: AuthCore
    let sender: CodeSender

    enum Outcome: Sendable {
        case confirmed(SignInMethod, ended: [String])
        /// One of the two mailboxes of a change of address has agreed.
        case halfway
    }

    func apply(_ token: ConsumedToken, _ call: Call, in tx: Transaction) async throws -> Outcome {
        let users = UserStore(database: tx)
        guard let user = try await users.lock(id: token.userID), !user.isDeleted else { throw AuthError.otpExpired }
        guard !user.isBanned else { throw AuthError.userBanned }
        switch token.kind {
        case .signup:
            guard user.email == token.address else { throw AuthError.otpExpired }
            if try await users.confirm(user.id) {
                if let hash = token.passwordHash { try await users.setPassword(hash, of: user.id) }
                try await core.record(.userSignedUp, user, call, in: tx)
            }
            try await IdentityStore(database: tx).setEmail(token.address, isVerified: true, of: user.id)
            // What others asked for under this address has no say any more.
            try await OneTimeTokenStore(database: tx).removeAll(of: user.id)
            return .confirmed(.otp, ended: [])
        case .invite, .magicLink, .recovery:
            guard user.email == token.address else { throw AuthError.otpExpired }
            let ended = try await prove(user, token, call, in: tx)
            return .confirmed(Self.method(token.kind), ended: ended)
        case .emailChangeCurrent, .emailChangeNew: return try await changeEmail(user, token, call, in: tx)
        case .reauthentication: throw AuthError.otpExpired
        }
    }

    private static func method(_ kind: OneTimeTokenKind) -> SignInMethod {
        switch kind {
        case .invite: .invite
        case .recovery: .recovery
        default: .otp
        }
    }

    /// The address is proved for the first time by somebody who did not need the password: whoever made the account
    /// before, with a password or a provider, loses it (CVE-2024-38351).
    private func prove(_ user: User, _ token: ConsumedToken, _ call: Call, in tx: Transaction) async throws -> [String]
    {
        guard !user.isConfirmed else { return [] }
        let ended = try await Self.takeOver(user.id, address: token.address, in: tx)
        try await core.record(token.kind == .invite ? .inviteAccepted : .userSignedUp, user, call, in: tx)
        return ended
    }

    static func takeOver(_ userID: String, address: String, in tx: Transaction) async throws -> [String] {
        let users = UserStore(database: tx)
        try await users.setPassword(nil, of: userID)
        _ = try await users.confirm(userID)
        let identities = IdentityStore(database: tx)
        try await identities.removeProviders(of: userID)
        try await identities.setEmail(address, isVerified: true, of: userID)
        try await OneTimeTokenStore(database: tx).removeAll(of: userID)
        return try await SessionStore(database: tx).endAll(of: userID)
    }

    private func changeEmail(_ user: User, _ token: ConsumedToken, _ call: Call, in tx: Transaction) async throws
        -> Outcome
    {
        let users = UserStore(database: tx)
        let isNew = token.kind == .emailChangeNew
        guard let next = user.emailChange, token.address == (isNew ? next : user.email) else {
            throw AuthError.otpExpired
        }
        let agreed = try await users.confirmEmailChange(isNew ? "new" : "current", of: user.id)
        guard agreed.contains("new"), user.email == nil || agreed.contains("current") else { return .halfway }
        guard try await users.find(email: next) == nil else { throw AuthError.otpExpired }
        try await users.setEmail(next, isConfirmed: true, of: user.id)
        try await IdentityStore(database: tx).setEmail(next, isVerified: true, of: user.id)
        try await OneTimeTokenStore(database: tx).removeAll(of: user.id)
        try await core.record(.userModified, user, call, in: tx)
        if let former = user.email {
            try core.outbox.add(.mail(sender.texts.mail(.addressChanged(to: next), to: former)))
        }
        return .confirmed(.emailChange, ended: [])
    }
}
