internal import Bank
internal import Foundation
internal import Postgres
internal import Vault
internal import Web

/// The caller's trusted payees: name and IBAN are sealed with the caller's own key.
struct BeneficiaryStore: Sendable {
    let core: BankCore

    func all(_ caller: BankCaller) async throws -> [JSON] {
        let rows = try await core.store.read(
            """
            select b.id, b.client_id, b.nom_chiffre, b.iban_chiffre, b.iban_fin, b.bic, b.statut,
                to_char(b.ajoute_le at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            from public.beneficiaires b
            where b.statut <> 'retire' and b.client_id in (
                select c.id from public.clients c where c.utilisateur_id = (select auth.uid()))
            order by b.id limit 500
            """, as: caller)
        var all: [JSON] = []
        for row in rows { all.append(try await view(row)) }
        return all
    }

    private func view(_ row: Row) async throws -> JSON {
        let id: Int64 = try row.decode(0)
        let client: UUID = try row.decode(1)
        let place = { (column: String) in SealedPlace(table: "beneficiaires", column: column, row: String(id)) }
        let name = try await core.secrets.open(try row.decodeIfPresent(2), of: client, at: place("nom"))
        let iban = try await core.secrets.open(try row.decodeIfPresent(3), of: client, at: place("iban"))
        return [
            "id": .integer(id), "name": .text(name), "iban": .text(iban),
            "iban_last4": .string(try row.decode(4)), "bic": .text(try row.decodeIfPresent(5)),
            "status": .string(try row.decode(6, as: String.self) == "actif" ? "trusted" : "to_verify"),
            "added_at": .string(try row.decode(7)),
        ]
    }

    /// Trusts a payee from now on.
    func add(name: String, iban: IBAN, bic: BIC?, _ caller: BankCaller) async throws -> JSON {
        let rows = try await core.store.read(
            "select id from public.clients where utilisateur_id = (select auth.uid())", as: caller)
        guard let client: UUID = try rows.first?.decode(0) else {
            throw BankProblem(
                403, code: "clients_only", message: "the token's user is no client of the bank",
                hint: "Sign in as a client of the bank.")
        }
        let id: Int64 = try await core.store.asBank("select public.nouveau_beneficiaire()")[0].decode(0)
        let place = { (column: String) in SealedPlace(table: "beneficiaires", column: column, row: String(id)) }
        let vault = core.secrets.vault
        let sealedName = try await vault.seal(Array(name.utf8), for: client, at: place("nom"))
        let sealedIBAN = try await vault.seal(Array(iban.text.utf8), for: client, at: place("iban"))
        let index = core.secrets.ibans.code(Normaliser.iban(iban.text))
        let added = try await core.store.asBank(
            """
            select id, client_id, nom_chiffre, iban_chiffre, iban_fin, bic, statut,
                to_char(ajoute_le at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            from public.ajouter_beneficiaire(
                \(caller.user), \(caller.level), \(id), \(sealedName), \(sealedIBAN), \(index), \(iban.lastFour),
                \(bic?.text))
            """)
        guard let row = added.first else { throw ProblemTable.unexpected }
        return try await view(row)
    }

    /// False when it is another's, or gone.
    func remove(_ id: Int64, _ caller: BankCaller) async throws -> Bool {
        try await core.store.write("select public.retirer_beneficiaire(\(id))", as: caller).first?.decode(0) ?? false
    }
}
