internal import Foundation
internal import Postgres

/// The SQL of the retention engine.
struct RetentionStore: Sendable {
    let database: any SQLExecutor

    func codes() async throws -> [String] {
        try await database.all("select code from privacy.schedules where is_on order by code", as: String.self)
    }

    func due(_ code: String) async throws -> Int64 {
        try await database.one("select privacy.due(\(code))", as: Int64.self)
    }

    func treat(_ code: String, most: Int) async throws -> Int64 {
        try await database.one("select privacy.treat(\(code), \(most)::integer)", as: Int64.self)
    }

    /// Takes note of accounts that are closed and have no closing day: the day on which that was seen counts.
    func noteClosings() async throws { try await database.run("select privacy.note_closings()") }

    /// Former clients of whom the bank does not know the day, the one whose last operation is longest ago first.
    func closings() async throws -> String {
        try await database.one(
            """
            select coalesce(json_agg(json_build_object('client', c.numero, 'accounts', d.derived_accounts,
                'last_operation_on', d.last_sign_on, 'counted_from', d.closed_on,
                'kept_until', (d.closed_on + s.keep)::date,
                'may_be_over', d.last_sign_on is null or d.last_sign_on < clock_timestamp() - s.keep)
                order by d.last_sign_on nulls first, c.numero), '[]')::text
            from (select * from privacy.departed where is_derived order by last_sign_on nulls first limit 1000) d
                join public.clients c on c.id = d.client_id
                join privacy.schedules s on s.code = 'clients_partis'
            """, as: String.self)
    }

    /// How many of them may have been kept for longer than law asks.
    func questions() async throws -> Int64 {
        try await database.one(
            """
            select count(*) from privacy.departed d join privacy.schedules s on s.code = 'clients_partis'
            where d.is_derived and (d.last_sign_on is null or d.last_sign_on < clock_timestamp() - s.keep)
            """, as: Int64.self)
    }

    /// Returns whose account it is.
    func stateClosing(_ account: Int64, _ day: String, by name: String, _ reason: String) async throws -> UUID {
        try await database.value(
            "select privacy.state_closing(\(account), \(day)::text::date, \(name), \(reason))", as: UUID.self)
    }

    func note(_ run: RetentionRun, by name: String) async throws {
        try await database.run(
            """
            insert into privacy.retention_runs (code, is_dry, cut_off, found, treated, batches, run_by, remaining)
            select \(run.code), \(run.isDry), clock_timestamp() - s.keep, \(run.found), \(run.treated), \(run.batches)::integer,
                \(name), \(max(0, run.found - run.treated))
            from privacy.schedules s where s.code = \(run.code)
            """)
    }

    /// Schedules with rows that should have gone more than the grace ago, and how many.
    func overdue() async throws -> [(String, Int64)] {
        try await database.run(
            """
            select code, n from (
                select s.code, privacy.due(s.code, s.grace) as n from privacy.schedules s where s.is_on) d
            where n > 0 order by code
            """
        ).map { (try $0.decode(0), try $0.decode(1)) }
    }

    /// Whether the daily run waits to be done.
    func isDailyDue(_ name: String) async throws -> Bool {
        try await database.one(
            """
            select not exists (select from privacy.retention_runs
                where run_by = \(name) and not is_dry and ended_at > clock_timestamp() - interval '23 hours')
            """, as: Bool.self)
    }

    /// One server at a time; the session keeps it until it ends or gives it back.
    func tryLock() async throws -> Bool {
        try await database.one("select pg_try_advisory_lock(hashtextextended('privacy.retention', 0))", as: Bool.self)
    }

    func unlock() async throws {
        try await database.run("select pg_advisory_unlock(hashtextextended('privacy.retention', 0))")
    }

    func archivesEnding(most: Int) async throws -> [String] {
        try await database.all(
            "select client_id::text from privacy.archives where hold_until < current_date limit \(most)",
            as: String.self)
    }
}
