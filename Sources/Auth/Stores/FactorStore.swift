internal import Postgres

/// A row of `auth.mfa_factors`.
struct Factor: RowDecodable {
    let id: String
    let name: String
    let isVerified: Bool
    let secret: [UInt8]

    init(row: Row) throws {
        id = try row.decode("id")
        name = try row.decode("friendly_name")
        isVerified = try row.decode("is_verified")
        secret = try row.decode("secret")
    }
}

/// The SQL of second factors.
struct FactorStore: Sendable {
    let database: any SQLExecutor

    private static let columns: Statement = """
        id::text as id, coalesce(friendly_name, '') as friendly_name, status = 'verified' as is_verified, secret
        """

    /// False when a factor of this name is there.
    func add(id: String, to userID: String, name: String, secret: [UInt8]) async throws -> Bool {
        try await database.execute(
            """
            insert into auth.mfa_factors (id, user_id, friendly_name, factor_type, secret)
            values (\(id)::uuid, \(userID)::uuid, \(name), 'totp', \(secret)) on conflict do nothing
            """) > 0
    }

    func all(of userID: String) async throws -> [Factor] {
        try await database.all(
            "select \(fragment: Self.columns) from auth.mfa_factors where user_id = \(userID)::uuid", as: Factor.self)
    }

    func find(_ id: String, of userID: String) async throws -> Factor? {
        try await database.first(
            """
            select \(fragment: Self.columns) from auth.mfa_factors
            where id = \(id)::uuid and user_id = \(userID)::uuid
            """, as: Factor.self)
    }

    func documents(of userID: String) async throws -> [String] {
        try await database.all(
            """
            select auth.factor_document(f)::text from auth.mfa_factors f
            where user_id = \(userID)::uuid order by created_at, id
            """, as: String.self)
    }

    /// Factors whose enrolment was not finished, to make room for another.
    func removeUnverified(of userID: String, olderThanSeconds seconds: Int64) async throws {
        try await database.run(
            """
            delete from auth.mfa_factors where user_id = \(userID)::uuid and status = 'unverified'
                and created_at < now() - \(seconds) * interval '1 second'
            """)
    }

    /// Every factor whose enrolment was not finished.
    func removeUnverified(of userID: String) async throws {
        try await database.run(
            "delete from auth.mfa_factors where user_id = \(userID)::uuid and status = 'unverified'")
    }

    /// Accepts the code of `step` unless it, or a later one, was accepted before. One statement: of two at once one wins.
    func accept(_ id: String, step: Int64) async throws -> Bool {
        try await database.execute(
            """
            update auth.mfa_factors set last_step = \(step), status = 'verified', updated_at = now()
            where id = \(id)::uuid and last_step < \(step)
            """) > 0
    }

    func remove(_ id: String, of userID: String) async throws -> Bool {
        try await database.execute(
            "delete from auth.mfa_factors where id = \(id)::uuid and user_id = \(userID)::uuid") > 0
    }

    struct NewChallenge: RowDecodable {
        let id: String
        let createdAt: Int64

        init(row: Row) throws {
            id = try row.decode(0)
            createdAt = try row.decode(1)
        }
    }

    func challenge(_ factorID: String, sessionID: String, ip: String) async throws -> NewChallenge {
        try await database.run(
            "update auth.mfa_factors set last_challenged_at = now() where id = \(factorID)::uuid")
        return try await database.one(
            """
            insert into auth.mfa_challenges (factor_id, session_id, ip)
            values (\(factorID)::uuid, \(sessionID)::uuid, \(ip))
            returning id::text, floor(extract(epoch from created_at))::bigint
            """, as: NewChallenge.self)
    }

    struct Challenge: RowDecodable {
        let ip: String
        let ageSeconds: Int64

        init(row: Row) throws {
            ip = try row.decode(0)
            ageSeconds = try row.decode(1)
        }
    }

    func findChallenge(_ id: String, factorID: String, sessionID: String) async throws -> Challenge? {
        try await database.first(
            """
            select ip, floor(extract(epoch from now() - created_at))::bigint from auth.mfa_challenges
            where id = \(id)::uuid and factor_id = \(factorID)::uuid and session_id = \(sessionID)::uuid
            """, as: Challenge.self)
    }

    func removeChallenge(_ id: String) async throws {
        try await database.run("delete from auth.mfa_challenges where id = \(id)::uuid")
    }
}
