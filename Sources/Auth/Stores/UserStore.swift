internal import Postgres
internal import Web

/// The SQL of accounts.
struct UserStore: Sendable {
    let database: any SQLExecutor

    func find(id: String) async throws -> User? {
        try await database.first("select * from auth.accounts where id = \(id)::uuid", as: User.self)
    }

    /// An account that was not given up.
    func find(email: String) async throws -> User? {
        try await database.first(
            "select * from auth.accounts where email = \(email) and deleted_at is null", as: User.self)
    }

    /// Keeps others from changing the account until the transaction ends.
    func lock(id: String) async throws -> User? {
        try await database.run("select from auth.users where id = \(id)::uuid for update")
        return try await find(id: id)
    }

    /// Nil when the address, or the id asked for, is taken.
    func add(_ user: NewUser) async throws -> User? {
        let id = try await database.first(
            """
            insert into auth.users
                (id, email, encrypted_password, email_confirmed_at, is_anonymous, invited_at, role, raw_app_meta_data,
                 raw_user_meta_data)
            values (coalesce(\(user.id)::uuid, gen_random_uuid()), \(user.email), \(user.passwordHash),
                case when \(user.isConfirmed) then now() end, \(user.isAnonymous),
                case when \(user.isInvited) then now() end, coalesce(\(user.role), 'authenticated'),
                \(user.appMetadata.text)::jsonb, \(user.userMetadata.text)::jsonb)
            on conflict do nothing returning id::text
            """, as: String.self)
        guard let id else { return nil }
        if let identity = user.identity {
            guard try await IdentityStore(database: database).add(identity, to: id) else { return nil }
        } else if let email = user.email {
            try await IdentityStore(database: database).setEmail(email, isVerified: user.isConfirmed, of: id)
        }
        return try await find(id: id)
    }

    func setPassword(_ hash: String?, of id: String) async throws {
        try await database.run(
            "update auth.users set encrypted_password = \(hash), updated_at = now() where id = \(id)::uuid")
    }

    /// Only when it is still the one that was verified: a change meanwhile stays.
    func replacePassword(_ old: String, by new: String, of id: String) async throws {
        try await database.run(
            """
            update auth.users set encrypted_password = \(new)
            where id = \(id)::uuid and encrypted_password = \(old)
            """)
    }

    /// True when the address was not confirmed before.
    func confirm(_ id: String) async throws -> Bool {
        try await database.execute(
            """
            update auth.users set email_confirmed_at = now(), is_anonymous = false, updated_at = now()
            where id = \(id)::uuid and email_confirmed_at is null
            """) > 0
    }

    func setEmail(_ email: String, isConfirmed: Bool, of id: String) async throws {
        try await database.run(
            """
            update auth.users set email = \(email),
                email_confirmed_at = case when \(isConfirmed) then coalesce(email_confirmed_at, now()) end,
                email_change = null, email_change_confirmed = '{}', is_anonymous = false, updated_at = now()
            where id = \(id)::uuid
            """)
    }

    func askEmailChange(_ email: String, of id: String) async throws {
        try await database.run(
            """
            update auth.users set email_change = \(email), email_change_sent_at = now(), email_change_confirmed = '{}',
                updated_at = now()
            where id = \(id)::uuid
            """)
    }

    /// Notes that one of the two mailboxes agreed, and says which have.
    func confirmEmailChange(_ side: String, of id: String) async throws -> Set<String> {
        let sides = try await database.first(
            """
            update auth.users set email_change_confirmed =
                array(select distinct unnest(email_change_confirmed || array[\(side)::text]))
            where id = \(id)::uuid returning array_to_string(email_change_confirmed, ',')
            """, as: String.self)
        return Set((sides ?? "").split(separator: ",").map(String.init))
    }

    /// Members replace those of the same name; null takes one away.
    func mergeMetadata(app: JSON?, user: JSON?, of id: String) async throws {
        try await database.run(
            """
            update auth.users set updated_at = now(),
                raw_app_meta_data = auth.merged(raw_app_meta_data, \(app?.text ?? "{}")::jsonb),
                raw_user_meta_data = auth.merged(raw_user_meta_data, \(user?.text ?? "{}")::jsonb)
            where id = \(id)::uuid
            """)
    }

    func setRole(_ role: String, of id: String) async throws {
        try await database.run("update auth.users set role = \(role), updated_at = now() where id = \(id)::uuid")
    }

    /// - Parameter seconds: nil lifts the ban.
    func ban(_ id: String, seconds: Int64?) async throws {
        try await database.run(
            """
            update auth.users set updated_at = now(),
                banned_until = now() + \(seconds)::bigint * interval '1 second'
            where id = \(id)::uuid
            """)
    }

    func delete(_ id: String) async throws -> Bool {
        try await database.execute("delete from auth.users where id = \(id)::uuid") > 0
    }

    /// Keeps the row, for what refers to it, and nothing that says whose it was.
    func forget(_ id: String) async throws -> Bool {
        let count = try await database.execute(
            """
            update auth.users set deleted_at = now(), updated_at = now(), email = null, phone = null,
                encrypted_password = null, email_change = null, raw_user_meta_data = '{}', raw_app_meta_data = '{}'
            where id = \(id)::uuid and deleted_at is null
            """)
        guard count > 0 else { return false }
        for statement: Statement in [
            "delete from auth.identities where user_id = \(id)::uuid",
            "delete from auth.mfa_factors where user_id = \(id)::uuid",
            "delete from auth.one_time_tokens where user_id = \(id)::uuid",
            "delete from auth.sessions where user_id = \(id)::uuid",
        ] { try await database.run(statement) }
        return true
    }

    func noteSignIn(_ id: String) async throws {
        try await database.run("update auth.users set last_sign_in_at = now() where id = \(id)::uuid")
    }

    enum Moment: Sendable { case confirmation, recovery, reauthentication }

    func noteSent(_ moment: Moment, to id: String) async throws {
        switch moment {
        case .confirmation:
            try await database.run("update auth.users set confirmation_sent_at = now() where id = \(id)::uuid")
        case .recovery:
            try await database.run("update auth.users set recovery_sent_at = now() where id = \(id)::uuid")
        case .reauthentication:
            try await database.run("update auth.users set reauthentication_sent_at = now() where id = \(id)::uuid")
        }
    }

    /// One page, newest first, as JSON texts.
    func documents(offset: Int, limit: Int) async throws -> [String] {
        try await database.all(
            """
            select document from auth.accounts where deleted_at is null
            order by created_at desc, id limit \(limit) offset \(offset)
            """, as: String.self)
    }

    /// The transaction's time, as documents write it.
    func moment() async throws -> String {
        try await database.one("select auth.instant(now())", as: String.self)
    }

    func count() async throws -> Int {
        try await database.one("select count(*) from auth.users where deleted_at is null", as: Int.self)
    }
}
