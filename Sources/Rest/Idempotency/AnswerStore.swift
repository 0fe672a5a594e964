internal import Postgres

/// The SQL of answers that are kept for their keys. Runs as the role that logged in, never as what a token says.
struct AnswerStore: Sendable {
    let database: any SQLExecutor

    enum Claim: Sendable {
        /// The key is ours until the transaction ends.
        case new
        case known(KeptAnswer)
        /// The key belongs to another request.
        case other
        /// The caller has as many answers kept as one may.
        case full
        /// Its row went away between two looks: ask again.
        case gone
    }

    struct KeptAnswer: Sendable {
        let status: Int
        /// A JSON object of names and values.
        let fields: String
        let body: [UInt8]
    }

    func claim(_ key: IdempotencyKey) async throws -> Claim {
        let result = try await database.run(
            """
            select etat, statut::bigint, champs, corps
            from api.reserver_cle(\(key.role), \(key.subject), \(key.value), \(key.fingerprint))
            """)
        guard let row = result.first else { return .gone }
        switch try row.decode(0, as: String.self) {
        case "nouvelle": return .new
        case "plein": return .full
        case "connue":
            guard let status: Int64 = try row.decodeIfPresent(1) else { return .gone }
            return .known(
                KeptAnswer(
                    status: Int(status), fields: try row.decodeIfPresent(2) ?? "{}",
                    body: try row.decodeIfPresent(3) ?? []
                ))
        default: return .other
        }
    }

    /// Keeps the answer in the transaction of its write.
    func keep(_ answer: KeptAnswer, for key: IdempotencyKey) async throws {
        try await database.pipeline([
            // What waits for the end is done while the caller's role still holds.
            "set constraints all immediate",
            // Back to who logged in: the caller's role may not write here.
            "select set_config('role', 'none', true)",
            """
            select api.garder_reponse(\(key.role), \(key.subject), \(key.value), \(Int64(answer.status))::smallint,
                \(answer.fields), \(answer.body))
            """,
        ])
    }

    /// Rows that were too old.
    func forget(most: Int) async throws -> Int64 {
        try await database.one("select api.oublier_reponses(\(Int32(clamping: most)))", as: Int64.self)
    }

    /// Whether answers can be kept: the schema is there and the role that logs in may use it.
    func isThere() async throws -> Bool {
        try await database.one(
            """
            select coalesce((select bool_and(has_function_privilege(p.oid, 'execute')
                    and has_schema_privilege(p.pronamespace, 'usage'))
                from pg_proc p where p.oid in (to_regproc('api.reserver_cle'), to_regproc('api.garder_reponse'))), false)
            """, as: Bool.self)
    }
}
