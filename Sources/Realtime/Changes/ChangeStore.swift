internal import Postgres
internal import Web

/// The SQL of the change feed: the slot, the catalogue, rows as JSON, who may see which row.
struct ChangeStore: Sendable {
    let database: Database

    // MARK: The slot

    struct ServerState: RowDecodable {
        let walLevel: String
        let role: String
        let mayReplicate: Bool
        let publicationCount: Int

        init(row: Row) throws {
            walLevel = try row.decode(0)
            role = try row.decode(1)
            mayReplicate = try row.decode(2)
            publicationCount = try row.decode(3)
        }
    }

    /// Managed servers grant the right to replicate through a role of their own (rds_replication, cloudsqlsuperuser).
    func serverState(_ publications: [String]) async throws -> ServerState {
        try await database.one(
            """
            select current_setting('wal_level'), current_user::text,
                rolsuper or rolreplication or exists (
                    select from pg_roles m where m.rolname in ('rds_replication', 'cloudsqlsuperuser')
                        and pg_has_role(r.oid, m.oid, 'usage')),
                (select count(*) from pg_publication where pubname = any (\(SQLArray(publications))::text[]))
            from pg_roles r where rolname = current_user
            """, as: ServerState.self)
    }

    enum SlotState: Sendable {
        case missing
        case usable(confirmed: LogPosition)
        /// The server gave the log away before we read it.
        case lost
        case otherDatabase
    }

    func slotState(_ name: String) async throws -> SlotState {
        let rows = try await database.run(
            """
            select coalesce(confirmed_flush_lsn::text, '0/0'), coalesce(wal_status, '') = 'lost',
                database is not distinct from current_database() and plugin = 'pgoutput'
            from pg_replication_slots where slot_name = \(name)
            """)
        guard let row = rows.first else { return .missing }
        guard try row.decode(2, as: Bool.self) else { return .otherDatabase }
        if try row.decode(1, as: Bool.self) { return .lost }
        return .usable(confirmed: LogPosition(try row.decode(0, as: String.self)) ?? LogPosition(0))
    }

    /// The end of the server's log.
    func position() async throws -> LogPosition {
        LogPosition(try await database.one("select pg_current_wal_lsn()::text", as: String.self)) ?? LogPosition(0)
    }

    func createSlot(_ name: String) async throws {
        try await database.run("select pg_create_logical_replication_slot(\(name), 'pgoutput')")
    }

    func dropSlot(_ name: String) async throws {
        try await database.run("select pg_drop_replication_slot(\(name))")
    }

    /// Bytes of the log that the server keeps for the slot.
    func slotLag(_ name: String) async throws -> Int64? {
        try await database.first(
            """
            select coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint
            from pg_replication_slots where slot_name = \(name)
            """, as: Int64.self)
    }

    func maintainMessages() async throws { try await database.run("select realtime.maintain()") }

    // MARK: The catalogue

    func table(_ relation: ReplicatedRelation) async throws -> FollowedTable {
        let rows = try await database.run(
            """
            with recursive base as (
                select a.attname, a.attnum, t.oid, t.typname, t.typtype, t.typbasetype, t.typname as shown
                from pg_attribute a join pg_type t on t.oid = a.atttypid
                where a.attrelid = \(Int64(relation.id)) and a.attnum > 0 and not a.attisdropped
                union all
                select b.attname, b.attnum, t.oid, t.typname, t.typtype, t.typbasetype, b.shown
                from base b join pg_type t on t.oid = b.typbasetype where b.typtype = 'd'
            )
            select attname::text, shown::text, oid in (114, 3802),
                exists (
                    select from pg_index i where i.indrelid = \(Int64(relation.id)) and i.indisprimary
                        and attnum = any (i.indkey::int2[]))
            from base where typtype <> 'd'
            """)
        var known: [String: (type: String, isJSON: Bool, isPrimary: Bool)] = [:]
        for row in rows {
            known[try row.decode(0)] = (try row.decode(1), try row.decode(2), try row.decode(3))
        }
        let columns = relation.columns.map { column in
            FollowedTable.Column(
                name: column.name, typeName: known[column.name]?.type ?? "text",
                isJSON: known[column.name]?.isJSON ?? (column.typeID == 114 || column.typeID == 3802),
                isIdentity: column.isKey, isPrimaryKey: known[column.name]?.isPrimary ?? column.isKey)
        }
        return FollowedTable(id: relation.id, schema: relation.schema, name: relation.name, columns: columns)
    }

    /// The table's OID when the publication has it.
    func publishedTable(schema: String, name: String, publication: String) async throws -> UInt32? {
        let id = try await database.first(
            """
            select c.oid::bigint from pg_publication_tables p
            join pg_namespace n on n.nspname = p.schemaname join pg_class c on c.relnamespace = n.oid and c.relname = p.tablename
            where p.pubname = \(publication) and p.schemaname = \(schema) and p.tablename = \(name)
            """, as: Int64.self)
        return id.flatMap { UInt32(exactly: $0) }
    }

    func access(tables: Set<UInt32>, roles: Set<String>) async throws -> [TableAccess.Key: TableAccess] {
        let rows = try await database.run(
            """
            select table_id::bigint, role_name, has_rls, is_above, policy, array_to_json(policy_columns)::text,
                needs_generated, array_to_json(readable)::text
            from realtime.access(
                \(SQLArray(tables.sorted().map(Int64.init)))::oid[], \(SQLArray(roles.sorted()))::text[])
            """)
        var found: [TableAccess.Key: TableAccess] = [:]
        for row in rows {
            let key = TableAccess.Key(
                table: UInt32(truncatingIfNeeded: try row.decode(0, as: Int64.self)), role: try row.decode(1))
            found[key] = TableAccess(
                hasRLS: try row.decode(2), isAbove: try row.decode(3), policy: try row.decodeIfPresent(4),
                policyColumns: Self.names(try row.decode(5)), needsGenerated: try row.decode(6),
                readable: Self.names(try row.decode(7)))
        }
        return found
    }

    private static func names(_ text: String) -> Set<String> {
        Set(((try? JSONReader.read(text))?.array ?? []).compactMap(\.string))
    }

    /// What a reader sees from now on.
    func snapshot() async throws -> Snapshot {
        let text = try await database.one("select pg_current_snapshot()::text", as: String.self)
        guard let snapshot = Snapshot(text) else {
            throw PostgresError(kind: .decoding, message: "the snapshot \(text) cannot be read")
        }
        return snapshot
    }

    // MARK: Rows

    /// Each row as the object that PostgreSQL makes of it; times in UTC.
    func render(_ rows: [ReplicatedRow], of table: FollowedTable) async throws -> [JSON] {
        let list = RecordText.list(rows.map { ($0, table) })
        let answers = try await database.pipeline([
            "select set_config('timezone', 'UTC', true)",
            """
            select row_to_json(\(fragment: Self.record(table)))::text
            from jsonb_array_elements(\(list)::text::jsonb) with ordinality as "digitalbank rows" (v, n) order by n
            """,
        ])
        return try answers[1].map { row in
            do { return try JSONReader.read(try row.decode(0, as: String.self)) } catch let error as JSONError {
                throw PostgresError(kind: .decoding, message: "a row of \(table.fullName) is no JSON: \(error)")
            }
        }
    }

    private static func record(_ table: FollowedTable) -> Statement {
        "jsonb_populate_record(null::\(identifier: table.schema).\(identifier: table.name), v)"
    }

    /// Which of the rows in `list` satisfy a condition. The condition is the server's own text of a policy, or a filter;
    /// its columns stand alone or behind the table's name.
    static func matching(_ table: FollowedTable, _ list: String, _ condition: Statement) -> Statement {
        """
        select "digitalbank rows"."digitalbank n"::int8
        from jsonb_array_elements(\(list)::text::jsonb) with ordinality as "digitalbank rows" ("digitalbank v", "digitalbank n"),
            jsonb_populate_record(
                null::\(identifier: table.schema).\(identifier: table.name), "digitalbank rows"."digitalbank v"
            ) as \(identifier: table.name)
        where \(fragment: condition)
        """
    }

    /// Fails when the text is no regular expression.
    static func pattern(_ text: String) -> Statement { "select 1::int8 where '' ~ \(text)" }

    /// Who asks, and the conditions that are tried as that role with these claims.
    struct Reader: Sendable {
        let role: String
        let claims: String
        let checks: [Statement]
    }

    /// Runs the conditions of all readers in one flight; the answers are row numbers from 1, in the order of the checks.
    func numbers(_ readers: [Reader], timeout: Duration) async throws -> [Set<Int>] {
        var flight: [Statement] = []
        var places: [Int] = []
        for reader in readers {
            flight.append(
                """
                select set_config('statement_timeout', \(Self.milliseconds(timeout)), true),
                    set_config('request.jwt.claims', \(reader.claims), true), set_config('role', \(reader.role), true)
                """)
            for var check in reader.checks {
                check.planScope = "realtime " + reader.role
                places.append(flight.count)
                flight.append(check)
            }
        }
        let answers = try await database.pipeline(flight)
        return try places.map { place in Set(try answers[place].map { try $0.decode(0, as: Int.self) }) }
    }

    /// Puts one policy to readers of one role; the answers are row numbers from 1, in the readers' order.
    func numbers(
        of policy: SharedPolicy, in table: FollowedTable, _ list: String, role: String, claims: [String],
        timeout: Duration
    ) async throws -> [Set<Int>] {
        var results = ""
        for (index, call) in policy.calls.enumerated() {
            results += """
                , case when set_config('request.jwt.claims', claims, true) is not null then \(call) end
                    as \(SharedPolicy.column(index))
                """
        }
        let readers: Statement = """
            (select reader as "digitalbank reader"\(fragment: Statement(unchecked: results))
                from unnest(\(SQLArray(claims))::text[]) with ordinality as o (claims, reader))
            """
        var check: Statement = """
            select \(fragment: Self.readers)."digitalbank reader"::int8, "digitalbank rows"."digitalbank n"::int8
            from \(fragment: readers) as \(fragment: Self.readers),
                jsonb_array_elements(\(list)::text::jsonb) with ordinality as "digitalbank rows" ("digitalbank v", "digitalbank n"),
                jsonb_populate_record(
                    null::\(identifier: table.schema).\(identifier: table.name), "digitalbank rows"."digitalbank v"
                ) as \(identifier: table.name)
            where \(fragment: Statement(unchecked: policy.condition))
            """
        check.planScope = "realtime " + role
        let answers = try await database.pipeline([
            """
            select set_config('statement_timeout', \(Self.milliseconds(timeout)), true),
                set_config('role', \(role), true)
            """, check,
        ])
        var found = [Set<Int>](repeating: [], count: claims.count)
        for row in answers[1] {
            let reader = try row.decode(0, as: Int.self)
            guard found.indices.contains(reader - 1) else { continue }
            found[reader - 1].insert(try row.decode(1, as: Int.self))
        }
        return found
    }

    private static let readers = Statement(unchecked: SharedPolicy.readers)

    private static func milliseconds(_ time: Duration) -> String {
        String(time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000)
    }

    /// The large values that an update left alone, from the row as it is now: the log does not repeat them.
    func currentValues(
        of columns: [String], key: [(name: String, text: String)], in table: FollowedTable
    ) async throws -> [String: String?]? {
        var condition: Statement = "true"
        for (name, text) in key { condition = "\(fragment: condition) and \(identifier: name) = \(text)" }
        var list: Statement = "1"
        for name in columns { list = "\(fragment: list), \(identifier: name)::text" }
        let rows = try await database.run(
            """
            select \(fragment: list) from \(identifier: table.schema).\(identifier: table.name)
            where \(fragment: condition) limit 1
            """)
        guard let row = rows.first else { return nil }
        var found: [String: String?] = [:]
        for (index, name) in columns.enumerated() {
            found.updateValue(try row.decodeIfPresent(index + 1, as: String.self), forKey: name)
        }
        return found
    }
}
