internal import Postgres

/// A row of `auth.flow_state`.
struct Flow: RowDecodable {
    let id: String
    let userID: String?
    let linkingUserID: String?
    let challenge: String?
    let challengeMethod: String?
    let method: String
    let provider: String?
    let redirectTo: String?
    let providerSecrets: [UInt8]?
    let isExpired: Bool

    init(row: Row) throws {
        id = try row.decode("id")
        userID = try row.decodeIfPresent("user_id")
        linkingUserID = try row.decodeIfPresent("linking_user_id")
        challenge = try row.decodeIfPresent("code_challenge")
        challengeMethod = try row.decodeIfPresent("code_challenge_method")
        method = try row.decode("authentication_method")
        provider = try row.decodeIfPresent("provider")
        redirectTo = try row.decodeIfPresent("redirect_to")
        providerSecrets = try row.decodeIfPresent("provider_secrets")
        isExpired = try row.decode("is_expired")
    }
}

/// The SQL of sign-ins that end in a code.
struct FlowStore: Sendable {
    let database: any SQLExecutor

    private static let columns: Statement = """
        id::text as id, user_id::text as user_id, linking_user_id::text as linking_user_id, code_challenge,
        code_challenge_method, authentication_method, provider, redirect_to, provider_secrets,
        expires_at <= now() as is_expired
        """

    struct New: Sendable {
        var challenge: CodeChallenge?
        var method: String
        var provider: String?
        var redirectTo: String?
        var linkingUserID: String?
        var secrets: [UInt8]?
        var seconds: Int64
    }

    func add(_ flow: New, id: String) async throws {
        try await database.run(
            """
            insert into auth.flow_state
                (id, code_challenge, code_challenge_method, authentication_method, provider, redirect_to,
                 linking_user_id, provider_secrets, expires_at)
            values (\(id)::uuid, \(flow.challenge?.challenge), \(flow.challenge?.method.rawValue), \(flow.method),
                \(flow.provider), \(flow.redirectTo), \(flow.linkingUserID)::uuid, \(flow.secrets),
                now() + \(flow.seconds) * interval '1 second')
            """)
    }

    /// The person is known; whoever shows the code and the verifier gets the session. False when the flow is gone, has
    /// ended or has its code already.
    func complete(_ id: String, userID: String, codeHash: [UInt8], secrets: [UInt8]?, seconds: Int64) async throws
        -> Bool
    {
        try await database.execute(
            """
            update auth.flow_state set user_id = \(userID)::uuid, auth_code_hash = \(codeHash),
                provider_secrets = \(secrets), expires_at = now() + \(seconds) * interval '1 second'
            where id = \(id)::uuid and auth_code_hash is null
            """) > 0
    }

    /// Reads and deletes: a code works once.
    func take(codeHash: [UInt8]) async throws -> Flow? {
        try await database.first(
            "delete from auth.flow_state where auth_code_hash = \(codeHash) returning \(fragment: Self.columns)",
            as: Flow.self)
    }

    func find(_ id: String) async throws -> Flow? {
        try await database.first(
            "select \(fragment: Self.columns) from auth.flow_state where id = \(id)::uuid", as: Flow.self)
    }

    /// For the provider's answer: a state is answered once. What it leaves behind waits for its code.
    func takeSecrets(_ id: String) async throws -> Flow? {
        try await database.first(
            """
            with earlier as (
                select \(fragment: Self.columns) from auth.flow_state
                where id = \(id)::uuid and auth_code_hash is null and provider_secrets is not null for update
            ), cleared as (
                update auth.flow_state set provider_secrets = null where id in (select id::uuid from earlier)
            )
            select * from earlier
            """, as: Flow.self)
    }
}
