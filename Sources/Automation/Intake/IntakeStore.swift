internal import Postgres
internal import Web

/// An event of the outbox.
struct OutboxEvent: Sendable, RowDecodable {
    let id: Int64
    let source: String
    let operation: String
    let payload: String
    let writtenAt: String

    init(row: Row) throws {
        id = try row.decode(0)
        source = try row.decode(1)
        operation = try row.decode(2)
        payload = try row.decode(3)
        writtenAt = try row.decode(4)
    }
}

/// A run that was planned, as it is written.
struct PlannedRun: Sendable {
    let scenario: Scenario
    let dedupe: String
    let event: JSON
    let plan: Plan
    let at: Instant
}

/// The SQL of the outbox, of runs and of what they plan.
struct IntakeStore: Sendable {
    let database: any SQLExecutor

    /// One server looks at the outbox at a time, so that events stay in order; false when another does.
    func isAlone() async throws -> Bool {
        try await database.one(
            "select pg_try_advisory_xact_lock(hashtextextended('automation.intake', 0))", as: Bool.self)
    }

    /// The oldest events, but for those of these sources.
    func next(_ most: Int, except sources: [String] = []) async throws -> [OutboxEvent] {
        try await database.all(
            """
            select id, source, operation, payload::text,
                to_char(written_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
            from automation.outbox where not source = any (\(SQLArray(sources))::text[]) order by id limit \(most)
            """, as: OutboxEvent.self)
    }

    func remove(_ ids: [Int64]) async throws {
        try await database.execute("delete from automation.outbox where id = any (\(SQLArray(ids))::bigint[])")
    }

    func put(source: String, operation: String, payload: JSON) async throws {
        try await database.execute(
            """
            insert into automation.outbox (source, operation, payload)
            values (\(source), \(operation), \(payload.text)::jsonb)
            """)
    }

    /// Writes runs and their deliveries. A run that stands already, by its scenario and its event, is left as it is.
    func write(_ runs: [PlannedRun]) async throws {
        guard !runs.isEmpty else { return }
        let rows = runs.enumerated().map { number, run -> JSON in
            [
                "n": .integer(number), "scenario": .string(run.scenario.name), "version": .string(run.scenario.version),
                "dedupe": .string(run.dedupe), "event": run.event, "event_at": .string(run.at.iso),
                "notes": .array(run.plan.notes.map { .string($0) }),
            ]
        }
        var number = 0
        var deliveries: [JSON] = []
        for run in runs {
            for delivery in run.plan.deliveries {
                deliveries.append(row(delivery, of: run, number))
                number += 1
            }
        }
        try await database.run(
            """
            with given as (
                select * from jsonb_to_recordset(\(JSON.array(rows).text)::jsonb) as x (
                    n integer, scenario text, version text, dedupe text, event jsonb, event_at timestamptz, notes jsonb)
            ), made as (
                insert into automation.runs (scenario, version, dedupe, event, outcome, notes, event_at)
                select scenario, version, dedupe, event, 'planned', notes, event_at from given order by n
                on conflict (scenario, dedupe) do nothing
                returning id, scenario, dedupe, event_at
            ), put as (
                insert into automation.deliveries (run_id, scenario, step, destination, lane, key, payload, shown,
                    on_error, event_at, expires_at)
                select m.id, d.scenario, d.step, d.destination, d.lane, d.key, d.payload, d.shown, d.on_error,
                    m.event_at, clock_timestamp() + make_interval(secs => d.patience)
                from jsonb_to_recordset(\(JSON.array(deliveries).text)::jsonb) as d (
                    n integer, scenario text, dedupe text, step text, destination text, lane text, key text,
                    payload jsonb, shown jsonb, on_error boolean, patience integer)
                join made m on m.scenario = d.scenario and m.dedupe = d.dedupe
                order by d.n
                on conflict (key) do nothing
                returning lane, destination
            ), counted as (
                insert into automation.counters as c (scenario, destination, outcome, count)
                select scenario, '', 'run', count(*) from made group by scenario order by scenario
                on conflict (scenario, destination, outcome) do update set count = c.count + excluded.count
            )
            insert into automation.lanes as l (lane, destination, waiting, next_at)
            select lane, destination, count(*), clock_timestamp() from put group by lane, destination order by lane
            on conflict (lane) do update set waiting = l.waiting + excluded.waiting
            """)
    }

    private func row(_ delivery: PlannedDelivery, of run: PlannedRun, _ number: Int) -> JSON {
        [
            "n": .integer(number), "scenario": .string(run.scenario.name), "dedupe": .string(run.dedupe),
            "step": .string(delivery.step), "destination": .string(delivery.destination),
            "lane": .string(delivery.lane), "key": .string(delivery.key), "payload": delivery.payload,
            "shown": Masking.mask(delivery.payload), "on_error": .bool(delivery.hasErrorBranch),
            "patience": .integer(delivery.patienceSeconds),
        ]
    }

    /// The event of a run, and what told the run apart.
    func run(_ id: Int64) async throws -> (scenario: String, dedupe: String, event: JSON)? {
        guard
            let row = try await database.run(
                "select scenario, dedupe, event::text from automation.runs where id = \(id)"
            ).first
        else { return nil }
        return (try row.decode(0), try row.decode(1), (try? JSONReader.read(row.decode(2, as: String.self))) ?? .null)
    }

    // MARK: windows

    /// Adds an event to a window, which it opens when there is none.
    func gather(_ scenario: String, key: String, item: JSON, seconds: Int, most: Int) async throws {
        try await database.execute(
            """
            insert into automation.windows as w (scenario, key, closes_at, items)
            values (\(scenario), \(key), clock_timestamp() + make_interval(secs => \(seconds)),
                jsonb_build_array(\(item.text)::jsonb))
            on conflict (scenario, key) do update
            set items = w.items || excluded.items,
                closes_at = case when jsonb_array_length(w.items) + 1 >= \(most) then clock_timestamp()
                    else w.closes_at end
            """)
    }

    /// Takes the windows whose time is over.
    func closed(_ most: Int) async throws -> [(scenario: String, key: String, closedAt: String, items: JSON)] {
        try await database.run(
            """
            delete from automation.windows w using (
                select scenario, key from automation.windows where closes_at <= clock_timestamp()
                order by closes_at limit \(most) for update skip locked) due
            where w.scenario = due.scenario and w.key = due.key
            returning w.scenario, w.key,
                to_char(w.closes_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), w.items::text
            """
        ).map { row in
            (
                try row.decode(0), try row.decode(1), try row.decode(2),
                (try? JSONReader.read(row.decode(3, as: String.self))) ?? .array([])
            )
        }
    }

    // MARK: tables

    /// False when there is no such table.
    func watch(_ table: String, columns: [String], operations: [String], filter: JSON) async throws -> Bool {
        try await database.one(
            """
            select automation.watch(\(table), \(SQLArray(columns))::text[], \(SQLArray(operations))::text[],
                \(filter.text)::jsonb)
            """, as: Bool.self)
    }

    func watched() async throws -> [String] {
        try await database.all("select source from automation.watches order by source", as: String.self)
    }

    func unwatch(_ table: String) async throws { try await database.run("select automation.unwatch(\(table))") }

    /// The bank itself is a destination: what it does is queued, tried again and written down like the rest.
    func prepareBank() async throws {
        try await database.execute(
            """
            insert into automation.destinations (name, kind, changed_by) values ('bank', 'bank', 'digitalbank')
            on conflict (name) do nothing
            """)
    }
}
