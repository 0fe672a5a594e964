internal import Postgres
internal import Web

/// Which account a provider's person signs in to.
struct ProviderAccounts: Sendable {
    let core: AuthCore

    struct Found: Sendable {
        let userID: String
        var ended: [String] = []
    }

    /// An identity that is known; else an account with the same proved address; else a new one. An address that the
    /// provider has not proved leads nowhere.
    func find(_ person: ProviderPerson, provider: String, linking userID: String?, _ call: Call, in tx: Transaction)
        async throws -> Found
    {
        let identities = IdentityStore(database: tx)
        let identity = NewIdentity(provider: provider, providerID: person.subject, data: person.data)
        if let known = try await identities.signIn(identity) {
            guard let userID, known != userID else { return Found(userID: known) }
            throw Self.taken
        }
        if let userID { return try await link(identity, to: userID, call, in: tx) }
        guard let email = person.email, person.isEmailVerified else {
            throw AuthError(
                422, .providerEmailNeedsVerification,
                "Unverified email with \(provider). Verify the email with \(provider) first.")
        }
        let users = UserStore(database: tx)
        if let user = try await users.find(email: email) {
            guard let user = try await users.lock(id: user.id), user.email == email else { throw AuthError.unavailable }
            // Whoever made the account before, without proving the address, loses it (CVE-2024-38351).
            let ended =
                user.isConfirmed
                ? [] : try await Confirmation.takeOver(user.id, address: email, in: tx)
            var found = try await link(identity, to: user.id, call, in: tx)
            found.ended = ended
            return found
        }
        guard core.settings.isSignupEnabled else { throw AuthError.signupDisabled }
        let new = NewUser(email: email, isConfirmed: true, userMetadata: person.data, identity: identity)
        guard let user = try await users.add(new) else { throw AuthError.unavailable }
        try await core.record(.userSignedUp, user, call, in: tx, details: [.init("provider", .string(provider))])
        return Found(userID: user.id)
    }

    private func link(_ identity: NewIdentity, to userID: String, _ call: Call, in tx: Transaction) async throws
        -> Found
    {
        guard try await IdentityStore(database: tx).add(identity, to: userID) else { throw Self.taken }
        let user = try await UserStore(database: tx).find(id: userID)
        try await core.record(
            .identityLinked, user, call, in: tx, details: [.init("provider", .string(identity.provider))])
        return Found(userID: userID)
    }

    private static let taken = AuthError(
        422, .identityAlreadyExists, "Identity is already linked to another user")
}
