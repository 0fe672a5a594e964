internal import Continuity
internal import Foundation
internal import Postgres
internal import Recovery
internal import Vault

/// The vault's keys of the embedded bank.
public enum KeysService {
    public static func status(dataDirectory: String) async throws -> [String] {
        let data = DataDirectory(dataDirectory)
        let folder = KeyFolder(data.keys)
        let keyring = try await folder.keyring()
        return try await BankDatabase.with(data) { database in
            let store = VaultKeyStore(database: database)
            let counts = try await store.counts()
            let used = Set(counts.byKEK.map(\.id))
            var lines = [
                "key-encryption key  \(keyring.current.kekID)", "clients             \(counts.clients)",
                "client keys         \(counts.live)", "highest version     \(counts.versionMax)",
                "destroyed           \(counts.destroyed)",
            ]
            if try folder.keeper()?.mode != .wrap {
                let wraps = try await store.wrapCount(of: keyring.current.kekID)
                lines.append("wraps left          \(max(0, KeyWrapping.wrapsMax - wraps)) before it must be rotated")
            }
            lines += counts.byKEK.map { kek in
                let place = keyring.holds(kek.id) ? "" : "  NOT HERE: these clients can not be read"
                return "wrapped by \(kek.id)  \(kek.count)\(place)"
            }
            if used.contains(where: { $0 != keyring.current.kekID }) {
                lines.append("a rotation has not ended; go on with: digitalbank keys rotate")
            }
            lines += folder.oldIDs().filter { !used.contains($0) }.map {
                "old key \($0)  wraps nothing here; older backups need it until: digitalbank keys forget \($0)"
            }
            return lines
        }
    }

    /// Puts a new key-encryption key in place and re-wraps all data keys; goes on with a rotation that was interrupted.
    public static func rotate(
        dataDirectory: String, progress: @escaping @Sendable (_ rewrapped: Int) -> Void
    ) async throws -> [String] {
        let data = DataDirectory(dataDirectory)
        let folder = KeyFolder(data.keys)
        return try await BankDatabase.with(data) { database in
            let before = try await folder.keyring().current.kekID
            let counts = try await VaultKeyStore(database: database).counts()
            let isResumed = counts.byKEK.contains { $0.id != before }
            if !isResumed { try folder.renew() }
            let keyring = try await folder.keyring()
            guard keyring.current.kekID != before || isResumed else {
                return ["the key-encryption key \(before) is still the current one: change it with its keeper first"]
            }
            let done = try await KeyRotation(database: database, keyring: keyring).run { progress($0.rewrapped) }
            try await EvidenceTrail.record(
                "keys.rotated", keyring.current.kekID, ["before": before, "rewrapped": "\(done.rewrapped)"],
                in: database)
            return [
                (isResumed ? "went on with a rotation: " : "") + "\(done.rewrapped) client keys re-wrapped",
                "key-encryption key  \(keyring.current.kekID)",
            ]
        }
    }

    /// Puts the next signing key of access tokens in force. Tokens of the former ones are taken until they end.
    public static func rotateSigning(dataDirectory: String) async throws -> [String] {
        let data = DataDirectory(dataDirectory)
        return try await BankDatabase.with(data) { database in
            // Only where there is a bank: keys are made on the first call.
            let id = try SigningKeys(data, try ApiKeys.open(data)).rotate()
            try await EvidenceTrail.record("keys.signing.rotated", id, [:], in: database)
            return ["access tokens are signed with  \(id)"]
        }
    }

    /// Gives one client a new data key for what is written from now on.
    public static func rotateClient(number: Int64, dataDirectory: String) async throws -> [String] {
        let data = DataDirectory(dataDirectory)
        let keyring = try await KeyFolder(data.keys).keyring()
        return try await BankDatabase.with(data) { database in
            let client = try await client(number, in: database)
            let version = try await Vault(database: database, keyring: keyring).rotateDataKey(of: client)
            try await EvidenceTrail.record(
                "keys.client.rotated", client.uuidString, ["version": "\(version)"], in: database)
            return ["client \(number) seals with version \(version) of its key from now on"]
        }
    }

    /// Destroys a client's keys: all that they sealed can not be read any more.
    public static func shred(number: Int64, dataDirectory: String) async throws -> [String] {
        let data = DataDirectory(dataDirectory)
        let keyring = try await KeyFolder(data.keys).keyring()
        return try await BankDatabase.with(data) { database in
            let client = try await client(number, in: database)
            let vault = Vault(database: database, keyring: keyring)
            let destroyed = try await database.transaction { tx in
                let count = try await vault.shred(client, in: tx)
                if count > 0 {
                    try await tx.run(ClientKeyStore.forgetIndexes(of: client))
                    try await EvidenceTrail.record(
                        "keys.client.destroyed", client.uuidString, ["versions": "\(count)"], in: tx)
                }
                return count
            }
            guard destroyed > 0 else { return ["the key of client \(number) was destroyed before"] }
            try await VaultKeyStore(database: database).vacuum()
            return [
                "the key of client \(number) is destroyed: what it sealed can not be read any more",
                "backups still hold it, wrapped; to end that too: digitalbank keys rotate, then keys forget the old key",
            ]
        }
    }

    /// Destroys an old key-encryption key that wraps nothing any more.
    public static func forget(_ id: String, dataDirectory: String) async throws -> [String] {
        let data = DataDirectory(dataDirectory)
        return try await BankDatabase.with(data) { database in
            let used = try await VaultKeyStore(database: database).counts().byKEK.first { $0.id == id }
            if let used {
                throw RecoveryError(
                    code: "vault_key_used", message: "\(used.count) client keys are still wrapped by \(id)",
                    hint: "Re-wrap them first with: digitalbank keys rotate", exitStatus: .conflict)
            }
            // The repositories' key may be wrapped by it still.
            try await ContinuityService.desk(dataDirectory).rewrapKey()
            // Older backups hold the living clients' keys under it too: as they are wrapped now, they open them again.
            let carried = try await CarriedKeys.write(from: database, data)
            try KeyFolder(data.keys).forget(id)
            try await EvidenceTrail.record("keys.forgotten", id, ["carried": "\(carried)"], in: database)
            return [
                "the key \(id) is destroyed; backups made under it can not be opened by themselves any more",
                "the keys of living clients are in \(CarriedKeys.path(data)); into a restored backup they go with: "
                    + "digitalbank keys carry DIR",
            ]
        }
    }

    private static func client(_ number: Int64, in database: Database) async throws -> UUID {
        guard let id: UUID = try await database.run(ClientKeyStore.client(number)).first?.decode(0) else {
            throw RecoveryError(
                code: "client_not_found", message: "there is no client number \(number)",
                hint: "Give the number in column numero of public.clients.", exitStatus: .badInput)
        }
        return id
    }
}
