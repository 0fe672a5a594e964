import Bank
import Cryptography
import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing
import Vault

@testable import Privacy

/// Fifty clients are erased, ten of them to the end; then the bank goes back in time in each way there is.
@Suite("the erased stay erased") struct RestoreTests {
    private static let clients = 60
    private static let erased = 50
    private static let destroyed = 10

    @Test("no older dump, no base backup and no earlier point in time brings an erased client back")
    func goBack() async throws {
        try await withTemporaryDirectory { folder in
            let place = folder + "/c"
            let archive = folder + "/wal"
            try FileManager.default.createDirectory(atPath: archive, withIntermediateDirectories: true)
            for path in [folder, archive] {
                try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: path)
            }
            var options = Cluster.Options(directory: place)
            options.isRemovedWithOwner = true
            options.settings = [
                "archive_mode": "on", "archive_command": "cp %p \(archive)/%f", "wal_level": "replica",
                "fsync": "off",
                "shared_buffers": "32MB", "synchronous_commit": "on",
            ]
            let cluster = try await Cluster.create(options)
            try await cluster.start()
            do {
                try await goBack(cluster, folder: folder, archive: archive)
            } catch {
                try? await cluster.stop(.immediate)
                throw error
            }
            try await cluster.stop(.immediate)
        }
    }

    private func goBack(_ cluster: Cluster, folder: String, archive: String) async throws {
        try await cluster.createDatabase("banque")
        let database = Database(cluster.configuration(database: "banque"))
        try await fillBank(database, clients: Self.clients)
        let dump = folder + "/ancien.dump"
        try await Self.dump(cluster, "banque", to: dump)
        await database.close()
        // The base backup: the folder of a stopped server.
        try await cluster.stop()
        try await Self.copy(cluster.dataDirectory, to: folder + "/base")
        try await cluster.start()

        let bank = Database(cluster.configuration(database: "banque"))
        var stage = try PrivacyStage.make(bank, folder: folder)
        stage.heir = Self.clients
        try await stage.desk.prepare()
        // The recovery's target lies behind a commit of its own.
        try await bank.run("create table public.repere (id integer)")
        try await bank.run("alter table public.repere enable row level security")
        try await bank.run("select privacy.label('public.repere', 'relation', 'none', 'id')")
        try await Task.sleep(for: .milliseconds(50))
        let earlier = try await bank.one("select clock_timestamp()::text", as: String.self)
        try await Task.sleep(for: .milliseconds(50))
        for number in 1...Self.erased {
            try await stage.close(number)
            let closed = number <= Self.destroyed ? Date(timeIntervalSinceNow: -6 * 366 * 86_400) : nil
            _ = try await stage.desk.erase(clientID(number), proof: proof(number), closedOn: closed, by: admin)
            if number <= Self.destroyed { _ = try await stage.desk.destroy(clientID(number), by: admin) }
        }
        try await stage.expectSound()
        try await bank.run("select pg_switch_wal()")
        await bank.close()

        try await fromDump(cluster, dump, folder: folder)
        try await fromEarlier(cluster, folder: folder, archive: archive, until: earlier)
        try await fromBase(cluster, folder: folder)
    }

    private func fromDump(_ cluster: Cluster, _ dump: String, folder: String) async throws {
        try await cluster.createDatabase("rendue")
        let target = cluster.configuration(database: "rendue")
        let run = try await ToolRun.run(
            cluster.binaries.path(of: "pg_restore"),
            ["--no-owner", "--exit-on-error", "--dbname=\(target.connectionString)", dump],
            environment: ["PGPASSWORD": target.password ?? ""])
        try run.checked("pg_restore")
        let database = Database(target)
        let stage = try PrivacyStage.make(database, folder: folder)
        // The dump has them all, readable: that is what the replay is for.
        #expect(try await stage.leftOf(1) == 14)
        let sealed = try await Self.sealedName(1, database)
        #expect(try await stage.desk.sealedIdentity(of: clientID(1))["nom"] == lastName(1))
        // The bytes of the dump under a key-encryption key that came after: rotated and the old one destroyed.
        let later = try PrivacyStage.make(
            database, folder: folder, kek: KeyEncryptionKey(bytes: SecureRandom.bytes(32)))
        let place = SealedPlace(table: "clients", column: "nom", row: clientID(1).uuidString)
        await #expect(throws: (any Error).self) { _ = try await later.vault.open(sealed, of: clientID(1), at: place) }
        let back = try await stage.desk.prepare()
        #expect(Set(back.map(\.client)).count == Self.erased)
        try await expectGone(stage)
        // And the destroyed ones' bytes, kept by somebody before the replay, do not open any more.
        await #expect(throws: VaultError.self) { _ = try await stage.vault.open(sealed, of: clientID(1), at: place) }
        await database.close()
    }

    private func fromEarlier(_ cluster: Cluster, folder: String, archive: String, until: String) async throws {
        try await cluster.stop(.immediate)
        let data = cluster.dataDirectory
        try FileManager.default.removeItem(atPath: data)
        try await Self.copy(folder + "/base", to: data)
        let settings = """
            restore_command = 'cp \(archive)/%f %p'
            recovery_target_time = '\(until)'
            recovery_target_action = 'promote'

            """
        try await Self.append(settings, to: data + "/postgresql.auto.conf")
        try await Self.append("", to: data + "/recovery.signal")
        try await cluster.start()
        let database = Database(cluster.configuration(database: "banque"))
        while try await database.one("select pg_is_in_recovery()", as: Bool.self) {
            try await Task.sleep(for: .milliseconds(100))
        }
        let stage = try PrivacyStage.make(database, folder: folder)
        #expect(try await database.one("select to_regclass('public.repere') is not null", as: Bool.self))
        #expect(try await stage.leftOf(20) == 14)
        let back = try await stage.desk.prepare()
        #expect(Set(back.map(\.client)).count == Self.erased)
        try await expectGone(stage)
        #expect(try await stage.desk.prepare().isEmpty)
        await database.close()
    }

    private func fromBase(_ cluster: Cluster, folder: String) async throws {
        try await cluster.stop(.immediate)
        let data = cluster.dataDirectory
        try FileManager.default.removeItem(atPath: data)
        try await Self.copy(folder + "/base", to: data)
        try await cluster.start()
        let database = Database(cluster.configuration(database: "banque"))
        let stage = try PrivacyStage.make(database, folder: folder)
        #expect(try await stage.leftOf(20) == 14)
        let back = try await stage.desk.prepare()
        #expect(Set(back.map(\.client)).count == Self.erased)
        try await expectGone(stage)
        await database.close()
    }

    private func expectGone(_ stage: PrivacyStage, sourceLocation: SourceLocation = #_sourceLocation) async throws {
        for number in 1...Self.erased {
            let left = try await stage.leftOf(number)
            #expect(left == 0, "client \(number)", sourceLocation: sourceLocation)
        }
        for number in (Self.erased + 1)...Self.clients {
            let left = try await stage.leftOf(number)
            #expect(left == 14, "client \(number)", sourceLocation: sourceLocation)
        }
        let keys = try await stage.count("select count(*) from vault.data_keys where destroyed_at is not null")
        #expect(keys == Int64(Self.destroyed), sourceLocation: sourceLocation)
        try await stage.expectSound(sourceLocation: sourceLocation)
    }

    private static func sealedName(_ number: Int, _ database: Database) async throws -> [UInt8] {
        let text = try await database.one(
            "select encode(nom_chiffre, 'hex') from clients where id = \(clientID(number))", as: String.self)
        return try #require([UInt8](hexText: text))
    }

    private static func dump(_ cluster: Cluster, _ name: String, to path: String) async throws {
        let source = cluster.configuration(database: name)
        let run = try await ToolRun.run(
            cluster.binaries.path(of: "pg_dump"),
            ["--format=custom", "--file=\(path)", "--dbname=\(source.connectionString)"],
            environment: ["PGPASSWORD": source.password ?? ""])
        try run.checked("pg_dump")
    }

    private static func copy(_ source: String, to target: String) async throws {
        try await ToolRun.run("/bin/cp", ["-a", source, target]).checked("cp")
    }

    /// Appends as the file's owner would have: the server's user must be able to read and remove it.
    private static func append(_ text: String, to path: String) async throws {
        let folder = (path as NSString).deletingLastPathComponent
        let known = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        try (known + text).write(toFile: path, atomically: false, encoding: .utf8)
        try await ToolRun.run("/bin/chown", ["--reference=\(folder)", path]).checked("chown")
    }
}
