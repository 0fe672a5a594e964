internal import Postgres

/// A scenario that the console has written or switched.
struct StoredScenario: Sendable, RowDecodable {
    let name: String
    let document: String?
    let isEnabled: Bool

    init(row: Row) throws {
        name = try row.decode(0)
        document = try row.decodeIfPresent(1)
        isEnabled = try row.decode(2)
    }
}

/// The SQL of stored scenarios.
struct ScenarioStore: Sendable {
    let database: any SQLExecutor

    func all() async throws -> [StoredScenario] {
        try await database.all(
            "select name, document, enabled from automation.scenarios order by name", as: StoredScenario.self)
    }

    /// - Parameter before: the document that was stored, nil for none.
    /// - Returns: false when another one was stored meanwhile, and nothing was written.
    func keep(
        _ name: String, document: String, inPlaceOf before: String?, by author: String
    ) async throws -> Bool {
        try await database.execute(
            """
            insert into automation.scenarios as s (name, document, changed_by)
            values (\(name), \(document), \(author))
            on conflict (name) do update
            set document = excluded.document, changed_by = excluded.changed_by, changed_at = clock_timestamp()
            where s.document is not distinct from \(before)
            """) > 0
    }

    func enable(_ name: String, _ isEnabled: Bool, by author: String) async throws {
        try await database.execute(
            """
            insert into automation.scenarios (name, enabled, changed_by) values (\(name), \(isEnabled), \(author))
            on conflict (name) do update
            set enabled = excluded.enabled, changed_by = excluded.changed_by, changed_at = clock_timestamp()
            """)
    }

    /// Back to what is shipped.
    func remove(_ name: String) async throws -> Bool {
        try await database.execute("delete from automation.scenarios where name = \(name)") > 0
    }
}
