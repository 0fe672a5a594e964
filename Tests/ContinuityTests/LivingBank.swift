import Bank
import Evidence
import Foundation
import Migrations
import Postgres
import Synchronization
import TestSupport
import Testing
import Vault

@testable import Continuity
@testable import PostgresServer

/// A small bank on a durable cluster of its own, with backups prepared: ends with the test process.
final class LivingBank: Sendable {
    let data: String
    let cluster: Cluster
    let desk: BackupDesk
    /// What `backup init` said.
    let prepared: [String]

    static let name = "digitalbank_restored"
    static let accounts = 20
    static let startMinor: Int64 = 100_000

    static var isPossible: Bool { FileManager.default.isExecutableFile(atPath: "/usr/bin/pgbackrest") }

    /// The one that tests share which change nothing but money.
    static func shared() async throws -> LivingBank { try await starting.value }
    // Ends once the bank is up.
    private static let starting = Task { try await LivingBank(repositories: 2) }

    convenience init(repositories: Int, outlives: Bool = false) async throws {
        try await self.init(outlives: outlives) { folder in
            BackupSettings(repositories: (1...repositories).map { folder.path + "/repository\($0)" })
        }
    }

    /// - Parameters:
    ///   - outlives: stays up when whoever started it lets go of it, as the bank of a data directory does.
    ///   - binaries: the server's programs, where they are others than Debian's.
    ///   - place: told where the bank's folders will be, before anything is there.
    init(
        outlives: Bool = false, binaries: PostgresBinaries? = nil,
        place: @Sendable (_ data: String) async throws -> Void = { _ in },
        settings: @Sendable (ContinuityFolder) async throws -> BackupSettings
    ) async throws {
        data =
            FileManager.default.temporaryDirectory.path + "/living-"
            + String(UInt32.random(in: .min ... .max), radix: 36)
        Litter.leave(data)
        try FileManager.default.createDirectory(atPath: data + "/keys", withIntermediateDirectories: true)
        chmod(data + "/keys", 0o700)
        var options = Cluster.Options(directory: data + "/bank")
        options.isRemovedWithOwner = !outlives
        options.outlivesOwner = outlives
        // On from the start: no restart when backups are prepared.
        options.settings = [
            "shared_buffers": "64MB", "max_connections": "60", "archive_mode": "on", "logging_collector": "off",
        ]
        try await place(data)
        cluster = try await Cluster.create(options, binaries)
        try await cluster.start()
        try await cluster.createDatabase(Self.name)
        desk = BackupDesk(dataDirectory: data, bank: Self.name)
        try await desk.withBank(cluster) { [data] in try await Self.furnish($0, data) }
        prepared = try await desk.prepare(try await settings(desk.folder))
    }

    private static func furnish(_ database: Database, _ data: String) async throws {
        try await Migrator(database).apply([VaultMigrations.set(), BankMigrations.set(), EvidenceMigrations.set()])
        try await people(1...accounts, in: database, data)
        try await database.run(
            """
            insert into comptes (id, client_id, type, solde_minor) select numero, id, 'courant', \(startMinor) from clients
            """)
        try await database.run("select setval('comptes_id_seq', 1000)")
        try await database.run("select reprendre_les_soldes()")
        try await LedgerStore(database).openDay()
        try await EvidenceJournal.append("test.begun", "bank", in: database)
        let sealer = EvidenceSealer(
            database: database, key: try SigningKey.open(path: data + "/keys/evidence.pem"), publishers: [])
        try await sealer.seal()
        // A segment waits for archiving to begin.
        try await database.run("select pg_switch_wal()")
    }

    /// Clients with sealed names.
    static func people(_ numbers: ClosedRange<Int>, in database: Database, _ data: String) async throws {
        let vault = Vault(database: database, keyring: try await KeyFolder(data + "/keys").keyring())
        for number in numbers {
            let client = UUID()
            let name = try await vault.seal(
                Array("Client \(number)".utf8), for: client,
                at: SealedPlace(table: "clients", column: "nom", row: client.uuidString))
            try await database.run(
                """
                insert into clients (id, numero, utilisateur_id, nom_chiffre)
                values (\(client), \(number), \(UUID()), \(name))
                """)
        }
    }

    func with<Value: Sendable>(_ body: @Sendable (Database) async throws -> Value) async throws -> Value {
        try await desk.withBank(cluster, body)
    }

    /// Moves money once; returns the place in the log right behind its commit.
    @discardableResult
    static func transfer(_ debit: Int64, _ credit: Int64, _ minor: Int64, _ key: String, in database: Database)
        async throws
        -> LogPosition
    {
        try await LedgerStore(database).transfer(
            TransferOrder(
                debit: AccountID(debit), credit: AccountID(credit), amount: Money(minor: minor, currency: .eur),
                key: OrderKey(key)))
        let text = try await database.one("select pg_current_wal_insert_lsn()::text", as: String.self)
        return try #require(LogPosition(text))
    }

    static func balances(_ database: Database) async throws -> [Int64] {
        try await database.all(
            "select solde_minor from comptes where type = 'courant' order by id", as: Int64.self)
    }

    /// Ends the segment under way and waits until all of it is archived.
    func archive() async throws {
        try await with { database in
            let store = ContinuityStore(database: database)
            try await store.beat()
            let name = try await store.switchLog()
            for _ in 0..<1200 {
                if let done = try await store.archiver().archived, done.prefix(24) >= name.prefix(24) { return }
                try await Task.sleep(for: .milliseconds(50))
            }
            Issue.record("\(name) was not archived in a minute")
        }
    }

    /// A folder for a restore beside this bank.
    func place(_ name: String) -> String {
        data + "/continuity/scratch/\(name)-" + String(UInt32.random(in: .min ... .max), radix: 36)
    }

    /// The backups and keys alone, in a folder of their own: what is left when the server is gone, and what may be
    /// sabotaged.
    func copyOfBackups() async throws -> BackupDesk {
        let place = data + "-copy-" + String(UInt32.random(in: .min ... .max), radix: 36)
        Litter.leave(place)
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try await ToolRun.run("/bin/cp", ["-a", "\(data)/keys", "\(place)/keys"]).checked("cp")
        let backups = place + "/continuity"
        try FileManager.default.createDirectory(atPath: backups, withIntermediateDirectories: true)
        try await FolderLock.hold(desk.folder.setsLock) {
            // Restores of other tests come and go in the scratch folder. The journal comes last: what is kept of it beside the
            // repositories is its beginning.
            let names = try FileManager.default.contentsOfDirectory(atPath: data + "/continuity")
                .filter { $0 != "scratch" && !$0.hasSuffix(".lock") }
            for name in names.sorted(by: { !$0.hasPrefix("journal") && $1.hasPrefix("journal") }) {
                try await Self.copyLiving("\(data)/continuity/\(name)", to: "\(backups)/\(name)")
            }
        }
        let script =
            "sed -i 's|\(data)/|\(place)/|g' \(place)/continuity/pgbackrest.conf \(place)/continuity/settings.json"
        try await ToolRun.run("/bin/sh", ["-c", script]).checked("sed")
        return BackupDesk(dataDirectory: place, bank: Self.name)
    }

    /// Copies what others write to meanwhile: once more, where a file of a moment went away under the copy.
    private static func copyLiving(_ source: String, to target: String) async throws {
        for _ in 0..<9 {
            if try await ToolRun.run("/bin/cp", ["-a", source, target]).status == 0 { return }
            try? FileManager.default.removeItem(atPath: target)
        }
        try await ToolRun.run("/bin/cp", ["-a", source, target]).checked("cp")
    }

    func end() async {
        try? await cluster.destroy()
        try? FileManager.default.removeItem(atPath: data)
    }
}

/// Folders that are removed when the test process ends.
enum Litter {
    private static let folders = Mutex<[String]>([])

    static func leave(_ folder: String) {
        folders.withLock {
            if $0.isEmpty { atexit { Litter.clear() } }
            $0.append(folder)
        }
    }

    static func clear() {
        for folder in folders.withLock({ $0 }) { try? FileManager.default.removeItem(atPath: folder) }
    }
}
