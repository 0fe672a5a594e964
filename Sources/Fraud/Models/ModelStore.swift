internal import Postgres

/// The SQL of models in schema `fraud`.
struct ModelStore: Sendable {
    let database: any SQLExecutor

    struct Entry: Sendable {
        var id: Int64
        var status: String
        var fingerprint: String
        var columns: String
        var figures: String
        var createdAt: String
        var promotedAt: String?
    }

    /// The number of a new model, or of the same file added before.
    func add(
        _ bytes: [UInt8], fingerprint: String, columns: String, figures: String, kind: String
    ) async throws -> Int64 {
        try await database.one(
            """
            insert into fraud.modeles (colonnes, fichier, empreinte, figures, nature)
            values (\(columns), \(bytes), \(fingerprint), \(figures)::jsonb, \(kind))
            on conflict (empreinte) do update set empreinte = excluded.empreinte
            returning id
            """, as: Int64.self)
    }

    func list() async throws -> [Entry] {
        try await database.run(
            """
            select id, statut, empreinte, colonnes, figures::text,
                to_char(cree_le at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                to_char(promu_le at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            from fraud.modeles order by id desc limit 200
            """
        ).map {
            Entry(
                id: try $0.decode(0), status: try $0.decode(1), fingerprint: try $0.decode(2),
                columns: try $0.decode(3),
                figures: try $0.decode(4), createdAt: try $0.decode(5), promotedAt: try $0.decodeIfPresent(6))
        }
    }

    func file(_ id: Int64) async throws -> [UInt8]? {
        try await database.run("select fichier from fraud.modeles where id = \(id)").first?.decode(0)
    }

    /// The model in service of a kind, `champion` or `challenger`.
    func inService(_ status: String) async throws -> (id: Int64, file: [UInt8])? {
        try await database.run("select id, fichier from fraud.modeles where statut = \(status)").first.map {
            (try $0.decode(0), try $0.decode(1))
        }
    }

    func inServiceIDs() async throws -> [Int64] {
        try await database.run(
            "select id from fraud.modeles where statut in ('champion', 'challenger') order by statut"
        ).map { try $0.decode(0) }
    }

    func promote(_ id: Int64) async throws -> Bool {
        try await database.one("select fraud.promouvoir(\(id))", as: Bool.self)
    }

    /// The champion before the present one.
    func before() async throws -> Int64? {
        try await database.run(
            """
            select id from fraud.modeles where statut = 'retire' and promu_le is not null
            order by promu_le desc limit 1
            """
        ).first?.decode(0)
    }

    func challenge(_ id: Int64) async throws -> Bool {
        let steps: [Statement] = [
            "update fraud.modeles set statut = 'retire' where statut = 'challenger' and id <> \(id)",
            "update fraud.modeles set statut = 'challenger' where id = \(id) and statut <> 'champion'",
        ]
        return try await database.pipeline(steps).last?.affectedRowCount == 1
    }
}
