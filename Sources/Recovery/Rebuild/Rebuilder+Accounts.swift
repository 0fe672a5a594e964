internal import Bank
internal import Foundation
internal import Postgres
internal import Synchronization
internal import Vault

extension Rebuilder {
    static let defaultCurrency = "EUR"

    /// Accounts. A balance below its agreed overdraft is a fact, not an error: the limit is raised to it and counted.
    func copyAccounts() async throws {
        let index = BlindIndex(root: keys.indexing, purpose: "iban")
        let sealer = SharedSealer()
        try await copy(
            "comptes",
            columns: [
                "id", "client_numero", "type", "devise", "iban", "bic", "solde", "decouvert", "statut", "ouvert_le",
            ],
            into: [
                "id", "client_id", "type", "devise", "iban_chiffre", "iban_index", "iban_fin", "bic", "solde_minor",
                "decouvert_minor", "statut", "ouvert_le",
            ]
        ) { [self] line, out in
            guard let id = line.integer(0), let number = line.integer(1), let (client, key) = client(number) else {
                try refuse("comptes", line, "its client is not in the restored bank")
                return false
            }
            let code = line.string(3) ?? Self.defaultCurrency
            guard let currency = Currency.known[code], let balance = line.money(6, currency),
                let overdraft = line.money(7, currency) ?? 0 as Int64?, overdraft >= 0, takesPlace(balance)
            else {
                try refuse("comptes", line, "the currency, the balance or the overdraft can not be read")
                return false
            }
            guard state.withLock({ $0.accounts.insert(id).inserted }) else {
                try refuse("comptes", line, "the account \(id) is there already")
                return false
            }
            state.withLock { $0.accountOwners[id] = number }
            if balance < -overdraft { note("overdraft limit raised to the balance") }
            out.integer(id)
            out.text(client.uuidString)
            out.text(line.word(2, among: ["courant", "epargne", "joint"], else: "courant"))
            out.text(code)
            let iban = line.string(4)
            try out.binary(
                iban.map { try sealer.seal(Array($0.utf8), key, table: "comptes", column: "iban", row: String(id)) })
            out.binary(iban.map { index.code(Normaliser.iban($0)) })
            out.text(iban.map { String($0.suffix(4)) })
            out.text(line.string(5))
            out.integer(balance)
            out.integer(max(overdraft, -balance))
            out.text(line.word(8, among: ["actif", "bloque", "clos"], else: "actif"))
            if let opened = line.raw(9), line.value(9) != nil { out.raw(opened) } else { out.text("today") }
            return true
        }
    }

    /// Cards: the number sealed, a token and four digits in its place.
    func copyCards() async throws {
        let index = BlindIndex(root: keys.indexing, purpose: "pan")
        let tokens = BlindIndex(root: keys.indexing, purpose: "pan.token")
        let sealer = SharedSealer()
        try await copy(
            "cartes", columns: ["id", "compte_id", "pan", "reseau", "expire_le", "plafond", "statut", "emise_le"],
            into: [
                "id", "compte_id", "pan_jeton", "pan_chiffre", "pan_index", "pan_fin", "reseau", "expire_le",
                "plafond_minor", "statut", "emise_le",
            ]
        ) { [self] line, out in
            guard let id = line.integer(0), let account = line.integer(1),
                let owner = state.withLock({ $0.accountOwners[account] }), let (_, key) = client(owner)
            else {
                try refuse("cartes", line, "its account is not in the restored bank")
                return false
            }
            guard let pan = line.string(2)?.filter(\.isNumber), CardNumber.isValid(Array(pan.utf8)),
                state.withLock({ $0.cards.insert(id).inserted })
            else {
                try refuse("cartes", line, "the card number's check digit is wrong, or the id is there already")
                return false
            }
            out.integer(id)
            out.integer(account)
            out.text(Self.uuid(tokens.code(Array(pan.utf8))).uuidString)
            try out.binary(sealer.seal(Array(pan.utf8), key, table: "cartes", column: "pan", row: String(id)))
            out.binary(index.code(Array(pan.utf8)))
            out.text(String(pan.suffix(4)))
            out.text(line.string(3))
            if let expiry = line.raw(4) { out.raw(expiry) } else { out.null() }
            out.integer(line.money(5, .eur) ?? 0)
            out.text(line.word(6, among: ["active", "bloquee", "expiree", "remplacee"], else: "active"))
            if let issued = line.raw(7) { out.raw(issued) } else { out.null() }
            return true
        }
    }
}
