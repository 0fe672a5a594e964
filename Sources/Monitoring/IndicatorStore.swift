internal import Postgres

/// The SQL of what is scraped from the database.
struct IndicatorStore: Sendable {
    let database: Database

    struct Row: RowDecodable, Sendable {
        let name: String
        let labels: String?
        let value: Double?
        let help: String?

        init(row: Postgres.Row) throws {
            name = try row.decode("name")
            labels = try row.decodeIfPresent("labels")
            value = try row.decodeIfPresent("value")
            help = try row.decodeIfPresent("help")
        }
    }

    struct Balance: RowDecodable, Sendable {
        let currency: String
        let postings: Double
        let difference: Double

        init(row: Postgres.Row) throws {
            currency = try row.decode("devise")
            postings = try row.decode("ecart")
            difference = try row.decode("difference")
        }
    }

    /// Schemas with a view `indicators` of the right form that we may read.
    func schemas() async throws -> [String] {
        try await database.all(
            """
            select n.nspname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relname = 'indicators' and c.relkind in ('v', 'm')
                and has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, 'select')
                and (select count(*) from pg_attribute a
                    where a.attrelid = c.oid and a.attname in ('name', 'labels', 'value', 'help')
                        and not a.attisdropped) = 4
            order by 1
            """, as: String.self)
    }

    /// At most `rowsMax` figures; given up after `timeMax`.
    func rows(of schema: String, rowsMax: Int, timeMax: Duration) async throws -> [Row] {
        try await bounded(timeMax) { tx in
            try await tx.all(
                """
                select name::text as name, labels::text as labels, value::double precision as value, help::text as help
                from \(identifier: schema).indicators limit \(rowsMax)
                """, as: Row.self)
        }
    }

    /// The trial balance: reads every posting, so it is asked for seldom.
    func balances(timeMax: Duration) async throws -> [Balance] {
        try await bounded(timeMax) { tx in
            try await tx.all(
                """
                select devise::text as devise, somme_ecritures::double precision as ecart,
                    (somme_soldes - somme_ecritures)::double precision as difference
                from public.balance_generale() order by 1
                """, as: Balance.self)
        }
    }

    private func bounded<Value: Sendable>(
        _ timeMax: Duration, _ body: @Sendable (Transaction) async throws -> Value
    ) async throws -> Value {
        let milliseconds = timeMax.components.seconds * 1000
        return try await database.transaction { tx in
            try await tx.run("select set_config('statement_timeout', \(String(milliseconds)), true)")
            return try await body(tx)
        }
    }
}
