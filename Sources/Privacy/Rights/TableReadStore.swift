internal import Foundation
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
            with asked as materialized (
                select * from jsonb_to_recordset(\(JSON.array(rows).text)::jsonb) as x (
                    reader text, role text, relation text, columns jsonb, requests bigint, rows bigint, first bigint,
                    last bigint)
            ), given as materialized (
                select a.*, s.categories
                from (select distinct relation, columns from asked) x
                    cross join lateral privacy.shown_categories(x.relation, x.columns) s (categories)
                    join asked a on a.relation = x.relation and a.columns is not distinct from x.columns
            )
            insert into privacy.table_reads (reader, role, relation, categories, requests, rows, first_at, last_at)
            select reader, role, relation, categories, sum(requests), sum(rows), to_timestamp(min(first) / 1e6),
                to_timestamp(max(last) / 1e6)
            from given where categories <> '{}'
            group by reader, role, relation, categories order by 1, 3
            returning reader || '|' || relation || '|' || array_to_string(categories, ',') || '|' || rows
            """, as: String.self)
    }

    /// Columns by which one client's rows are asked for.
    static let subjects: Set<String> = [
        "id", "numero", "client_id", "donneur_id", "utilisateur_id", "compte_id", "compte_debit_id", "compte_credit_id",
    ]

    /// Whose data an employee asked for by a key, person by person. Returns what was written, a line each.
    func addSubjects(_ lines: [TableReads.Line]) async throws -> [String] {
        let rows = lines.compactMap(Self.subject)
        guard !rows.isEmpty else { return [] }
        return try await database.all(
            """
            with asked as materialized (
                select x.*, coalesce(privacy.subject_name(x.kind, x.key), x.relation) as shown
                from jsonb_to_recordset(\(JSON.array(rows).text)::jsonb) as x (
                    reader text, relation text, columns jsonb, requests bigint, first bigint, last bigint, kind text, key text,
                    place text)
            ), given as materialized (
                select a.*, case when a.kind = 'incident' then array['incident'] else s.categories end as categories
                from (select distinct relation, columns from asked) x
                    cross join lateral privacy.shown_categories(x.relation, x.columns) s (categories)
                    join asked a on a.relation = x.relation and a.columns is not distinct from x.columns
            ), seen as (
                select g.*, w.id as person from given g cross join lateral privacy.persons_of(g.kind, g.key) w (id)
                where g.categories <> '{}'
            )
            insert into privacy.reads (reader, client_id, fields, reason, count, first_at, last_at)
            select reader, person, categories, place || ': ' || shown, sum(requests), to_timestamp(min(first) / 1e6),
                to_timestamp(max(last) / 1e6)
            from seen group by reader, person, categories, place, shown order by 1, 2
            returning reader || '|' || client_id || '|' || array_to_string(fields, ',') || '|' || count
            """, as: String.self)
    }

    /// Nil where no person is named, and for machines.
    private static func subject(_ line: TableReads.Line) -> JSON? {
        let parts = line.subject.split(separator: "=", maxSplits: 1).map(String.init)
        guard line.role != "service_role", parts.count == 2, let kind = kind(of: parts[0], in: line.relation) else {
            return nil
        }
        let isUUID = ["client", "user", "incident"].contains(kind)
        guard isUUID ? UUID(uuidString: parts[1]) != nil : Int64(parts[1]) != nil else { return nil }
        return [
            "reader": .string(line.reader), "relation": .string(line.relation),
            "columns": line.columns.map { .array($0.map { .string($0) }) } ?? .null,
            "requests": .integer(line.requests), "first": .integer(line.first), "last": .integer(line.last),
            "kind": .string(kind), "key": .string(parts[1]),
            "place": .string(line.isDesk ? "console" : "table API"),
        ]
    }

    private static func kind(of column: String, in relation: String) -> String? {
        switch (relation, column) {
        case ("public.clients", "id"), (_, "client_id"), (_, "donneur_id"): "client"
        case ("public.clients", "numero"): "number"
        case (_, "utilisateur_id"): "user"
        case ("public.cartes", "id"): "card"
        case ("fraud.dossiers", "id"): "case"
        case ("detection.persons", "incident_id"): "incident"
        case ("fraud.decisions", "paiement"): "payment"
        case ("public.comptes", "id"), (_, "compte_id"), (_, "compte_debit_id"), (_, "compte_credit_id"): "account"
        default: nil
        }
    }

    /// Who reads much without a case: reader, persons by name, rows.
    func snooping() async throws -> [(reader: String, persons: Int64, rows: Int64)] {
        try await database.run("select reader, persons, rows from privacy.snooping() where not has_case").map {
            (try $0.decode(0), try $0.decode(1), try $0.decode(2))
        }
    }
}
