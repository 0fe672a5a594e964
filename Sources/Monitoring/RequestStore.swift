internal import Postgres

/// The SQL of requests in rows of five minutes.
struct RequestStore: Sendable {
    let database: Database

    func add(_ lines: String, boundsMilliseconds: [Double]) async throws {
        let bounds = "{" + boundsMilliseconds.map { "\($0)" }.joined(separator: ",") + "}"
        try await database.run(
            "select monitoring.noter_les_requetes(\(lines)::jsonb, \(bounds)::text::double precision[])")
    }

    func forget(days: Int) async throws {
        try await database.execute(
            """
            delete from monitoring.requetes_5min
            where debut < clock_timestamp() - make_interval(days => \(days)::integer)
            """)
    }
}
