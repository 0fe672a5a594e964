internal import Foundation
internal import Postgres

/// Lists of names, which come as JSON.
enum Names {
    static func read(_ json: String) throws -> [String] {
        try JSONDecoder().decode([String].self, from: Data(json.utf8))
    }
}

/// What an export reads of a bank, and how it is put back. `connection` is in the transaction whose snapshot counts.
struct ExportStore: Sendable {
    let connection: Connection

    struct Head: RowDecodable {
        let database: String
        let snapshot: String
        let version: String
        let position: String

        init(row: Row) throws {
            database = try row.decode(0)
            snapshot = try row.decode(1)
            version = try row.decode(2)
            position = try row.decode(3)
        }
    }

    /// Rows come in the order in which they lie: a copy that is read back has the same.
    static let calm: [Statement] = [
        "set local row_security = off", "set local synchronize_seqscans = off", "set local timezone = 'UTC'",
        "set local datestyle = 'ISO, MDY'", "set local intervalstyle = 'postgres'", "set local extra_float_digits = 3",
        "set local bytea_output = 'hex'", "set local statement_timeout = 0",
        "set local idle_in_transaction_session_timeout = 0",
    ]

    func begin() async throws -> Head {
        for statement in ["set transaction read only"] + Self.calm { try await connection.run(statement) }
        return try await connection.one(
            """
            select current_database()::text, pg_export_snapshot(), current_setting('server_version'),
                case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_insert_lsn() end::text
            """, as: Head.self)
    }

    struct Table: RowDecodable, Sendable {
        let schema: String
        let relation: String
        let columns: [String]

        /// As `COPY` in a dump has it.
        var name: String { plain(schema) + "." + plain(relation) }

        private func plain(_ name: String) -> String {
            let isPlain =
                name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }
                && !(name.utf8.first.map { (48...57).contains($0) } ?? true)
            return isPlain ? name : Statement.quoted(name)
        }

        init(row: Row) throws {
            schema = try row.decode(0)
            relation = try row.decode(1)
            columns = try Names.read(row.decode(2))
        }

        /// `COPY name (columns)`, as both directions begin.
        var copy: Statement {
            var list: Statement = ""
            for (index, column) in columns.enumerated() {
                list = index == 0 ? "\(identifier: column)" : "\(fragment: list), \(identifier: column)"
            }
            return "copy \(identifier: schema).\(identifier: relation) (\(fragment: list))"
        }
    }

    /// All tables that hold rows of their own, without those of extensions; generated columns come back by themselves.
    func tables() async throws -> [Table] {
        try await connection.all(
            """
            select n.nspname::text, c.relname::text, json_agg(a.attname order by a.attnum)::text
            from pg_class c
            join pg_namespace n on n.oid = c.relnamespace
            join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
            where c.relkind = 'r' and c.relpersistence <> 't'
                and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
                and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
                    and d.objid = c.oid and d.deptype = 'e')
            group by n.nspname, c.relname order by n.nspname, c.relname
            """, as: Table.self)
    }

    func rows(of table: Table, _ body: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void) async throws {
        try await connection.copyOut("\(fragment: table.copy) to stdout", body)
    }

    func copyIn(_ table: Table, _ body: @escaping @Sendable (CopyWriter) throws -> Void) async throws -> Int {
        try await connection.copyIn("\(fragment: table.copy) from stdin", writing: body)
    }

    struct Named: RowDecodable {
        let schema: String
        let name: String

        init(row: Row) throws {
            schema = try row.decode(0)
            name = try row.decode(1)
        }
    }

    /// Statements that set every sequence to where it stands; sequences know no snapshot and may stand a little further.
    func sequences() async throws -> String {
        let all = try await connection.all(
            """
            select n.nspname::text, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind = 'S' and n.nspname !~ '^pg_'
                and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
                    and d.objid = c.oid and d.deptype = 'e')
            order by n.nspname, c.relname
            """, as: Named.self)
        var lines: [String] = []
        for sequence in all {
            let qualified = Statement.quoted(sequence.schema) + "." + Statement.quoted(sequence.name)
            let state = try await connection.one(
                "select last_value::text || ', ' || is_called from \(identifier: sequence.schema).\(identifier: sequence.name)",
                as: String.self)
            lines.append("SELECT pg_catalog.setval(\(Statement.literal(qualified)), \(state));")
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What no export holds, in words.
    func left() async throws -> [String] {
        let objects = try await connection.one("select count(*) from pg_largeobject_metadata", as: Int64.self)
        return objects == 0 ? [] : ["\(objects) large objects"]
    }

    /// A table as it is in this database, for reading it again after a restore.
    func table(_ file: SealedFile) async throws -> Table? {
        try await tables().first { $0.name == file.table && $0.columns == file.columns }
    }

    /// The line that a table's rows follow in a dump.
    static func head(_ file: SealedFile) -> String {
        let columns = (file.columns ?? []).map { name in
            name.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 95 }
                ? name : Statement.quoted(name)
        }
        return "COPY \(file.table ?? "") (\(columns.joined(separator: ", "))) FROM stdin;"
    }
}
