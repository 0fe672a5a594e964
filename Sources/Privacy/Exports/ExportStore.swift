internal import Foundation
internal import Postgres

/// The SQL of exports.
struct ExportStore: Sendable {
    let connection: Connection

    static let snapshot: Statement = "set transaction isolation level repeatable read"

    func prepare(_ profile: ExportProfile, k: Int, l: Int, key: [UInt8]) async throws -> String {
        // Sorts and hashes of a million rows stay in memory that is given back.
        try await connection.run("set local work_mem = '64MB'")
        return try await connection.one(
            "select privacy.prepare_export(\(profile.rawValue), \(k)::integer, \(l)::integer, \(key))::text",
            as: String.self)
    }

    /// The key of pseudonyms that stay the same from set to set.
    func lastingKey() async throws -> [UInt8] {
        try await connection.value("select octets from pseudonymes.cle", as: [UInt8].self)
    }

    func note(
        _ profile: ExportProfile, k: Int, l: Int, t: Double, measured: String, isRefused: Bool, by name: String
    ) async throws {
        try await connection.run(
            """
            insert into privacy.exports (profile, k, l, t, measured, is_refused, made_by)
            values (\(profile.rawValue), \(k)::integer, \(l)::integer, \(t)::numeric, \(measured)::jsonb, \(isRefused), \(name))
            """)
    }

    /// The files of a set and what they are copied from. The key is bound in a temporary table, never in a text.
    func files(_ profile: ExportProfile) -> [(name: String, copy: Statement)] {
        switch profile {
        case .public: [("operations.csv", Self.publicOperations)]
        case .analytics: [("clients.csv", Self.people), ("operations.csv", Self.tokenOperations)]
        case .test:
            [
                ("clients.csv", Self.testPeople), ("comptes.csv", Self.testAccounts),
                ("operations.csv", Self.testOperations),
            ]
        }
    }

    /// Tokens of accounts, and for tests a shuffle of amounts within each type and a shift of days for each client.
    func prepareTokens(key: [UInt8]) async throws {
        try await connection.run("create temp table export_key (octets bytea not null) on commit drop")
        try await connection.run("insert into export_key values (\(key))")
        try await connection.run(
            """
            create temp table export_accounts on commit drop as
            select k.id, p.token as client, pseudonymes.pseudonyme('K', int8send(k.id), x.octets) as token, k.type, k.devise,
                k.statut, get_byte(sha256(x.octets || int8send(k.id)), 0) % 21 - 10 as shift
            from public.comptes k cross join export_key x left join export_people p on p.client = k.client_id
            where k.client_id is null or (p.client is not null and p.level is not null)
            """)
        try await connection.run("create unique index on export_accounts (id)")
        try await connection.run("analyze export_accounts")
    }

    private static let publicOperations: Statement = """
        copy (select split_part(g, '|', 1) as tranche_age, split_part(g, '|', 2) as lieu, split_part(g, '|', 3) as client_depuis,
            split_part(g, '|', 4) as periode, split_part(g, '|', 5) as type, split_part(g, '|', 6) as sens,
            to_char(amount / 100.0, 'FM999999999999990.00') as montant from export_ops) to stdout (format csv, header)
        """
    private static let people: Statement = """
        copy (select token as client, c_age as tranche_age, c_place as lieu, c_since as client_depuis, band as tranche_volume
            from export_people where level is not null order by token) to stdout (format csv, header)
        """
    private static let tokenOperations: Statement = """
        copy (select t.booked_at::date as jour, t.type, t.devise, to_char(t.montant_minor / 100.0, 'FM999999999999990.00') as montant,
            d.token as compte_debite, c.token as compte_credite, t.carte_id is not null as par_carte
            from public.transactions t join export_accounts d on d.id = t.compte_debit_id
            join export_accounts c on c.id = t.compte_credit_id) to stdout (format csv, header)
        """
    private static let testPeople: Statement = """
        copy (select token as client, 'M.' as civilite, (array['Alix','Camille','Claude','Dominique','Noa','Sacha','Yael','Charlie'])
            [1 + get_byte(sha256(convert_to(token, 'UTF8')), 0) % 8] as prenom, 'Test' || substr(token, 2, 8) as nom,
            lower(token) || '@example.invalid' as email, c_age as tranche_age
            from export_people where level is not null order by token) to stdout (format csv, header)
        """
    private static let testAccounts: Statement = """
        copy (select token as compte, client, type, devise, statut from export_accounts order by token)
            to stdout (format csv, header)
        """
    private static let testOperations: Statement = """
        copy (with numbered as (
            select t.booked_at, t.type, t.devise, t.compte_debit_id, t.compte_credit_id,
                row_number() over (partition by t.type order by t.id) as place
            from public.transactions t), shuffled as (
            select t.type, t.montant_minor, row_number() over (
                partition by t.type order by sha256(x.octets || int8send(t.id))) as place
            from public.transactions t cross join export_key x)
            select (n.booked_at + make_interval(days => coalesce(d.shift, 0)))::date as jour, n.type, n.devise,
                to_char(s.montant_minor / 100.0, 'FM999999999999990.00') as montant, d.token as compte_debite,
                c.token as compte_credite, 'Opération de test' as libelle
            from numbered n join shuffled s on s.type = n.type and s.place = n.place
                join export_accounts d on d.id = n.compte_debit_id join export_accounts c on c.id = n.compte_credit_id)
            to stdout (format csv, header)
        """
}
