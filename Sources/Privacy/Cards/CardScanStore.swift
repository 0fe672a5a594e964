internal import Postgres

/// The SQL of the scan for card numbers.
struct CardScanStore: Sendable {
    let database: Database

    /// Relation and column, the first quoted where it needs it.
    struct Column: Sendable, RowDecodable {
        let relation, name: String
        let isNumber: Bool

        init(row: Row) throws {
            relation = try row.decode(0)
            name = try row.decode(1)
            isNumber = try row.decode(2)
        }
    }

    /// Columns of text in any form, of documents, and of numbers that are long enough; domains are what they are made of. The
    /// pseudonyms of `public.logs` are left out: one in two thousand of these keyed hashes has decimal digits only, and looks
    /// like a card number now and then.
    func columns() async throws -> [Column] {
        try await database.all(
            """
            select k.relation::regclass::text, k.column_name, t.typcategory = 'N'
            from privacy.columns k
                join pg_attribute a on a.attrelid = k.relation and a.attnum = k.position
                join pg_type t on t.oid = a.atttypid
                left join pg_type e on e.oid = t.typelem and t.typcategory = 'A'
            where k.kind in ('r', 'p', 'm')
                and (coalesce(e.typcategory, t.typcategory) = 'S'
                    or coalesce(e.typname, t.typname) in ('json', 'jsonb', 'xml', 'hstore', 'citext')
                    or (t.typcategory = 'N' and t.typlen in (8, -1)))
                and not (k.schema_name = 'public' and k.table_name = 'logs' and k.column_name like '%\\_jeton')
            order by 1, 2
            """, as: Column.self)
    }

    /// Values with thirteen digits near each other; the scanner judges them. All of them: what is no card may come first.
    func suspects(_ column: Column) -> RowStream {
        let from = Statement(unchecked: column.relation)
        guard !column.isNumber else {
            return database.rows(
                """
                select trunc(\(identifier: column.name)::numeric)::text from \(fragment: from)
                where \(identifier: column.name)::numeric between 1000000000000 and 9999999999999999999
                """)
        }
        return database.rows(
            """
            select \(identifier: column.name)::text from \(fragment: from)
            where \(identifier: column.name)::text ~ '[0-9]([ .-]?[0-9]){12}'
            """)
    }

    func codeColumns() async throws -> [String] {
        try await database.all(
            """
            select schema_name || '.' || table_name || '.' || column_name from privacy.columns
            where kind in ('r', 'p', 'm') and column_name ~* '(^|_)(cvv|cvc|cvv2|cvc2|cryptogramme|pin)(_|$)' order by 1
            """, as: String.self)
    }

    func keys() async throws -> [String: Int64] {
        let rows = try await database.run(
            "select kek_id, count(*) from vault.data_keys where destroyed_at is null group by 1")
        return Dictionary(
            try rows.map { (try $0.decode(0, as: String.self), try $0.decode(1, as: Int64.self)) },
            uniquingKeysWith: { first, _ in first })
    }
}
