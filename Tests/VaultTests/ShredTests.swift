import Foundation
import Postgres
import TestSupport
import Testing
import Vault

@Suite struct ShredTests {
    @Test func `a client whose keys were destroyed can not be read any more; all others can`() async throws {
        try await withTestDatabase(vaultTemplate) { database in
            let keyring = Keyring(current: try newKEK())
            let vault = Vault(database: database, keyring: keyring)
            let sealed = try await seal(5, with: vault)
            let victim = sealed[2]
            try await vault.rotateDataKey(of: victim.client)
            #expect(try await vault.shred(victim.client, in: database) == 2)
            for reader in [vault, Vault(database: database, keyring: keyring)] {
                for value in sealed where value.client != victim.client {
                    #expect(try await reader.open(value.bytes, of: value.client, at: value.place) == value.plain)
                }
                for _ in 0..<2 {
                    let error = await #expect(throws: VaultError.self) {
                        try await reader.open(victim.bytes, of: victim.client, at: victim.place)
                    }
                    #expect(error?.code == "vault_key_destroyed")
                }
                await #expect(throws: VaultError.self) {
                    try await reader.seal([1], for: victim.client, at: victim.place)
                }
                await #expect(throws: VaultError.self) { try await reader.rotateDataKey(of: victim.client) }
            }
            #expect(try await vault.shred(victim.client, in: database) == 0)
        }
    }

    @Test func `a shredding that is rolled back leaves the client readable`() async throws {
        try await withTestDatabase(vaultTemplate) { database in
            let vault = Vault(database: database, keyring: Keyring(current: try newKEK()))
            let value = try await seal(1, with: vault)[0]
            struct Undone: Error {}
            await #expect(throws: Undone.self) {
                try await database.transaction { tx in
                    try await vault.shred(value.client, in: tx)
                    throw Undone()
                }
            }
            #expect(try await vault.open(value.bytes, of: value.client, at: value.place) == value.plain)
        }
    }

    @Test func `rows of keys are never deleted, revived or moved to another client`() async throws {
        try await withTestDatabase(vaultTemplate) { database in
            let vault = Vault(database: database, keyring: Keyring(current: try newKEK()))
            let client = try await seal(1, with: vault)[0].client
            try await vault.shred(client, in: database)
            let attempts: [Statement] = [
                "delete from vault.data_keys", "truncate vault.data_keys",
                "update vault.data_keys set client_id = gen_random_uuid()",
                "update vault.data_keys set wrapped = repeat('x', 60)::bytea, destroyed_at = null",
            ]
            for attempt in attempts {
                let error = await #expect(throws: PostgresError.self) { try await database.run(attempt) }
                #expect(error?.sqlState == "55000")
            }
        }
    }

    @Test func `a key that was being read while it was destroyed is not kept after`() async throws {
        try await withTestDatabase(vaultTemplate) { database in
            let kek = try newKEK()
            let value = try await seal(1, with: Vault(database: database, keyring: Keyring(current: kek)))[0]
            let slow = SlowWrapper(base: kek)
            let reader = Vault(database: database, keyring: Keyring(current: slow))
            async let first = reader.open(value.bytes, of: value.client, at: value.place)
            // It has the wrapped key and waits for the key-encryption key; meanwhile the key is destroyed.
            for await _ in slow.arrived.stream { break }
            try await Vault(database: database, keyring: Keyring(current: kek)).shred(value.client, in: database)
            reader.forget(value.client)
            slow.go.continuation.yield()
            #expect(try await first == value.plain)
            await #expect(throws: VaultError.self) {
                try await reader.open(value.bytes, of: value.client, at: value.place)
            }
        }
    }

    /// Unwraps when it is told to.
    private struct SlowWrapper: KeyWrapper {
        let base: KeyEncryptionKey
        let arrived = AsyncStream<Void>.makeStream()
        let go = AsyncStream<Void>.makeStream()

        var kekID: String { base.kekID }

        func wrap(_ keys: [DataKey]) async throws -> [WrappedKey] { try await base.wrap(keys) }

        func unwrap(_ keys: [WrappedKey]) async throws -> [DataKey] {
            arrived.continuation.yield()
            for await _ in go.stream { break }
            return try await base.unwrap(keys)
        }
    }
}
