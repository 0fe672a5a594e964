internal import Bank
internal import Cryptography
internal import Foundation
internal import Postgres
internal import Synchronization
internal import Vault

extension Rebuilder {
    /// Operations, in the order and with the dates they had; the bank's own account "historique" is their other side.
    func copyOperations() async throws {
        guard let source = mapping.targets["transactions"] else { return }
        let columns = [
            "id", "compte_id", "booked_at", "date_valeur", "date_comptable", "montant", "devise", "type", "libelle",
            "reference", "carte_id", "contrepartie_iban",
        ]
        let window = try await target.one(RebuildStore.plausibleDays, as: PlausibleDays.self)
        try await makePartitions(source, columns, window)
        let others = try await internalAccounts(source, columns)
        let index = BlindIndex(root: keys.indexing, purpose: "iban")
        let codes = CodeCache { index.code(Normaliser.iban(String(decoding: $0, as: UTF8.self))) }
        let accounts = state.withLock { $0.accounts }
        try await copy(
            "transactions", columns: columns,
            into: [
                "id", "booked_at", "date_valeur", "date_comptable", "type", "montant_minor", "devise",
                "compte_debit_id",
                "compte_credit_id", "libelle", "reference", "carte_id", "contrepartie_index", "contrepartie_fin",
                "historique",
            ]
        ) { [self] line, out in
            guard let account = line.integer(1), accounts.contains(account) else {
                try refuse("transactions", line, "its account is not in the restored bank")
                return false
            }
            let code = line.string(6) ?? Self.defaultCurrency
            guard let currency = Currency.known[code], let other = others[code], let amount = line.money(5, currency),
                amount != 0, amount != .min, let id = line.raw(0), let booked = line.raw(2), !line.isNull(2),
                !line.isNull(0), let value = line.raw(line.isNull(3) ? 4 : 3),
                let day = line.raw(line.isNull(4) ? 3 : 4), !line.isNull(3) || !line.isNull(4)
            else {
                try refuse("transactions", line, "the amount, the currency or a date can not be read")
                return false
            }
            guard window.holds(booked), PlausibleDays.isDay(value), PlausibleDays.isDay(day) else {
                try refuse("transactions", line, "its date is impossible: outside \(window.first) to \(window.last)")
                return false
            }
            guard takesPlace(amount) else {
                try refuse("transactions", line, "the amount is beyond what a ledger can hold")
                return false
            }
            out.raw(id)
            out.raw(booked)
            out.raw(value)
            out.raw(day)
            if let kind = line.raw(7), !line.isNull(7) { out.raw(kind) } else { out.text("divers") }
            out.integer(abs(amount))
            out.text(code.utf8)
            out.integer(amount < 0 ? account : other)
            out.integer(amount < 0 ? other : account)
            for field in [8, 9, 10] { if let raw = line.raw(field) { out.raw(raw) } else { out.null() } }
            let iban = line.value(11)
            out.binary(iban.map(codes.code))
            if let iban { out.text(iban.suffix(4)) } else { out.null() }
            out.text("t".utf8)
            return true
        }
    }

    /// Partitions for the months of all plausible days; rows of other days have no place in the bank.
    private func makePartitions(
        _ source: Mapping.TargetTable, _ columns: [String], _ window: PlausibleDays
    ) async throws {
        let query = RebuildStore.periods(SourceQuery(target: source).statement(["booked_at"]), within: window)
        let found = try await readable("transactions", source, columns) { try await room.run(query).first }
        guard let row = found, let first = try row.decodeIfPresent(0, as: String.self),
            let last = try row.decodeIfPresent(1, as: String.self)
        else { return }
        try await target.run(RebuildStore.makePartitions(from: first, to: last))
    }

    /// The other side of past operations, by currency.
    private func internalAccounts(
        _ source: Mapping.TargetTable, _ columns: [String]
    ) async throws -> [String: Int64] {
        let query = RebuildStore.currencies(SourceQuery(target: source).statement(["devise"]))
        let found = try await readable("transactions", source, columns) { try await room.all(query, as: String.self) }
        var accounts: [String: Int64] = [:]
        for currency in found where Currency.known[currency] != nil {
            accounts[currency] = try await target.one(
                RebuildStore.internalAccount("historique", currency), as: Int64.self)
        }
        return accounts
    }

    /// Past orders, under keys of their own so that none is executed again.
    func copyOrders() async throws {
        let ids = BlindIndex(root: keys.indexing, purpose: "virements.id")
        try await copy(
            "virements",
            columns: [
                "id", "compte_id", "beneficiaire_id", "montant", "motif", "statut", "demande_le", "transaction_id",
            ],
            into: [
                "id", "donneur_id", "cle_idempotence", "empreinte", "compte_debit_id", "beneficiaire_id",
                "montant_minor",
                "motif", "canal", "statut", "demande_le", "transaction_id",
            ]
        ) { [self] line, out in
            guard let id = line.string(0), let account = line.integer(1),
                let owner = state.withLock({ $0.accountOwners[account] }), let (client, _) = client(owner),
                let amount = line.money(3, .eur), amount > 0
            else {
                try refuse("virements", line, "its account or its amount can not stand")
                return false
            }
            let beneficiary = line.integer(2).flatMap { id in
                state.withLock { $0.beneficiaries.contains(id) ? id : nil }
            }
            var status = line.word(5, among: ["execute", "refuse", "en_attente"], else: "refuse")
            if status == "execute", line.integer(7) == nil { status = "refuse" }
            out.text(Self.uuid(ids.code(Array(id.utf8))).uuidString)
            out.text(client.uuidString)
            out.text("reprise:" + id)
            out.binary(SHA256.hash(line.whole))
            out.integer(account)
            out.integer(beneficiary)
            out.integer(amount)
            out.text(line.string(4))
            out.text("reprise")
            out.text(status)
            if let asked = line.raw(6), line.value(6) != nil { out.raw(asked) } else { out.text("now") }
            out.integer(line.integer(7))
            return true
        }
    }

    private static let addressPrefix = Array("adresse/".utf8)
    private static let actorPrefix = Array("acteur/".utf8)
    private static let objectPrefix = Array("objet/".utf8)

    /// Logs: who, where from and on what become pseudonyms. What they stand for goes, sealed, to a file: whoever opens the bank
    /// takes it in, for two admins who break the glass.
    func copyLogs() async throws {
        let pseudonyms = BlindIndex(root: keys.indexing, purpose: "logs")
        let identities = try keys.identities.map { try IdentityFile(path: $0.path, seal: $0.seal) }
        let tokens = CodeCache { value in
            let token = pseudonyms.token(String(decoding: value, as: UTF8.self))
            identities?.note(value, token: token)
            return Array(token.utf8)
        }
        try await copy(
            "logs", columns: ["id", "horodatage", "adresse", "acteur", "action", "objet"],
            into: ["id", "horodatage", "adresse_jeton", "acteur_jeton", "action", "objet_jeton"]
        ) { [self] line, out in
            guard let id = line.raw(0), !line.isNull(0), let at = line.raw(1), !line.isNull(1) else {
                try refuse("logs", line, "a log entry without id or time")
                return false
            }
            out.raw(id)
            out.raw(at)
            for (field, prefix) in [(2, Self.addressPrefix), (3, Self.actorPrefix)] {
                if let value = line.value(field) { out.text(tokens.code(prefix + value)) } else { out.null() }
            }
            if let action = line.raw(4), !line.isNull(4) { out.raw(action) } else { out.text("inconnue") }
            if let object = line.value(5) { out.text(tokens.code(Self.objectPrefix + object)) } else { out.null() }
            return true
        }
        try identities?.finish()
    }
}
