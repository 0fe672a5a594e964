internal import Postgres

/// What the watch asks the server.
struct WatchStore: Sendable {
    let database: any SQLExecutor

    struct Counters: RowDecodable {
        let table: String
        let rows: Int64
        let inserted: Int64
        let updated: Int64
        let deleted: Int64
        let bytes: Int64
        /// The relation, and the file that holds it: another file and few rows, and it was emptied.
        let relation: Int64
        let file: Int64

        init(
            table: String, rows: Int64, inserted: Int64, updated: Int64, deleted: Int64, bytes: Int64,
            relation: Int64 = 0, file: Int64 = 0
        ) {
            self.relation = relation
            self.file = file
            self.table = table
            self.rows = rows
            self.inserted = inserted
            self.updated = updated
            self.deleted = deleted
            self.bytes = bytes
        }

        init(row: Row) throws {
            table = try row.decode(0)
            rows = try row.decode(1)
            inserted = try row.decode(2)
            updated = try row.decode(3)
            deleted = try row.decode(4)
            bytes = try row.decode(5)
            relation = try row.decode(6)
            file = try row.decode(7)
        }
    }

    /// Counted since the statistics began. Rows as the planner knows them, so that no table is read.
    func counters() async throws -> [Counters] {
        try await database.all(
            """
            select s.schemaname || '.' || s.relname, greatest(s.n_live_tup, c.reltuples::bigint, 0), s.n_tup_ins,
                s.n_tup_upd, s.n_tup_del, coalesce(pg_relation_size(s.relid), 0), s.relid::bigint,
                coalesce(pg_relation_filenode(s.relid), 0)::bigint
            from pg_stat_user_tables s join pg_class c on c.oid = s.relid
            where s.schemaname in ('public', 'evidence', 'vault', 'auth')
            """, as: Counters.self)
    }

    struct Sealed: RowDecodable {
        let client: String
        let column: String
        let value: String

        init(row: Row) throws {
            client = try row.decode(0)
            column = try row.decode(1)
            value = try row.decode(2)
        }
    }

    /// Names of clients from all over the table, chosen anew at each look, whose keys are there.
    func sealedNames(_ count: Int, seed: Int64) async throws -> [Sealed] {
        try await database.all(
            """
            select c.id::text, 'nom', encode(c.nom_chiffre, 'hex') from public.clients c
            where c.nom_chiffre is not null and exists (
                select from vault.data_keys k where k.client_id = c.id and octet_length(k.wrapped) > 0)
            order by hashint8extended(c.numero, \(seed)) limit \(count)
            """, as: Sealed.self)
    }

    func hasSealedNames() async throws -> Bool {
        try await database.one(DrillCheckStore.exists("vault.data_keys"), as: Bool.self)
    }
}
