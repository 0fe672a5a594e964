internal import Postgres

/// The SQL that compares the rows with those of an older dump, loaded beside them in the schema `ancien`.
enum OlderStore {
    /// Columns that never change once a row is written.
    static let constant: [RoleTable: [String]] = [
        .comptes: ["client_numero", "iban"], .cartes: ["compte_id", "pan"], .beneficiaires: ["client_numero", "iban"],
        .transactions: ["compte_id", "booked_at", "montant", "contrepartie_iban"],
    ]

    /// Roles whose rows are compared.
    static let roles: [RoleTable] = [.clients, .comptes, .cartes, .beneficiaires, .transactions]

    static let lookAtOlder = Statement(
        unchecked: "select set_config('search_path', '\(CleanRoomStore.olderSchema)', true)")
    static let lookAtRows = Statement(
        unchecked: "select set_config('search_path', '\(CleanRoomStore.schema)', true)")

    static func exists(_ relation: String) -> Statement {
        let name = "\(Statement.quoted(CleanRoomStore.olderSchema)).\(Statement.quoted(relation))"
        return "select to_regclass(\(name)) is not null"
    }

    static func layOut(_ source: RoleSource) -> Statement {
        Statement(
            unchecked:
                "create unlogged table travail.rapp_ancien_\(source.role.rawValue) as \(ReconcileStore.rows(source))")
    }

    static func missing(_ role: RoleTable) -> Statement {
        Statement(
            unchecked: """
                select a.\(role.key), count(*) from travail.rapp_ancien_\(role.rawValue) a
                where a.\(role.key) is not null and not exists (
                    select from travail.rapp_\(role.rawValue) r where r.\(role.key) = a.\(role.key))
                group by 1 order by 1 limit \(RuleLimits.rowsMax)
                """)
    }

    /// Key, value now, value then. Amounts are hundredths.
    static func differing(_ role: RoleTable, _ column: String) -> Statement {
        Statement(
            unchecked: """
                select r.\(role.key), r.\(column)::text, a.\(column)::text from travail.rapp_\(role.rawValue) r
                join travail.rapp_ancien_\(role.rawValue) a on a.\(role.key) = r.\(role.key)
                where r.\(column) is distinct from a.\(column) order by 1 limit \(RuleLimits.rowsMax)
                """)
    }

    static func places(_ role: RoleTable, _ keys: [String]) -> Statement {
        """
        select \(identifier: role.key)::text, ligne::text from \(identifier: ReconcileStore.workSchema).\(identifier: "rapp_ancien_\(role.rawValue)")
        where \(identifier: role.key)::text = any(\(SQLArray(keys.map(Optional.some)))::text[])
        """
    }

    /// The older row, whole, into the table it is missing from.
    static func insert(_ repair: Repair, _ source: RoleSource, place: String) -> Statement {
        let relation = CleanRoomStore.relation(source.relation)
        return """
            with venu as (
                insert into \(fragment: relation) as u
                select r.* from \(fragment: CleanRoomStore.relation(source.relation, schema: CleanRoomStore.olderSchema)) m,
                    jsonb_populate_record(null::\(fragment: relation), to_jsonb(m)) r
                where m.ctid = \(place)::tid returning to_jsonb(u) as image
            )
            insert into rapprochement.reparations (reparation, relation, action, avant, apres)
            select \(repair.id), \(source.relation), 'insert', null, image from venu
            """
    }
}
