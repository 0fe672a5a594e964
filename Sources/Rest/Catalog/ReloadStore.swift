internal import Postgres

/// The SQL around the announcements of a changed schema.
struct ReloadStore: Sendable {
    let database: any SQLExecutor

    func beat(_ channel: String) async throws { try await database.run("select pg_notify(\(channel), '')") }

    /// Whether event triggers announce changes.
    func hasTriggers() async throws -> Bool {
        try await database.one(
            """
            select count(*) = 2 from pg_event_trigger
            where evtname in ('api_schema_change', 'api_schema_suppression') and evtenabled <> 'D'
            """, as: Bool.self)
    }
}
