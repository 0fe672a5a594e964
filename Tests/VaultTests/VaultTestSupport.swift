import Cryptography
import Foundation
import Migrations
import Postgres
import TestSupport
import Vault

let vaultTemplate = TestTemplate("vault") { database in
    try await Migrator(database).apply([VaultMigrations.set()])
}

func newKEK() throws -> KeyEncryptionKey { try KeyEncryptionKey(bytes: SecureRandom.bytes(32)) }

/// Clients with a sealed name each, in a table like the bank's.
struct Sealed {
    let client: UUID
    let place: SealedPlace
    let bytes: [UInt8]
    let plain: [UInt8]
}

func seal(_ count: Int, with vault: Vault, prefix: String = "client") async throws -> [Sealed] {
    var all: [Sealed] = []
    for number in 0..<count {
        let client = UUID()
        let place = SealedPlace(table: "clients", column: "nom", row: client.uuidString)
        let plain = Array("\(prefix) \(number)".utf8)
        all.append(
            Sealed(
                client: client, place: place, bytes: try await vault.seal(plain, for: client, at: place), plain: plain))
    }
    return all
}

/// Makes `count` keys at once, as a rebuild does.
func addKeys(_ count: Int, under kek: any KeyWrapper, in database: Database) async throws -> [DataKey] {
    let keys = try (0..<count).map { _ in try DataKey(newFor: UUID()) }
    for start in stride(from: 0, to: count, by: KeyWrapping.batchMax) {
        let batch = Array(keys[start..<min(start + KeyWrapping.batchMax, count)])
        try await VaultKeyStore(database: database).add(try await kek.wrap(batch))
    }
    return keys
}
