internal import Foundation
internal import Postgres

/// Reads and writes single rows of chosen tables, on either side.
struct RowsBackStore: Sendable {
    let executor: any SQLExecutor

    /// How rows of a table are compared and written.
    struct Shape: RowDecodable, Sendable {
        let schema: String
        let name: String
        let key: [String]
        /// Columns that can be written, the key among them.
        let columns: [String]
        /// Of these, those that an update can set.
        let settable: [String]
        /// Postings, orders, the journal: never written here.
        let isHistory: Bool
        /// Where the client stands: a column of the table, or of the table that a column points to.
        let clientColumn: String?
        let viaColumn: String?
        let viaSchema: String?
        let viaTable: String?
        let viaKey: String?

        init(row: Row) throws {
            schema = try row.decode(0)
            name = try row.decode(1)
            key = try Names.read(row.decodeIfPresent(2) ?? "[]")
            columns = try Names.read(row.decodeIfPresent(3) ?? "[]")
            settable = try Names.read(row.decodeIfPresent(4) ?? "[]")
            isHistory = try row.decode(5)
            clientColumn = try row.decodeIfPresent(6)
            viaColumn = try row.decodeIfPresent(7)
            viaSchema = try row.decodeIfPresent(8)
            viaTable = try row.decodeIfPresent(9)
            viaKey = try row.decodeIfPresent(10)
        }

        var qualified: String { "\(schema).\(name)" }
        var reachesClients: Bool { clientColumn != nil || viaColumn != nil }
        /// Keys of clients come back when they are gone; those that are there were rotated or destroyed on purpose.
        var isInsertOnly: Bool { schema == "vault" }

        /// Belong to the ledger, which sets them with its postings.
        var ledgerColumns: [String] {
            qualified == "public.comptes" ? ["solde_minor", "reserve_minor", "dernier_numero"] : []
        }

        /// A missing account comes back with its postings or not at all.
        var isNeverInserted: Bool { qualified == "public.comptes" || qualified == "public.comptes_internes" }

        fileprivate var relation: Statement { "\(identifier: schema).\(identifier: name)" }

        fileprivate var keyText: Statement {
            var list: Statement = ""
            for (index, column) in key.enumerated() {
                list = index == 0 ? "t.\(identifier: column)" : "\(fragment: list), t.\(identifier: column)"
            }
            return "jsonb_build_array(\(fragment: list))::text"
        }

        fileprivate var rowText: Statement { "(to_jsonb(t) - \(SQLArray(ledgerColumns))::text[])::text" }

        fileprivate func filter(_ client: UUID?) -> Statement {
            guard let client else { return "true" }
            if let clientColumn { return "t.\(identifier: clientColumn) = \(client)" }
            guard let viaColumn, let viaSchema, let viaTable, let viaKey else { return "false" }
            return """
                t.\(identifier: viaColumn) in (select v.\(identifier: viaKey)
                    from \(identifier: viaSchema).\(identifier: viaTable) v where v.client_id = \(client))
                """
        }
    }

    /// Tables of the bank by their names, or all that lead to a client.
    func shapes(_ names: [String]) async throws -> [Shape] {
        try await executor.all(
            """
            select n.nspname::text, c.relname::text,
                (select json_agg(a.attname order by k.position)::text
                    from pg_index i cross join unnest(i.indkey::int2[]) with ordinality k (number, position)
                    join pg_attribute a on a.attrelid = c.oid and a.attnum = k.number
                    where i.indrelid = c.oid and i.indisprimary),
                (select json_agg(a.attname order by a.attnum)::text from pg_attribute a
                    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''),
                (select json_agg(a.attname order by a.attnum)::text from pg_attribute a
                    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
                        and a.attidentity <> 'a'),
                n.nspname = 'evidence' or c.relispartition or c.relkind = 'p'
                    or (n.nspname = 'public' and c.relname in ('ecritures', 'virements', 'captures', 'reprises',
                        'contrepassations', 'reservations', 'journees', 'lignes_de_paiement'))
                    or exists (select from pg_trigger t join pg_proc p on p.oid = t.tgfoid
                        where t.tgrelid = c.oid and not t.tgisinternal and t.tgtype & 17 = 17
                            and p.proname = 'refuser_le_changement'),
                case when n.nspname = 'public' and c.relname = 'clients' then 'id'
                    when exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'client_id'
                        and a.atttypid = 'uuid'::regtype and not a.attisdropped) then 'client_id' end,
                via.source, via.schema, via.relation, via.key
            from pg_class c
            join pg_namespace n on n.oid = c.relnamespace
            left join lateral (
                select sa.attname::text as source, fn.nspname::text as schema, fc.relname::text as relation,
                    fa.attname::text as key
                from pg_constraint k
                join pg_class fc on fc.oid = k.confrelid
                join pg_namespace fn on fn.oid = fc.relnamespace
                join pg_attribute sa on sa.attrelid = k.conrelid and sa.attnum = k.conkey[1]
                join pg_attribute fa on fa.attrelid = k.confrelid and fa.attnum = k.confkey[1]
                where k.conrelid = c.oid and k.contype = 'f' and cardinality(k.conkey) = 1
                    and exists (select from pg_attribute a where a.attrelid = k.confrelid and a.attname = 'client_id'
                        and a.atttypid = 'uuid'::regtype and not a.attisdropped)
                order by k.conname limit 1) via on true
            where c.relkind in ('r', 'p') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
                and (n.nspname || '.' || c.relname = any (\(SQLArray(names))::text[]) or (cardinality(\(SQLArray(names))::text[]) = 0
                    and n.nspname in ('public', 'vault') and not c.relispartition))
            order by n.nspname, c.relname
            """, as: Shape.self)
    }

    private struct Pair: RowDecodable {
        let row: ComparedRow

        init(row: Row) throws {
            self.row = ComparedRow(key: try row.decode(0), text: try row.decode(1))
        }
    }

    static let rowsMax = 500_000
    static let calm: [Statement] = ["set local timezone = 'UTC'", "set local row_security = off"]

    /// Rows of a table, of one client or all; throws when there are too many to hold.
    func rows(of shape: Shape, client: UUID?) async throws -> [ComparedRow] {
        let found = try await executor.all(
            """
            select \(fragment: shape.keyText), \(fragment: shape.rowText) from \(fragment: shape.relation) t
            where \(fragment: shape.filter(client)) limit \(Int64(Self.rowsMax + 1))
            """, as: Pair.self)
        guard found.count <= Self.rowsMax else {
            throw ContinuityError.rows("\(shape.qualified) has more than \(Self.rowsMax) rows: name a client")
        }
        return found.map(\.row)
    }

    /// Which of these tables points to which other.
    func references() async throws -> [(from: String, to: String)] {
        let rows = try await executor.all(
            """
            select fn.nspname || '.' || f.relname, tn.nspname || '.' || t.relname
            from pg_constraint k
            join pg_class f on f.oid = k.conrelid join pg_namespace fn on fn.oid = f.relnamespace
            join pg_class t on t.oid = k.confrelid join pg_namespace tn on tn.oid = t.relnamespace
            where k.contype = 'f'
            """, as: Reference.self)
        return rows.map { ($0.from, $0.to) }
    }

    private struct Reference: RowDecodable {
        let from: String
        let to: String

        init(row: Row) throws {
            from = try row.decode(0)
            to = try row.decode(1)
        }
    }

    /// Brings a row back; false when one of its key is there by now.
    func insert(_ row: ComparedRow, into shape: Shape) async throws -> Bool {
        let columns = Self.list(shape.columns, prefix: "")
        let result = try await executor.run(
            """
            insert into \(fragment: shape.relation) (\(fragment: columns)) overriding system value
            select \(fragment: Self.list(shape.columns, prefix: "r."))
            from jsonb_populate_record(null::\(fragment: shape.relation), \(row.text)::jsonb) r
            on conflict do nothing
            """)
        return result.affectedRowCount == 1
    }

    /// Sets a row back; false when it is not `present` any more.
    func update(_ row: ComparedRow, present: ComparedRow, in shape: Shape) async throws -> Bool {
        let kept = Set(shape.ledgerColumns + shape.key)
        let columns = shape.settable.filter { !kept.contains($0) }
        guard !columns.isEmpty else { return true }
        var match: Statement = "true"
        for column in shape.key { match = "\(fragment: match) and t.\(identifier: column) = r.\(identifier: column)" }
        var set: Statement = ""
        for (index, column) in columns.enumerated() {
            let one: Statement = "\(identifier: column) = r.\(identifier: column)"
            set = index == 0 ? one : "\(fragment: set), \(fragment: one)"
        }
        let result = try await executor.run(
            """
            update \(fragment: shape.relation) t set \(fragment: set)
            from jsonb_populate_record(null::\(fragment: shape.relation), \(row.text)::jsonb) r
            where \(fragment: match) and \(fragment: shape.rowText) = \(present.text)
            """)
        return result.affectedRowCount == 1
    }

    private static func list(_ columns: [String], prefix: String) -> Statement {
        var list: Statement = ""
        for (index, column) in columns.enumerated() {
            let one = Statement(unchecked: prefix + Statement.quoted(column))
            list = index == 0 ? one : "\(fragment: list), \(fragment: one)"
        }
        return list
    }

    /// Who was erased since the moment stays erased.
    func replayErasures() async throws {
        let exists = DrillCheckStore.existsFunction("privacy.replay_erasures()")
        guard try await executor.one(exists, as: Bool.self) else { return }
        _ = try await executor.one("select count(*) from privacy.replay_erasures()", as: Int64.self)
    }

    /// What the ledger's own proof holds against it.
    func ledgerFaults() async throws -> Int64 {
        guard try await executor.one(DrillCheckStore.existsFunction("public.verifier_le_grand_livre()"), as: Bool.self)
        else { return 0 }
        return try await executor.one(DrillCheckStore.ledgerFaults, as: Int64.self)
    }
}
