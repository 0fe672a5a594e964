internal import Postgres

/// What a code or a link that was mailed is for.
enum OneTimeTokenKind: String, Sendable, CaseIterable {
    case signup
    case invite
    case magicLink = "magiclink"
    case recovery
    case emailChangeCurrent = "email_change_current"
    case emailChangeNew = "email_change_new"
    case reauthentication
}

/// A row of `auth.one_time_tokens` that was just deleted: whoever has it is the only one.
struct ConsumedToken: RowDecodable {
    let userID: String
    let kind: OneTimeTokenKind
    let address: String
    let flowID: String?
    /// The password that was chosen along with it.
    let passwordHash: String?
    let isExpired: Bool

    init(row: Row) throws {
        userID = try row.decode("user_id")
        let name = try row.decode("token_type", as: String.self)
        guard let kind = OneTimeTokenKind(rawValue: name) else { throw AuthError.unexpected }
        self.kind = kind
        address = try row.decode("relates_to")
        flowID = try row.decodeIfPresent("flow_id")
        passwordHash = try row.decodeIfPresent("password_hash")
        isExpired = try row.decode("is_expired")
    }
}

/// The SQL of one-time codes. What is read is deleted by the same statement, so that of two who come at once one gets it.
struct OneTimeTokenStore: Sendable {
    let database: any SQLExecutor

    /// Sign-ups of one address that wait for their confirmation at once: each has a link, a code and a password.
    static let signupsMax: Int64 = 5

    private static let consumed: Statement = """
        user_id::text as user_id, token_type, relates_to, flow_id::text as flow_id, password_hash,
        expires_at <= now() as is_expired
        """

    struct New: Sendable {
        let userID: String
        let kind: OneTimeTokenKind
        let address: String
        let linkHash: [UInt8]
        let codeHash: [UInt8]
        let flowID: String?
        let passwordHash: String?
        let seconds: Int64
    }

    /// Takes the place of an earlier one of its kind.
    func add(_ token: New) async throws {
        try await database.run(
            """
            insert into auth.one_time_tokens
                (user_id, token_type, relates_to, link_hash, code_hash, flow_id, password_hash, expires_at)
            values (\(token.userID)::uuid, \(token.kind.rawValue), \(token.address), \(token.linkHash),
                \(token.codeHash), \(token.flowID)::uuid, \(token.passwordHash),
                now() + \(token.seconds) * interval '1 second')
            on conflict (user_id, token_type) where token_type <> 'signup' do update set relates_to = excluded.relates_to,
                link_hash = excluded.link_hash, code_hash = excluded.code_hash, flow_id = excluded.flow_id,
                expires_at = excluded.expires_at, created_at = now(), failures = 0
            """)
        guard token.kind == .signup else { return }
        try await database.run(
            """
            delete from auth.one_time_tokens where user_id = \(token.userID)::uuid and token_type = 'signup'
                and id not in (select id from auth.one_time_tokens
                    where user_id = \(token.userID)::uuid and token_type = 'signup'
                    order by created_at desc, id limit \(Self.signupsMax))
            """)
    }

    func take(link hash: [UInt8], kinds: [OneTimeTokenKind]) async throws -> ConsumedToken? {
        try await database.first(
            """
            delete from auth.one_time_tokens
            where link_hash = \(hash) and token_type = any(\(SQLArray(kinds.map(\.rawValue)))::text[])
            returning \(fragment: Self.consumed)
            """, as: ConsumedToken.self)
    }

    func take(code hash: [UInt8], address: String, kinds: [OneTimeTokenKind], failuresMax: Int) async throws
        -> ConsumedToken?
    {
        let types = SQLArray(kinds.map(\.rawValue))
        let taken = try await database.first(
            """
            delete from auth.one_time_tokens
            where relates_to = \(address) and code_hash = \(hash) and token_type = any(\(types)::text[])
                and failures < \(failuresMax)
            returning \(fragment: Self.consumed)
            """, as: ConsumedToken.self)
        if taken == nil {
            try await database.run(
                """
                update auth.one_time_tokens set failures = least(failures + 1, 1000)
                where relates_to = \(address) and token_type = any(\(types)::text[])
                """)
        }
        return taken
    }

    func take(code hash: [UInt8], kind: OneTimeTokenKind, of userID: String, failuresMax: Int) async throws -> Bool {
        let taken = try await database.execute(
            """
            delete from auth.one_time_tokens
            where user_id = \(userID)::uuid and code_hash = \(hash) and token_type = \(kind.rawValue)
                and failures < \(failuresMax) and expires_at > now()
            """)
        if taken == 0 {
            try await database.run(
                """
                update auth.one_time_tokens set failures = least(failures + 1, 1000)
                where user_id = \(userID)::uuid and token_type = \(kind.rawValue)
                """)
        }
        return taken > 0
    }

    func removeAll(of userID: String) async throws {
        try await database.run("delete from auth.one_time_tokens where user_id = \(userID)::uuid")
    }
}
