internal import Postgres

/// Which file holds which relation, remembered while the relation is there.
struct RelationMapStore: Sendable {
    let database: any SQLExecutor

    func refresh() async throws {
        try await database.run(
            """
            insert into continuity.relations (filenode, database, name)
            select pg_relation_filenode(c.oid), d.oid, n.nspname || '.' || c.relname
            from pg_class c
            join pg_namespace n on n.oid = c.relnamespace
            cross join (select oid from pg_database where datname = current_database()) d
            where c.relkind in ('r', 'i', 't', 'm', 'S') and n.nspname !~ '^pg_(catalog|temp)'
                and pg_relation_filenode(c.oid) is not null
            on conflict (database, filenode) do update set name = excluded.name, seen_at = clock_timestamp()
            """)
    }

    struct Known: RowDecodable {
        let filenode: Int64
        let name: String

        init(row: Row) throws {
            filenode = try row.decode(0)
            name = try row.decode(1)
        }
    }

    func names() async throws -> [Int64: String] {
        let rows = try await database.all(
            "select filenode::bigint, name from continuity.relations", as: Known.self)
        return Dictionary(rows.map { ($0.filenode, $0.name) }, uniquingKeysWith: { $1 })
    }
}
