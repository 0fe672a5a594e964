internal import Postgres
internal import Web

/// The SQL of the change feed: publication, slot, and how far it was read.
struct FeedStore: Sendable {
    let database: any SQLExecutor

    static let publication = "digitalbank_automation"

    /// A slot belongs to a database, its name to the whole server.
    func slotName() async throws -> String {
        try await database.one(
            "select 'digitalbank_automation_' || oid from pg_database where datname = current_database()",
            as: String.self)
    }

    /// What keeps the log from being read, in words; nil when nothing does.
    func obstacle() async throws -> String? {
        try await database.run(
            """
            select case
                when current_setting('wal_level') <> 'logical' then
                    'changes are not followed: wal_level is ' || current_setting('wal_level') || ', not logical'
                when not (r.rolsuper or r.rolreplication or exists (
                    select from pg_roles m where m.rolname in ('rds_replication', 'cloudsqlsuperuser')
                        and pg_has_role(r.oid, m.oid, 'usage'))) then
                    'changes are not followed: ' || current_user || ' may not replicate'
                end
            from pg_roles r where r.rolname = current_user
            """
        ).first?.decodeIfPresent(0)
    }

    /// Makes the publication hold these tables; none: removes it. Returns those that are not there.
    func follow(_ tables: [String]) async throws -> [String] {
        try await database.all(
            "select unnest(automation.follow(\(SQLArray(tables))::text[]))", as: String.self)
    }

    func hasSlot(_ slot: String) async throws -> Bool {
        try await database.one(
            "select exists (select from pg_replication_slots where slot_name = \(slot))", as: Bool.self)
    }

    /// The server has thrown away log that was not read.
    func isLost(_ slot: String) async throws -> Bool {
        try await database.one(
            """
            select exists (select from pg_replication_slots where slot_name = \(slot) and wal_status = 'lost')
            """, as: Bool.self)
    }

    /// Made beside its line of `feeds`, which stands before it: what commits behind the slot is told.
    func makeSlot(_ slot: String) async throws {
        try await database.execute(
            """
            insert into automation.feeds (slot) values (\(slot))
            on conflict (slot) do update set commit_at = '0/0', taken = 0, moved_at = clock_timestamp()
            """)
        try await database.run("select pg_create_logical_replication_slot(\(slot), 'pgoutput')")
    }

    /// The server may forget its log again.
    func dropSlot(_ slot: String) async throws {
        try await database.run(
            """
            select pg_drop_replication_slot(slot_name) from pg_replication_slots
            where slot_name = \(slot) and active_pid is null
            """)
        try await database.execute("delete from automation.feeds where slot = \(slot)")
    }

    func place(_ slot: String) async throws -> FeedPlace {
        let row = try await database.run(
            "select commit_at::text, taken from automation.feeds where slot = \(slot)"
        ).first
        guard let row else { return FeedPlace() }
        return FeedPlace(
            commit: LogPosition(try row.decode(0, as: String.self)) ?? LogPosition(0), taken: try row.decode(1))
    }

    /// False when another server was there first.
    func take(_ slot: String, from before: FeedPlace, to place: FeedPlace, _ changes: [JSON]) async throws -> Bool {
        try await database.one(
            """
            select automation.take_changes(\(slot), \("\(place.commit)")::text::pg_lsn, \(place.taken),
                \("\(before.commit)")::text::pg_lsn, \(before.taken), \(JSON.array(changes).text)::jsonb)
            """, as: Bool.self)
    }
}

/// How far a feed was read: so many changes of the transaction whose commit lies there, and all before it.
struct FeedPlace: Sendable, Hashable {
    var commit = LogPosition(0)
    var taken: Int64 = 0
}
