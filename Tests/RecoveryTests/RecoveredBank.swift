import Cryptography
import Evidence
import Foundation
import Postgres
import PostgresServer
import Simulator
import Synchronization
import TestSupport
import Vault

@testable import Recovery

/// A simulated bank, recovered by the engine into a database of the shared test cluster.
struct RecoveredBank {
    let files: Simulation.Files
    let truth: GroundTruth
    let report: RecoveryReport
    let run: RunDirectory
    let database: String

    var reconciled: Reconciled? {
        struct Record: Codable { var result: Reconciled }
        return try? run.result(of: .reconcile, as: Record.self)?.result
    }

    func findings() throws -> [RowFinding] {
        try String(contentsOfFile: run.findingsFile, encoding: .utf8).split(separator: "\n")
            .map { try JSONDecoder().decode(RowFinding.self, from: Data($0.utf8)) }
    }

    func plan() throws -> RepairPlan { try RepairPlan.read(run.repairPlanFile) }

    static func make(
        in folder: String, clients: Int = 300, days: Int = 90, seed: UInt64, attacked: Bool = true,
        damage: Damage = .none,
        options change: (inout RecoveryOptions, Simulation.Files) -> Void = { _, _ in }
    ) async throws -> RecoveredBank {
        var simulation = Simulation(output: folder + "/banque")
        simulation.clients = clients
        simulation.days = days
        simulation.seed = seed
        simulation.isAttacked = attacked
        simulation.damage = damage
        let (files, truth) = try await simulation.run()
        return try await recover(files, truth, in: folder, options: change)
    }

    static func keys() throws -> VaultKeys {
        VaultKeys(
            wrapping: try KeyEncryptionKey(bytes: SecureRandom.bytes(32)),
            indexing: try KeyEncryptionKey(bytes: SecureRandom.bytes(32)))
    }

    /// Goes on with the stages whose result is not there.
    func resume() async throws -> RecoveredBank {
        let data = (run.path as NSString).deletingLastPathComponent
        let engine = try RecoveryEngine.resume(
            dataDirectory: data, binaries: PostgresBinaries.find(), key: SigningKey.open(path: data + ".cle"),
            vault: Self.keys(), progress: { _ in })
        let (report, _) = try await engine.recover()
        return RecoveredBank(files: files, truth: truth, report: report, run: engine.run, database: database)
    }

    /// Recovers a simulation that is there already.
    static func recover(
        _ files: Simulation.Files, _ truth: GroundTruth, in folder: String, name: String = "travail",
        options change: (inout RecoveryOptions, Simulation.Files) -> Void = { _, _ in }
    ) async throws -> RecoveredBank {
        let cluster = try await TestCluster.shared()
        let database = TestCluster.freshName("reprise")
        try await cluster.createDatabase(database)
        let target = try await TestCluster.configuration(database: database)
        let data = folder + "/" + name
        try FileManager.default.createDirectory(
            atPath: data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        var options = RecoveryOptions(dump: files.dump, dataDirectory: data, reportDirectory: data + "/rapport")
        options.target = .server(
            connectionString: target.connectionString + " password='\(target.password ?? "")'")
        options.makesBackup = false
        options.typesetsReport = false
        options.legacyKeyFile = files.legacyKey
        change(&options, files)
        let vault = try keys()
        let engine = try RecoveryEngine.begin(
            options, restarts: false, binaries: PostgresBinaries.find(),
            key: SigningKey.open(path: folder + "/\(name).cle"), vault: vault, progress: { _ in })
        let (report, _) = try await engine.recover()
        return RecoveredBank(files: files, truth: truth, report: report, run: engine.run, database: database)
    }
}

/// Attacked banks of 300 clients, recovered with their certain repairs once a process: several tests look at each.
struct RepairedBank: Sendable {
    let truth: GroundTruth
    let findings: [RowFinding]
    let plan: RepairPlan
    let reconciled: Reconciled?
    let report: RecoveryReport
    let journal: String
    let quarantine: String

    private static let banks = Mutex<[UInt64: Task<RepairedBank, any Error>]>([:])

    static func of(seed: UInt64) async throws -> RepairedBank {
        let task = banks.withLock { banks in
            // Ends with its recovery; every test that needs the bank waits for it.
            let task = banks[seed] ?? Task { try await make(seed) }
            banks[seed] = task
            return task
        }
        return try await task.value
    }

    private static func make(_ seed: UInt64) async throws -> RepairedBank {
        try await withTemporaryDirectory { folder in
            let bank = try await RecoveredBank.make(in: folder, seed: seed) { options, _ in
                options.appliesRepairs = true
            }
            let quarantine = bank.run.quarantineDirectory + "/reconcile.jsonl"
            return RepairedBank(
                truth: bank.truth, findings: try bank.findings(), plan: try bank.plan(), reconciled: bank.reconciled,
                report: bank.report, journal: try String(contentsOfFile: bank.run.journalFile, encoding: .utf8),
                quarantine: try String(contentsOfFile: quarantine, encoding: .utf8))
        }
    }
}
