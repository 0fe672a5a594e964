internal import Postgres

/// Digests of whole tables that do not depend on the order of rows.
enum BackupProofStore {
    /// The roles that policies of the restored bank name; in the clean room nobody logs in with them.
    static let makeRoles: [Statement] = ["anon", "authenticated", "service_role"].map { name in
        Statement(
            unchecked: """
                do $$ begin if not exists (select from pg_roles where rolname = '\(name)') then
                    create role \(name) nologin; end if; end $$
                """)
    }

    /// Indexes, constraints, triggers, policies and guarded tables, as the server says them.
    private static let definitions: Statement = """
        select 'index ' || pg_get_indexdef(i.indexrelid) from pg_index i
        join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace
        where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        union all
        select 'constraint ' || c.conrelid::regclass || ' ' || c.conname || ' ' || pg_get_constraintdef(c.oid)
            || ' ' || c.convalidated
        from pg_constraint c join pg_namespace n on n.oid = c.connamespace
        where c.conrelid <> 0 and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        union all
        select 'trigger ' || pg_get_triggerdef(oid) || ' ' || tgenabled::text from pg_trigger where not tgisinternal
        union all
        select concat_ws(' ', 'policy', polrelid::regclass, polname, polcmd, polpermissive,
            (select string_agg(coalesce(r.rolname, 'public'), ',' order by r.rolname)
                from unnest(polroles) role left join pg_roles r on r.oid = role),
            pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
        from pg_policy
        union all
        select 'row security ' || c.oid::regclass || ' ' || c.relforcerowsecurity from pg_class c where c.relrowsecurity
        """

    /// What the rows of a database are held by.
    static func definitions(of configuration: DatabaseConfiguration) async throws -> Set<String> {
        try await asking(configuration) { database in
            try await database.withConnection { connection in
                // Names are written in full where the path does not lead: the two servers' paths may differ.
                try await connection.run("select set_config('search_path', 'pg_catalog', false)")
                return Set(try await connection.all(definitions, as: String.self))
            }
        }
    }

    /// Empties every table of a copy whose rows have been compared.
    static func empty(_ configuration: DatabaseConfiguration) async throws {
        try await asking(configuration) { database in
            let tables = try await database.all(Self.tables, as: TableName.self)
            guard !tables.isEmpty else { return }
            let list = tables.map { "\(Statement.quoted($0.schema)).\(Statement.quoted($0.name))" }
            try await database.run(Statement(unchecked: "truncate only \(list.joined(separator: ", only "))"))
        }
    }

    private static func asking<Answer>(
        _ configuration: DatabaseConfiguration, _ ask: (Database) async throws -> Answer
    ) async throws -> Answer {
        let database = Database(configuration)
        do {
            let answer = try await ask(database)
            await database.close()
            return answer
        } catch {
            await database.close()
            throw error
        }
    }

    private static let tables: Statement = """
        select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
        order by 1, 2
        """

    private struct TableName: RowDecodable {
        let schema: String
        let name: String

        init(row: Row) throws {
            schema = try row.decode(0)
            name = try row.decode(1)
        }
    }

    private struct Digest: RowDecodable {
        let rows: Int64
        let sum: String

        init(row: Row) throws {
            rows = try row.decode(0)
            sum = try row.decode(1)
        }
    }

    /// By table: the number of rows, and sum and exclusive or of a 64-bit hash of each.
    static func digests(of configuration: DatabaseConfiguration) async throws -> [String: String] {
        try await asking(configuration) { database in
            var digests: [String: String] = [:]
            for table in try await database.all(tables, as: TableName.self) {
                let digest = try await database.one(
                    """
                    select count(*), concat_ws('/', sum(h), bit_xor(h)) from (
                        select hash_record_extended(t, 1) as h
                        from \(identifier: table.schema).\(identifier: table.name) t) lignes
                    """, as: Digest.self)
                digests["\(table.schema).\(table.name)"] = "\(digest.rows) \(digest.sum)"
            }
            return digests
        }
    }
}
