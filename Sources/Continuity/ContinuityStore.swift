internal import Foundation
internal import Postgres

/// Schema `continuity`, and what a backup asks of the server.
struct ContinuityStore: Sendable {
    let database: any SQLExecutor

    /// Archiving as this product does it. In `postgresql.auto.conf`, which a start of the cluster leaves alone.
    static func archiving(command: String) -> [Statement] {
        [
            Statement(unchecked: "alter system set archive_mode = 'on'"),
            Statement(unchecked: "alter system set archive_command = \(Statement.literal(command))"),
            Statement(unchecked: "alter system set archive_timeout = '60s'"),
        ]
    }

    /// After a restore has switched archiving off in its copy.
    static let archivingAgain = Statement(unchecked: "alter system set archive_mode = 'on'")
    static let forgetRecovery: [Statement] = [
        "restore_command", "recovery_target", "recovery_target_time", "recovery_target_lsn", "recovery_target_action",
        "recovery_target_inclusive", "recovery_target_timeline",
        // It came with the backup, and would make every commit wait for a receiver that is not here.
        "synchronous_standby_names",
    ].map { Statement(unchecked: "alter system reset \($0)") }

    static func synchronous(_ isOn: Bool) -> Statement {
        Statement(
            unchecked: "alter system set synchronous_standby_names = '\(isOn ? LogReceiver.name : "")'")
    }

    static let reload = Statement(unchecked: "select pg_reload_conf()")

    struct Archiver: RowDecodable {
        let mode: String
        let command: String
        let archived: String?
        let archivedAgo: Double?
        let failed: Int64
        let lastFailed: String?
        let current: String
        let synchronous: String

        init(row: Row) throws {
            mode = try row.decode(0)
            command = try row.decode(1)
            archived = try row.decodeIfPresent(2)
            archivedAgo = try row.decodeIfPresent(3)
            failed = try row.decode(4)
            lastFailed = try row.decodeIfPresent(5)
            current = try row.decode(6)
            synchronous = try row.decode(7)
        }
    }

    func archiver() async throws -> Archiver {
        try await database.one(
            """
            select current_setting('archive_mode'), current_setting('archive_command'), last_archived_wal,
                extract(epoch from clock_timestamp() - last_archived_time)::float8, failed_count, last_failed_wal,
                pg_walfile_name(pg_current_wal_insert_lsn()), current_setting('synchronous_standby_names')
            from pg_stat_archiver
            """, as: Archiver.self)
    }

    /// Ends the segment under way, so that it is archived now.
    func switchLog() async throws -> String {
        try await database.one("select pg_walfile_name(pg_switch_wal())", as: String.self)
    }

    func beat() async throws {
        try await database.run(
            """
            insert into continuity.beats (id, number, at) values (1, 1, clock_timestamp())
            on conflict (id) do update set number = beats.number + 1, at = excluded.at
            """)
    }

    func record(_ set: BackupSet, state: String, note: String) async throws {
        try await database.run(
            """
            insert into continuity.sets
                (label, repository, kind, started_at, stopped_at, bytes, stored_bytes, state, note)
            values (\(set.label), \(set.repository), \(set.kind.rawValue), to_timestamp(\(set.startedAt)),
                to_timestamp(\(set.stoppedAt)), \(set.bytes), \(set.storedBytes), \(state), \(note))
            on conflict (label, repository) do update set state = excluded.state, note = excluded.note
            """)
    }

    /// The first hostile act of an incident, as a time with its zone; nil where there is no such incident.
    func firstAct(of incident: String) async throws -> String? {
        guard try await database.one(DrillCheckStore.exists("detection.incidents"), as: Bool.self) else { return nil }
        return try await database.first(
            """
            select to_char(first_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')
            from detection.incidents where id::text = \(incident)
            """, as: String.self)
    }

    func record(_ drill: DrillReport) async throws {
        try await database.run(
            """
            insert into continuity.drills (id, scenario, started_at, ended_at, label, repository, target, passed,
                restore_seconds, recovery_seconds, check_seconds, rpo_seconds, last_moment, checks, report)
            values (\(drill.id.uuidString)::uuid, \(drill.scenario), to_timestamp(\(drill.startedAt)),
                to_timestamp(\(drill.endedAt)), \(drill.label), \(drill.repository), \(drill.target),
                \(drill.passed), \(drill.restoreSeconds), \(drill.recoverySeconds), \(drill.checkSeconds),
                \(drill.rpoSeconds), \(drill.lastMoment)::timestamptz, \(try drill.checksJSON())::jsonb, \(drill.file))
            """)
    }

    func raise(_ alarm: WatchAlarm) async throws {
        try await database.run(
            """
            insert into continuity.alarms (kind, severity, subject, words_fr, words_en)
            values (\(alarm.kind), \(alarm.severity), \(alarm.subject), \(alarm.words.fr), \(alarm.words.en))
            """)
    }

    /// Nothing where the same is open already.
    func raiseOnce(_ alarm: WatchAlarm) async throws {
        try await database.run(
            """
            insert into continuity.alarms (kind, severity, subject, words_fr, words_en)
            select \(alarm.kind), \(alarm.severity), \(alarm.subject), \(alarm.words.fr), \(alarm.words.en)
            where not exists (
                select from continuity.alarms
                where kind = \(alarm.kind) and subject = \(alarm.subject) and closed_at is null)
            """)
    }

    func close(_ kind: String, _ subject: String) async throws {
        try await database.run(
            """
            update continuity.alarms set closed_at = clock_timestamp()
            where kind = \(kind) and subject = \(subject) and closed_at is null
            """)
    }

    /// Sets that a repository does not hold any more: removed by us, or vanished.
    func expire(allBut labels: [String], vanished: [String], in repository: Int) async throws {
        let (gone, held) = (SQLArray(vanished), SQLArray(labels))
        try await database.run(
            """
            update continuity.sets set state = case when label = any(\(gone)::text[]) then 'damaged' else 'expired' end,
                note = case when label = any(\(gone)::text[]) then 'the repository does not know it any more' else '' end
            where repository = \(repository) and state <> 'expired' and not (label = any(\(held)::text[]))
            """)
    }
}
