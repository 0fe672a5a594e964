internal import Postgres

/// The SQL of the scan for card numbers.
struct CardScanStore: Sendable {
    let database: any SQLExecutor

    /// Relation and column, both quoted where they need it. The pseudonyms of `public.logs` are left out: one in two thousand
    /// of these keyed hashes has decimal digits only, and looks like a card number now and then.
    func textColumns() async throws -> [(String, String)] {
        try await database.run(
            """
            select relation::regclass::text, column_name from privacy.columns
            where kind in ('r', 'p', 'm') and type_name ~ '^(text|character|json|jsonb|citext|text\\[\\])'
                and not (schema_name = 'public' and table_name = 'logs' and column_name like '%\\_jeton')
            order by 1, 2
            """
        ).map { (try $0.decode(0), try $0.decode(1)) }
    }

    /// Values with thirteen digits near each other; the scanner judges them.
    func suspects(_ relation: String, _ column: String, most: Int) async throws -> [String] {
        let from = Statement(unchecked: relation)
        return try await database.all(
            """
            select \(identifier: column)::text from \(fragment: from)
            where \(identifier: column)::text ~ '[0-9]([ .-]?[0-9]){12}' limit \(most)
            """, as: String.self)
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
