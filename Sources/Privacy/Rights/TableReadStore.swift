internal import Postgres
internal import Web

/// The SQL of reads through the table API.
struct TableReadStore: Sendable {
    let database: any SQLExecutor

    /// Writes the reads that showed personal data, and calls of functions, whose answers nobody looked into. Returns what
    /// was written, a line each.
    func add(_ lines: [TableReads.Line]) async throws -> [String] {
        let rows = lines.map { line -> JSON in
            [
                "reader": .string(line.reader), "role": .string(line.role), "relation": .string(line.relation),
                "columns": line.columns.map { .array($0.map { .string($0) }) } ?? .null,
                "requests": .integer(line.requests), "rows": .integer(line.rows), "first": .integer(line.first),
                "last": .integer(line.last),
            ]
        }
        return try await database.all(
            """
            with given as materialized (
                select x.reader, x.role, x.relation, x.requests, x.rows, x.first, x.last,
                    case when x.relation like 'rpc/%' then array['function']
                        when x.relation like '%.*' then array['unknown']
                        else privacy.read_categories(x.relation,
                            case when jsonb_typeof(x.columns) = 'array'
                                then array(select jsonb_array_elements_text(x.columns)) end) end as categories
                from jsonb_to_recordset(\(JSON.array(rows).text)::jsonb) as x (
                    reader text, role text, relation text, columns jsonb, requests bigint, rows bigint, first bigint,
                    last bigint)
            )
            insert into privacy.table_reads (reader, role, relation, categories, requests, rows, first_at, last_at)
            select reader, role, relation, categories, sum(requests), sum(rows), to_timestamp(min(first) / 1e6),
                to_timestamp(max(last) / 1e6)
            from given where categories <> '{}'
            group by reader, role, relation, categories order by 1, 3
            returning reader || '|' || relation || '|' || array_to_string(categories, ',') || '|' || rows
            """, as: String.self)
    }

    /// Who reads much without a case: reader, persons by name, rows.
    func snooping() async throws -> [(reader: String, persons: Int64, rows: Int64)] {
        try await database.run("select reader, persons, rows from privacy.snooping() where not has_case").map {
            (try $0.decode(0), try $0.decode(1), try $0.decode(2))
        }
    }
}
