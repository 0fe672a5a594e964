import Bank
import Cryptography
import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing
import Vault

@testable import Continuity
@testable import Platform
@testable import Privacy

/// A destroyed key, a rotation, a key-encryption key that is forgotten, and a backup from before all that.
@Suite("forgotten keys and older backups") struct ForgottenKeyTests {
    private static let destroyed = 1
    private static let living = 2
    private static let clients = 3

    static var isPossible: Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/pgbackrest") }

    @Test(
        "an older backup opens again for the living with the carried keys, for the destroyed with none",
        .enabled(if: isPossible && isLongRun, "pgbackrest is not installed, or no long run"), .timeLimit(.minutes(10)))
    func olderBackup() async throws {
        try await withTemporaryDirectory { folder in
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
            let data = DataDirectory(folder + "/var")
            try data.prepare()
            for file in [data.vaultKey, data.indexKey] { try Self.writeKey(file) }
            var options = Cluster.Options(directory: data.cluster)
            options.isRemovedWithOwner = true
            options.settings = ["archive_mode": "on", "shared_buffers": "32MB", "logging_collector": "off"]
            let cluster = try await Cluster.create(options)
            try await cluster.start()
            do {
                try await olderBackup(cluster, data, folder)
            } catch {
                try? await cluster.stop(.immediate)
                throw error
            }
            try await cluster.stop(.immediate)
        }
    }

    private func olderBackup(_ cluster: Cluster, _ data: DataDirectory, _ folder: String) async throws {
        try await cluster.createDatabase(UpService.databaseName)
        let database = Database(cluster.configuration(database: UpService.databaseName))
        try await fillBank(database, clients: Self.clients)
        var order = ContinuityService.PrepareOrder(dataDirectory: data.path)
        order.repositories = [folder + "/depot"]
        order.days = 7
        _ = try await ContinuityService.prepare(order)
        let made = try await ContinuityService.make(dataDirectory: data.path, kind: "full")
        #expect(made.isSound, "\(made.lines)")
        // The moment to go back to, between two commits.
        try await database.run("select txid_current()")
        let moment = try await database.one("select pg_current_wal_insert_lsn()::text", as: String.self)
        let sealed = try await Self.names(database)
        let before = try await KeyFolder(data.keys).keyring()
        let old = before.current.kekID

        // The client goes, to the end; then the key that still opens the backup.
        var stage = PrivacyStage(
            database: database, desk: try await PrivacyDeskService.open(database, data: data), folder: folder,
            vault: Vault(database: database, keyring: before))
        stage.heir = Self.clients
        try await stage.close(Self.destroyed)
        _ = try await stage.desk.erase(
            clientID(Self.destroyed), proof: proof(Self.destroyed),
            closedOn: Date(timeIntervalSinceNow: -6 * 366 * 86_400), by: admin)
        _ = try await stage.desk.destroy(clientID(Self.destroyed), by: admin)
        _ = try await KeysService.rotate(dataDirectory: data.path) { _ in }
        _ = try await KeysService.forget(old, dataDirectory: data.path)
        #expect(!FileManager.default.fileExists(atPath: data.keys + "/old/\(old).key"))
        let carried = try CarriedKeys.read(CarriedKeys.path(data))
        #expect(Set(carried.map(\.clientID)) == [clientID(2), clientID(3)])
        #expect(carried.allSatisfy { $0.kekID != old })
        await database.close()

        let place = folder + "/var/continuity/scratch/ancien"
        let target = try RestoreTarget.position(moment, isIncluded: false)
        let restored = try await Restorer(desk: ContinuityService.desk(data.path)).restore(
            Restorer.Request(target: target, directory: place)
        ).cluster
        do {
            try await judge(restored, place, data, sealed)
        } catch {
            try? await restored.stop(.immediate)
            throw error
        }
        try await restored.stop(.immediate)
    }

    private func judge(
        _ restored: Cluster, _ place: String, _ data: DataDirectory, _ sealed: [Int: [UInt8]]
    ) async throws {
        let keyring = try await KeyFolder(data.keys).keyring()
        let target = restored.configuration(database: UpService.databaseName)
        let raw = Database(target)
        // As the backup is: everybody's bytes are there, and nobody's can be read.
        #expect(try await Self.names(raw) == sealed)
        for number in 1...Self.clients {
            #expect(await !Self.opens(number, sealed[number], Vault(database: raw, keyring: keyring)))
        }
        let keys = try await VaultKeyStore(database: raw).keys(of: clientID(Self.destroyed))
        #expect(keys.contains { !$0.bytes.isEmpty }, "the backup holds the destroyed key, wrapped")
        await raw.close()

        let lines = try await KeysService.carry(into: place, dataDirectory: data.path)
        #expect(lines.first?.hasPrefix("2 client keys") == true, "\(lines)")
        let database = Database(target)
        let vault = Vault(database: database, keyring: keyring)
        #expect(await !Self.opens(Self.destroyed, sealed[Self.destroyed], vault))
        for number in Self.living...Self.clients { #expect(await Self.opens(number, sealed[number], vault)) }
        // Replayed: the wrapped key is gone from the restored bank too, and the books balance.
        let after = try await VaultKeyStore(database: database).keys(of: clientID(Self.destroyed))
        #expect(!after.contains { !$0.bytes.isEmpty })
        let faults = try await database.one("select count(*) from verifier_le_grand_livre()", as: Int64.self)
        #expect(faults == 0)
        await database.close()
    }

    @Test("a file of carried keys that is cut or changed is refused, whole")
    func damagedFile() throws {
        let folder = FileManager.default.temporaryDirectory.path + "/carried-\(UInt32.random(in: .min ... .max))"
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let line = "00000000-0000-4000-9000-000000000001 1 abcd 00ff\n"
        let head = "digitalbank.carried-keys/1\n"
        try (head + line + "end 1\n").write(toFile: folder, atomically: true, encoding: .utf8)
        #expect(try CarriedKeys.read(folder).map(\.bytes) == [[0, 255]])
        for wrong in [
            "", line, head + line, head + line + "end 2\n", head + "x 1 abcd 00ff\nend 1\n",
            head + line + "end 1\n" + line, head + line.replacing("00ff", with: "00f") + "end 1\n",
            head + line.replacing(" 1 ", with: " 0 ") + "end 1\n",
        ] {
            try wrong.write(toFile: folder, atomically: true, encoding: .utf8)
            #expect(throws: (any Error).self) { try CarriedKeys.read(folder) }
        }
    }

    private static func writeKey(_ path: String) throws {
        let hex = [UInt8](repeating: 7, count: 32).hex
        try Data((hex + "\n").utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    }

    private static func names(_ database: Database) async throws -> [Int: [UInt8]] {
        let rows = try await database.run(
            "select numero::int, encode(nom_chiffre, 'hex') from clients where nom_chiffre is not null order by 1")
        return Dictionary(
            try rows.map { (try $0.decode(0, as: Int.self), [UInt8](hex: try $0.decode(1, as: String.self)) ?? []) },
            uniquingKeysWith: { first, _ in first })
    }

    private static func opens(_ number: Int, _ sealed: [UInt8]?, _ vault: Vault) async -> Bool {
        guard let sealed else { return false }
        let place = SealedPlace(table: "clients", column: "nom", row: clientID(number).uuidString)
        guard let bytes = try? await vault.open(sealed, of: clientID(number), at: place) else { return false }
        return String(decoding: bytes, as: UTF8.self) == lastName(number)
    }
}
