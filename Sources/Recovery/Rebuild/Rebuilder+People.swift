internal import Bank
internal import Foundation
internal import Postgres
internal import Synchronization
internal import Vault

extension Rebuilder {
    /// Clients: a key each, personal columns sealed, e-mail and telephone found again by blind index.
    func copyClients() async throws {
        let emails = BlindIndex(root: keys.indexing, purpose: "clients.email")
        let telephones = BlindIndex(root: keys.indexing, purpose: "clients.telephone")
        let columns = [
            "numero", "civilite", "nom", "prenom", "email", "telephone", "adresse", "date_naissance", "nir", "cree_le",
        ]
        let sealer = SharedSealer()
        try await copy(
            "clients", columns: columns,
            into: [
                "id", "numero", "civilite", "nom_chiffre", "prenom_chiffre", "email_chiffre", "telephone_chiffre",
                "adresse_chiffre", "date_naissance_chiffre", "nir_chiffre", "email_index", "telephone_index", "cree_le",
            ]
        ) { [self] line, out in
            guard let number = line.integer(0) else {
                try refuse("clients", line, "a client without a number")
                return false
            }
            let id = clientID(number)
            let isNew = state.withLock { $0.clients.updateValue(id, forKey: number) == nil }
            guard isNew else {
                try refuse("clients", line, "the client number \(number) is there already")
                return false
            }
            let key = try DataKey(newFor: id)
            state.withLock { $0.dataKeys[id] = key }
            out.text(id.uuidString)
            out.integer(number)
            out.text(line.string(1))
            for (field, column) in [
                (2, "nom"), (3, "prenom"), (4, "email"), (5, "telephone"), (6, "adresse"), (7, "date_naissance"),
                (8, "nir"),
            ] {
                try out.binary(
                    line.value(field).map {
                        try sealer.seal($0, key, table: "clients", column: column, row: id.uuidString)
                    })
            }
            out.binary(line.string(4).map { emails.code(Normaliser.email($0)) })
            out.binary(line.string(5).map { telephones.code(Normaliser.telephone($0)) })
            if let created = line.raw(9), line.value(9) != nil { out.raw(created) } else { out.text("now") }
            return true
        }
        try await copyDataKeys()
    }

    private func copyDataKeys() async throws {
        let all = state.withLock { Array($0.dataKeys.values) }.sorted {
            $0.clientID.uuidString < $1.clientID.uuidString
        }
        for start in stride(from: 0, to: all.count, by: KeyWrapping.batchMax) {
            let batch = Array(all[start..<min(start + KeyWrapping.batchMax, all.count)])
            var out = CopyTextWriter()
            for key in try await keys.wrapping.wrap(batch) {
                out.text(key.clientID.uuidString)
                out.integer(Int64(key.version))
                out.text(key.kekID)
                out.binary(key.bytes)
                out.endLine()
            }
            let lines = out.take()
            try await target.withConnection { connection in
                try await connection.copyIn(
                    RebuildStore.copy("vault.data_keys", ["client_id", "version", "kek_id", "wrapped"])
                ) { try $0.write(lines) }
            }
        }
    }

    /// Beneficiaries: the IBAN sealed with the key of the client who pays.
    func copyBeneficiaries() async throws {
        let index = BlindIndex(root: keys.indexing, purpose: "iban")
        let sealer = SharedSealer()
        try await copy(
            "beneficiaires", columns: ["id", "client_numero", "nom", "iban", "bic", "ajoute_le"],
            into: [
                "id", "client_id", "nom_chiffre", "iban_chiffre", "iban_index", "iban_fin", "bic", "statut",
                "ajoute_le",
            ]
        ) { [self] line, out in
            guard let id = line.integer(0), let number = line.integer(1), let (client, key) = client(number) else {
                try refuse("beneficiaires", line, "its client is not in the restored bank")
                return false
            }
            guard let iban = line.string(3), state.withLock({ $0.beneficiaries.insert(id).inserted }) else {
                try refuse("beneficiaires", line, "no IBAN, or the id is there already")
                return false
            }
            let row = String(id)
            out.integer(id)
            out.text(client.uuidString)
            try out.binary(
                line.value(2).map { try sealer.seal($0, key, table: "beneficiaires", column: "nom", row: row) })
            try out.binary(sealer.seal(Array(iban.utf8), key, table: "beneficiaires", column: "iban", row: row))
            out.binary(index.code(Normaliser.iban(iban)))
            out.text(String(iban.suffix(4)))
            out.text(line.string(4))
            let isUnverified = state.withLock { $0.unverifiedBeneficiaries.contains(id) }
            out.text(IBAN(iban) == nil || isUnverified ? "a_verifier" : "actif")
            if let added = line.raw(5), line.value(5) != nil { out.raw(added) } else { out.text("now") }
            return true
        }
    }

    func client(_ number: Int64) -> (UUID, DataKey)? {
        state.withLock { state in
            guard let id = state.clients[number], let key = state.dataKeys[id] else { return nil }
            return (id, key)
        }
    }
}

/// One cipher context behind a lock: the pump's receiving thread is its only user, but the compiler can not know.
final class SharedSealer: @unchecked Sendable {
    // SAFETY: `sealer` is used under `lock` only.
    private let lock = NSLock()
    private let sealer: Result<Box, any Error>

    private final class Box {
        let sealer: Sealer
        init() throws { sealer = try Sealer() }
    }

    init() { sealer = Result { try Box() } }

    func seal(_ value: [UInt8], _ key: DataKey, table: String, column: String, row: String) throws -> [UInt8] {
        try lock.withLock {
            try sealer.get().sealer.seal(value, with: key, at: SealedPlace(table: table, column: column, row: row))
        }
    }
}
