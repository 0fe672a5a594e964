internal import Postgres
internal import Web

/// The SQL of identities: the ways in which one account signs in.
struct IdentityStore: Sendable {
    let database: any SQLExecutor

    /// False when the provider's account belongs to somebody already.
    func add(_ identity: NewIdentity, to userID: String) async throws -> Bool {
        let count = try await database.execute(
            """
            insert into auth.identities (user_id, provider, provider_id, identity_data, last_sign_in_at)
            values (\(userID)::uuid, \(identity.provider), \(identity.providerID), \(identity.data.text)::jsonb, now())
            on conflict (provider_id, provider) do nothing
            """)
        guard count > 0 else { return false }
        try await noteProviders(of: userID)
        return true
    }

    /// The identity of an address: its id is the account's own.
    func setEmail(_ email: String, isVerified: Bool, of userID: String) async throws {
        let data: JSON = [
            "sub": .string(userID), "email": .string(email), "email_verified": .bool(isVerified),
            "phone_verified": false,
        ]
        try await database.run(
            """
            insert into auth.identities (user_id, provider, provider_id, identity_data, last_sign_in_at)
            values (\(userID)::uuid, 'email', \(userID), \(data.text)::jsonb, now())
            on conflict (provider_id, provider)
            do update set identity_data = auth.identities.identity_data || excluded.identity_data, updated_at = now()
            """)
        try await noteProviders(of: userID)
    }

    /// The account that a provider's account belongs to; its data is brought up to date.
    func signIn(_ identity: NewIdentity) async throws -> String? {
        try await database.first(
            """
            update auth.identities set identity_data = \(identity.data.text)::jsonb, last_sign_in_at = now(),
                updated_at = now()
            where provider = \(identity.provider) and provider_id = \(identity.providerID) returning user_id::text
            """, as: String.self)
    }

    /// Everything but the address's own: what may have been made before the address was proved.
    func removeProviders(of userID: String) async throws {
        try await database.run("delete from auth.identities where user_id = \(userID)::uuid and provider <> 'email'")
        try await noteProviders(of: userID)
    }

    enum Removal: Sendable { case removed(provider: String), notFound, lastOne }

    func remove(_ id: String, of userID: String) async throws -> Removal {
        try await database.run("select from auth.users where id = \(userID)::uuid for update")
        let all = try await database.all(
            "select id::text from auth.identities where user_id = \(userID)::uuid", as: String.self)
        guard all.contains(id) else { return .notFound }
        guard all.count > 1 else { return .lastOne }
        let provider = try await database.one(
            "delete from auth.identities where id = \(id)::uuid returning provider", as: String.self)
        try await noteProviders(of: userID)
        return .removed(provider: provider)
    }

    /// `app_metadata.provider` and `.providers`, as clients expect them.
    private func noteProviders(of userID: String) async throws {
        try await database.run("select auth.note_providers(\(userID)::uuid)")
    }
}
