import Cryptography
import Foundation
import Postgres
import TestSupport
import Testing
import Vault

@Suite struct RotationTests {
    @Test func `all keys come under the new key, no sealed value changes and all still open`() async throws {
        try await withTestDatabase(vaultTemplate) { database in
            let (old, new) = (try newKEK(), try newKEK())
            let sealed = try await seal(60, with: Vault(database: database, keyring: Keyring(current: old)))
            let keyring = Keyring(current: new, others: [old])
            let done = try await KeyRotation(database: database, keyring: keyring, batchSize: 7).run()
            #expect(done == KeyRotation.Progress(rewrapped: 60, passedOver: 0))
            let counts = try await VaultKeyStore(database: database).counts()
            #expect(counts.byKEK.map(\.id) == [new.id])
            // The old key is not needed any more.
            let vault = Vault(database: database, keyring: Keyring(current: new))
            for value in sealed {
                #expect(try await vault.open(value.bytes, of: value.client, at: value.place) == value.plain)
            }
            let again = try await KeyRotation(database: database, keyring: keyring).run()
            #expect(again.rewrapped == 0)
            let retired = try await database.all(
                "select id from vault.key_encryption_keys where retired_at is not null", as: String.self)
            #expect(retired == [old.id])
        }
    }

    @Test func `values are sealed and opened all the while a rotation runs, by a process that knows the old key only`()
        async throws
    {
        try await withTestDatabase(vaultTemplate) { database in
            let (old, new) = (try newKEK(), try newKEK())
            _ = try await addKeys(2_000, under: old, in: database)
            let both = Keyring(current: new, others: [old])
            var limits = Vault.Limits()
            limits.keyLifetime = .zero
            let bank = Vault(database: database, keyring: Keyring(current: old), limits: limits) { both }
            let first = try await seal(20, with: bank)
            async let rotation = KeyRotation(database: database, keyring: both, batchSize: 20).run()
            var written: [Sealed] = []
            for round in 0..<10 {
                written += try await seal(10, with: bank, prefix: "round \(round)")
                for value in first + written {
                    #expect(try await bank.open(value.bytes, of: value.client, at: value.place) == value.plain)
                }
            }
            #expect(try await rotation.rewrapped >= 2_020)
            // What the old process added behind the rotation's back, the next run takes.
            try await KeyRotation(database: database, keyring: both).run()
            #expect(try await VaultKeyStore(database: database).counts().byKEK.map(\.id) == [new.id])
        }
    }

    @Test func `a rotation stopped in the middle goes on where it was`() async throws {
        try await withTestDatabase(vaultTemplate) { database in
            let (old, new) = (try newKEK(), try newKEK())
            let sealed = try await seal(50, with: Vault(database: database, keyring: Keyring(current: old)))
            let keyring = Keyring(current: new, others: [old])
            struct Stopped: Error {}
            let failing = FailingWrapper(base: new, callsMax: 3)
            await #expect(throws: Stopped.self) {
                do {
                    try await KeyRotation(
                        database: database, keyring: Keyring(current: failing, others: [old]), batchSize: 10
                    ).run()
                } catch is FailingWrapper.Failure { throw Stopped() }
            }
            let counts = try await VaultKeyStore(database: database).counts()
            #expect(counts.byKEK.map(\.count).sorted() == [20, 30])
            // In between, everything opens.
            let vault = Vault(database: database, keyring: keyring)
            for value in sealed {
                #expect(try await vault.open(value.bytes, of: value.client, at: value.place) == value.plain)
            }
            #expect(try await KeyRotation(database: database, keyring: keyring, batchSize: 10).run().rewrapped == 20)
        }
    }

    @Test func `two rotations at once are one too many`() async throws {
        try await withTestDatabase(vaultTemplate) { database in
            let kek = try newKEK()
            try await database.withConnection { other in
                try await other.run("select pg_advisory_lock(hashtextextended('digitalbank/vault/rotation', 0))")
                let error = await #expect(throws: VaultError.self) {
                    try await KeyRotation(database: database, keyring: Keyring(current: kek)).run()
                }
                #expect(error?.code == "vault_rotation_runs")
            }
        }
    }

    @Test func `a key destroyed between reading and writing stays destroyed`() async throws {
        try await withTestDatabase(vaultTemplate) { database in
            let (old, new) = (try newKEK(), try newKEK())
            let keys = try await addKeys(10, under: old, in: database)
            let victim = keys[4].clientID
            let shredding = ShreddingWrapper(base: new, database: database, victim: victim)
            let done = try await KeyRotation(
                database: database, keyring: Keyring(current: shredding, others: [old])
            ).run()
            #expect(done == KeyRotation.Progress(rewrapped: 9, passedOver: 1))
            let counts = try await VaultKeyStore(database: database).counts()
            #expect(counts.live == 9 && counts.destroyed == 1)
            #expect(try await VaultKeyStore(database: database).keys(of: victim)[0].bytes.isEmpty)
        }
    }

    @Test func `a client's new data key seals what is written from now on; what stands stays readable`() async throws {
        try await withTestDatabase(vaultTemplate) { database in
            let vault = Vault(database: database, keyring: Keyring(current: try newKEK()))
            let client = UUID()
            let place = SealedPlace(table: "clients", column: "nom", row: client.uuidString)
            let before = try await vault.seal([1], for: client, at: place)
            #expect(try await vault.rotateDataKey(of: client) == 2)
            let after = try await vault.seal([2], for: client, at: place)
            #expect(try Sealer.version(of: before) == 1 && Sealer.version(of: after) == 2)
            #expect(try await vault.open(before, of: client, at: place) == [1])
            #expect(try await vault.open(after, of: client, at: place) == [2])
        }
    }
}

/// Stops working after some calls: the process that was killed.
actor FailingWrapper: KeyWrapper {
    struct Failure: Error {}
    nonisolated let kekID: String
    private let base: KeyEncryptionKey
    private var callsLeft: Int

    init(base: KeyEncryptionKey, callsMax: Int) {
        self.base = base
        kekID = base.id
        callsLeft = callsMax
    }

    func wrap(_ keys: [DataKey]) async throws -> [WrappedKey] {
        guard callsLeft > 0 else { throw Failure() }
        callsLeft -= 1
        return try await base.wrap(keys)
    }

    func unwrap(_ wrapped: [WrappedKey]) async throws -> [DataKey] { try await base.unwrap(wrapped) }
}

/// Destroys a client's key while the rotation holds it in hand.
struct ShreddingWrapper: KeyWrapper {
    let base: KeyEncryptionKey
    let database: Database
    let victim: UUID
    var kekID: String { base.id }

    func wrap(_ keys: [DataKey]) async throws -> [WrappedKey] {
        _ = try await VaultKeyStore(database: database).destroy(victim)
        return try await base.wrap(keys)
    }

    func unwrap(_ wrapped: [WrappedKey]) async throws -> [DataKey] { try await base.unwrap(wrapped) }
}
