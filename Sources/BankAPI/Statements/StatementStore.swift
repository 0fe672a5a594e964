internal import Bank
internal import Foundation
internal import Postgres
internal import Vault

/// Statements of the caller's accounts.
struct StatementStore: Sendable {
    let core: BankCore

    /// A page of the period, or as much as `size` allows.
    func page(
        of account: Account, from: String?, to: String?, after: Int64?, size: Int, _ caller: BankCaller
    ) async throws -> PeriodStatement? {
        let rows = try await core.store.read(
            """
            select r.premier, r.dernier, r.ouverture_minor, r.cloture_minor, r.credits_minor, r.debits_minor, r.numero,
                r.transaction_id, to_char(r.booked_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
                r.date_comptable, r.date_valeur, r.type, r.montant_minor, r.solde_apres_minor, r.libelle,
                coalesce(r.reference, (
                    select l.bout_en_bout from public.lignes_de_paiement l where l.virement_id = r.virement_id), (
                    select l.bout_en_bout
                    from public.executions_permanentes e join public.lignes_de_paiement l on l.ordre_id = e.ordre_id
                    where e.virement_id = r.virement_id)),
                r.virement_id
            from public.releve_periode(\(account.id), \(from)::date, \(to)::date, \(after), \(size)::integer) r
            order by r.numero
            """, as: caller)
        guard let head = rows.first else { return nil }
        let entries = try rows.compactMap { row in
            try row.decodeIfPresent(6, as: Int64.self) == nil ? nil : try PeriodStatement.Entry(row: row)
        }
        let first: Int64 = try head.decode(0)
        let last: Int64 = try head.decode(1)
        return PeriodStatement(
            account: account, from: from, to: to, openingMinor: try head.decode(2), closingMinor: try head.decode(3),
            creditsMinor: try head.decode(4), debitsMinor: try head.decode(5), entries: entries,
            next: entries.last.flatMap { $0.number < last ? $0.number : nil }, count: last - first + 1)
    }

    /// The caller's name as papers have it; nil when it can not be read.
    func holder(_ caller: BankCaller) async throws -> String? {
        let rows = try await core.store.read(
            """
            select id, civilite, prenom_chiffre, nom_chiffre from public.clients
            where utilisateur_id = \(caller.user)
            """, as: caller)
        guard let row = rows.first else { return nil }
        let id: UUID = try row.decode(0)
        var parts: [String] = []
        if let title = try row.decodeIfPresent(1, as: String.self) { parts.append(title) }
        for (column, name) in [(2, "prenom"), (3, "nom")] {
            let place = SealedPlace(table: "clients", column: name, row: id.uuidString)
            if let part = try await core.secrets.open(try row.decodeIfPresent(column), of: id, at: place) {
                parts.append(part)
            }
        }
        return parts.isEmpty ? nil : parts.joined(separator: " ")
    }
}
