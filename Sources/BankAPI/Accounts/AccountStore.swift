internal import Bank
internal import Foundation
internal import Postgres
internal import Vault

/// The caller's own accounts and what is held on them.
struct AccountStore: Sendable {
    static let accountsMax = 200
    let core: BankCore

    func all(_ caller: BankCaller) async throws -> [Account] {
        let rows = try await core.store.read(
            """
            select id, type, statut, devise, iban_chiffre, iban_fin, bic, solde_minor, reserve_minor, decouvert_minor,
                ouvert_le, client_id
            from public.comptes where id in (select public.mes_comptes())
            order by id limit \(Self.accountsMax)
            """, as: caller)
        var accounts: [Account] = []
        for row in rows { accounts.append(try await account(row)) }
        return accounts
    }

    /// Nil when it is another's, or there is none.
    func find(_ id: Int64, _ caller: BankCaller) async throws -> Account? {
        let rows = try await core.store.read(
            """
            select id, type, statut, devise, iban_chiffre, iban_fin, bic, solde_minor, reserve_minor, decouvert_minor,
                ouvert_le, client_id
            from public.comptes where id = \(id) and id in (select public.mes_comptes())
            """, as: caller)
        guard let row = rows.first else { return nil }
        return try await account(row)
    }

    private func account(_ row: Row) async throws -> Account {
        let id: Int64 = try row.decode(0)
        let code: String = try row.decode(3)
        guard let currency = Currency.known[code] else {
            throw PostgresError(kind: .decoding, message: "account \(id) is in a currency that is not known here")
        }
        let iban = try await core.secrets.open(
            try row.decodeIfPresent(4), of: try row.decode(11),
            at: SealedPlace(table: "comptes", column: "iban", row: String(id)))
        return Account(
            id: id, type: try row.decode(1), status: try row.decode(2), currency: currency, iban: iban,
            lastFour: try row.decodeIfPresent(5), bic: try row.decodeIfPresent(6), balanceMinor: try row.decode(7),
            heldMinor: try row.decode(8), overdraftMinor: try row.decode(9), openedOn: try row.decode(10))
    }

    /// Open holds first, the newest before the older.
    func holds(_ account: Int64, _ caller: BankCaller) async throws -> [HoldView] {
        try await core.store.read(
            """
            select id, carte_id, montant_minor, reste_minor, devise, marchand, statut,
                to_char(cree_le at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
                to_char(expire_le at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            from public.reservations where compte_id = \(account) and compte_id in (select public.mes_comptes())
            order by statut = 'ouverte' desc, cree_le desc, id limit 200
            """, as: caller
        ).map(HoldView.init)
    }
}

extension BankSecrets {
    /// Nil for nothing, and for what the vault can not open any more.
    func open(_ sealed: [UInt8]?, of client: UUID, at place: SealedPlace) async throws -> String? {
        guard let sealed else { return nil }
        do {
            return String(validating: try await vault.open(sealed, of: client, at: place), as: UTF8.self)
        } catch is VaultError {
            return nil
        }
    }
}
