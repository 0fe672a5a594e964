internal import Postgres
internal import Web

/// The SQL of generations.
struct GenerationStore: Sendable {
    let database: any SQLExecutor

    func enter(
        _ digest: String, leaving left: String?, active: [Scenario], functions: [String]
    ) async throws -> Generation {
        let sources = Set(active.map { $0.trigger.source($0.name) }).sorted()
        let row = try await database.run(
            """
            select stands, to_json(kept_scenarios)::text, to_json(kept_sources)::text from automation.enter_generation(
                \(digest), \(left)::text, \(SQLArray(active.map(\.name)))::text[], \(SQLArray(sources))::text[],
                \(SQLArray(functions))::text[], make_interval(secs => \(Generation.aliveSeconds)),
                make_interval(secs => \(Generation.keptSeconds)))
            """
        ).first
        guard let row else { return Generation() }
        return Generation(
            stands: try row.decode(0), digest: digest, keptScenarios: try names(row, 1), keptSources: try names(row, 2))
    }

    /// How many different sets of scenarios living servers have.
    func alive() async throws -> Int {
        try await database.one(
            """
            select count(*) from automation.generations
            where seen_at > clock_timestamp() - make_interval(secs => \(Generation.aliveSeconds))
            """, as: Int.self)
    }

    private func names(_ row: Row, _ column: Int) throws -> [String] {
        try JSONReader.read(row.decode(column, as: String.self)).array?.compactMap(\.string) ?? []
    }
}
