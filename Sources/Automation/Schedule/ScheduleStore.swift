internal import Postgres

/// A schedule that is due.
struct DueSchedule: Sendable, RowDecodable {
    let scenario: String
    /// Microseconds since 1970.
    let due: Int64

    init(row: Row) throws {
        scenario = try row.decode(0)
        due = try row.decode(1)
    }
}

/// The SQL of schedules. Times come as microseconds, so that no clock of the database has a say where a test has its
/// own.
struct ScheduleStore: Sendable {
    let database: any SQLExecutor

    /// The database's clock: the one that all servers share.
    func now() async throws -> Instant {
        Instant(
            microseconds: try await database.one(
                "select (extract(epoch from clock_timestamp()) * 1000000)::bigint", as: Int64.self))
    }

    /// Makes the schedule known. One that has changed begins anew; one that has not keeps the moment it waits for.
    func keep(_ scenario: String, expression: String, next: Instant) async throws {
        try await database.execute(
            """
            insert into automation.schedules as s (scenario, expression, next_at)
            values (\(scenario), \(expression), to_timestamp(0) + \(next.microseconds) * interval '1 microsecond')
            on conflict (scenario) do update
            set expression = excluded.expression, next_at = excluded.next_at, changed_at = clock_timestamp()
            where s.expression <> excluded.expression
            """)
    }

    func forget(except names: [String]) async throws {
        try await database.execute(
            "delete from automation.schedules where not scenario = any (\(SQLArray(names))::text[])")
    }

    /// One schedule that is due and that no other server is at, held until the transaction ends.
    func takeDue(at now: Instant, of scenarios: [String]) async throws -> DueSchedule? {
        try await database.first(
            """
            select scenario, (extract(epoch from next_at) * 1000000)::bigint from automation.schedules
            where next_at <= to_timestamp(0) + \(now.microseconds) * interval '1 microsecond'
                and scenario = any (\(SQLArray(scenarios))::text[])
            order by next_at limit 1 for update skip locked
            """, as: DueSchedule.self)
    }

    func move(_ scenario: String, to next: Instant) async throws {
        try await database.execute(
            """
            update automation.schedules
            set next_at = to_timestamp(0) + \(next.microseconds) * interval '1 microsecond'
            where scenario = \(scenario)
            """)
    }

    /// Notes what became of due moments; returns those (microseconds) that were not noted before.
    func note(_ scenario: String, _ moments: [(due: Instant, outcome: String)]) async throws -> Set<Int64> {
        Set(
            try await database.all(
                """
                insert into automation.firings (scenario, due_at, outcome)
                select \(scenario), to_timestamp(0) + u.due * interval '1 microsecond', u.outcome
                from unnest(\(SQLArray(moments.map(\.due.microseconds)))::bigint[],
                    \(SQLArray(moments.map(\.outcome)))::text[]) u (due, outcome)
                on conflict (scenario, due_at) do nothing
                returning (extract(epoch from due_at) * 1000000)::bigint
                """, as: Int64.self))
    }

    /// How many due moments before this one its run stands for.
    func merged(_ scenario: String, before moment: Instant) async throws -> Int {
        try await database.one(
            """
            select count(*) from automation.firings f
            where f.scenario = \(scenario) and f.outcome = 'merged'
                and f.due_at < to_timestamp(0) + \(moment.microseconds) * interval '1 microsecond'
                and f.due_at > coalesce((select max(r.due_at) from automation.firings r
                    where r.scenario = \(scenario) and r.outcome = 'ran'
                        and r.due_at < to_timestamp(0) + \(moment.microseconds) * interval '1 microsecond'),
                    '-infinity')
            """, as: Int.self)
    }
}
