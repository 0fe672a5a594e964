internal import Postgres
internal import Web

/// The SQL of figures and of where they stand. Each capability shows its own in a view `indicators`.
struct ThresholdStore: Sendable {
    let database: any SQLExecutor

    struct Figure: Sendable {
        let name: String
        let labels: JSON
        var value: Double

        /// Tells series of one name apart.
        var series: String {
            name + "{"
                + (labels.members ?? []).sorted { $0.name < $1.name }.map { "\($0.name)=\($0.value.plain)" }
                .joined(separator: ",") + "}"
        }
    }

    static let figuresMax = 1000

    func isAlone() async throws -> Bool {
        try await database.one(
            "select pg_try_advisory_xact_lock(hashtextextended('automation.thresholds', 0))", as: Bool.self)
    }

    /// What the views of all capabilities that are here say.
    func figures(_ names: [String]) async throws -> [Figure] {
        let schemas = try await database.all(
            """
            select n.nspname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relname = 'indicators' and c.relkind = 'v'
                and (select count(*) from pg_attribute a where a.attrelid = c.oid
                    and a.attname in ('name', 'labels', 'value') and not a.attisdropped) = 3
            order by 1
            """, as: String.self)
        var figures: [Figure] = []
        for schema in schemas {
            let rows = try await database.run(
                """
                select name, labels::text, value from \(identifier: schema).indicators
                where name = any (\(SQLArray(names))::text[]) and value is not null limit \(Self.figuresMax)
                """)
            figures += try rows.map { row in
                Figure(
                    name: try row.decode(0),
                    labels: (try? JSONReader.read(row.decodeIfPresent(1, as: String.self) ?? "{}")) ?? .object([]),
                    value: try row.decode(2))
            }
        }
        return figures
    }

    func state(_ scenario: String, _ series: String) async throws -> Threshold.State? {
        guard
            let row = try await database.run(
                """
                select phase, (extract(epoch from since) * 1000000)::bigint,
                    (extract(epoch from fired_at) * 1000000)::bigint
                from automation.thresholds where scenario = \(scenario) and series = \(series)
                """
            ).first, let phase = Threshold.Phase(rawValue: try row.decode(0, as: String.self))
        else { return nil }
        return Threshold.State(
            phase: phase, since: Instant(microseconds: try row.decode(1)),
            firedAt: try row.decodeIfPresent(2, as: Int64.self).map { Instant(microseconds: $0) })
    }

    func keep(_ scenario: String, _ figure: Figure, _ state: Threshold.State) async throws {
        try await database.execute(
            """
            insert into automation.thresholds (scenario, series, phase, since, fired_at, value)
            values (\(scenario), \(figure.series), \(state.phase.rawValue),
                to_timestamp(0) + \(state.since.microseconds) * interval '1 microsecond',
                to_timestamp(0) + \(state.firedAt?.microseconds) * interval '1 microsecond', \(figure.value))
            on conflict (scenario, series) do update
            set phase = excluded.phase, since = excluded.since, fired_at = excluded.fired_at, value = excluded.value
            """)
    }

    /// Series that have gone are calm; when they fired last stays known for their cool-down.
    func calm(_ scenario: String, except series: [String], since now: Instant) async throws {
        try await database.execute(
            """
            update automation.thresholds
            set phase = 'calm', since = to_timestamp(0) + \(now.microseconds) * interval '1 microsecond'
            where scenario = \(scenario) and phase <> 'calm' and not series = any (\(SQLArray(series))::text[])
            """)
    }

    /// Forgets series that have been calm for as long as the history is kept, and scenarios that are there no more.
    func prune(days: Int, known scenarios: [String]) async throws {
        try await database.execute(
            """
            delete from automation.thresholds
            where since < clock_timestamp() - make_interval(days => \(days)::integer)
                and (fired_at is null or fired_at < clock_timestamp() - make_interval(days => \(days)::integer))
                and (phase = 'calm' or not scenario = any (\(SQLArray(scenarios))::text[]))
            """)
    }
}
