internal import Postgres
internal import Web

/// A row of `auth.sessions`.
struct Session: RowDecodable {
    let id: String
    let userID: String
    let aal: String
    let methods: String
    let counter: Int64
    let ageSeconds: Int64
    let idleSeconds: Int64

    init(row: Row) throws {
        id = try row.decode("id")
        userID = try row.decode("user_id")
        aal = try row.decode("aal")
        methods = try row.decode("amr")
        counter = try row.decode("refresh_counter")
        ageSeconds = try row.decode("age_seconds")
        idleSeconds = try row.decode("idle_seconds")
    }
}

/// The SQL of sessions. Deleting one announces it to all servers (see the migration).
struct SessionStore: Sendable {
    let database: any SQLExecutor

    private static let columns: Statement = """
        id::text as id, user_id::text as user_id, aal, amr::text as amr, refresh_counter,
        floor(extract(epoch from now() - created_at))::bigint as age_seconds,
        floor(extract(epoch from now() - refreshed_at))::bigint as idle_seconds
        """

    func open(for userID: String, methods: JSON, tokenSeconds: Int64, userAgent: String?, ip: String) async throws
        -> Session
    {
        try await database.one(
            """
            insert into auth.sessions (user_id, amr, tokens_until, user_agent, ip)
            values (\(userID)::uuid, \(methods.text)::jsonb, now() + \(tokenSeconds) * interval '1 second',
                \(userAgent), \(ip))
            returning \(fragment: Self.columns)
            """, as: Session.self)
    }

    func find(_ id: String, of userID: String) async throws -> Session? {
        try await database.first(
            """
            select \(fragment: Self.columns) from auth.sessions
            where id = \(id)::uuid and user_id = \(userID)::uuid
            """, as: Session.self)
    }

    /// Keeps others from refreshing it until the transaction ends.
    func lock(_ id: String) async throws -> Session? {
        try await database.first(
            "select \(fragment: Self.columns) from auth.sessions where id = \(id)::uuid for update", as: Session.self)
    }

    /// The refresh token before is used; the next one is valid.
    func advance(_ session: Session, by steps: Int64 = 1, tokenSeconds: Int64, ip: String) async throws {
        try await database.run(
            """
            update auth.sessions set refresh_counter = refresh_counter + \(steps), refreshed_at = now(),
                tokens_until = greatest(tokens_until, now() + \(tokenSeconds) * interval '1 second'), updated_at = now()
            where id = \(session.id)::uuid
            """)
        try await database.run(
            """
            insert into auth.refresh_tokens (session_id, counter, ip)
            values (\(session.id)::uuid, \(session.counter), \(ip)) on conflict do nothing
            """)
    }

    /// Another access token was given out without a new refresh token.
    func extend(_ id: String, tokenSeconds: Int64) async throws {
        try await database.run(
            """
            update auth.sessions
            set tokens_until = greatest(tokens_until, now() + \(tokenSeconds) * interval '1 second')
            where id = \(id)::uuid
            """)
    }

    func raise(_ id: String, factorID: String, methods: JSON) async throws {
        try await database.run(
            """
            update auth.sessions set aal = 'aal2', factor_id = \(factorID)::uuid, amr = \(methods.text)::jsonb,
                updated_at = now()
            where id = \(id)::uuid
            """)
    }

    /// A factor is gone: the session that took it away falls back, others that it had raised end.
    func lower(factorID: String, keeping id: String, methods: JSON) async throws -> [String] {
        try await database.run(
            """
            update auth.sessions set aal = 'aal1', factor_id = null, amr = \(methods.text)::jsonb, updated_at = now()
            where id = \(id)::uuid and factor_id = \(factorID)::uuid
            """)
        return try await database.all(
            """
            delete from auth.sessions where factor_id = \(factorID)::uuid and id <> \(id)::uuid returning id::text
            """, as: String.self)
    }

    @discardableResult
    func end(_ id: String) async throws -> [String] {
        try await database.all("delete from auth.sessions where id = \(id)::uuid returning id::text", as: String.self)
    }

    func all(of userID: String) async throws -> [String] {
        try await database.all(
            "select id::text from auth.sessions where user_id = \(userID)::uuid", as: String.self)
    }

    @discardableResult
    func endAll(of userID: String) async throws -> [String] {
        try await database.all(
            "delete from auth.sessions where user_id = \(userID)::uuid returning id::text", as: String.self)
    }

    @discardableResult
    func endOthers(than id: String, of userID: String) async throws -> [String] {
        try await database.all(
            """
            delete from auth.sessions where user_id = \(userID)::uuid and id <> \(id)::uuid returning id::text
            """, as: String.self)
    }

    struct Revoked: RowDecodable {
        let id: String
        let until: Int64

        init(row: Row) throws {
            id = try row.decode(0)
            until = try row.decode(1)
        }
    }

    /// Sessions that ended while tokens of theirs may still be about, with the Unix second after which none is.
    func revoked() async throws -> [Revoked] {
        try await database.all(
            """
            select session_id::text, ceil(extract(epoch from valid_until))::bigint from auth.revoked_sessions
            where valid_until > now()
            """, as: Revoked.self)
    }
}
