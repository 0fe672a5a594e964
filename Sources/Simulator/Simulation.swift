public import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer

/// Makes a French bank, attacks it, dumps it, damages the dump, and writes the truth beside it.
public struct Simulation: Sendable {
    public var clients = 1000
    public var days = 90
    /// The same seed gives the same rows, attack and damage. Ciphertexts of the legacy bank differ: pgcrypto draws them.
    public var seed: UInt64 = 1
    public var format = DumpFormat.custom
    public var damage = Damage.bitFlip
    public var isAttacked = true
    /// Where the files go; it must be empty or absent.
    public var output: String
    public var progress: ProgressSink = { _ in }

    public init(output: String) { self.output = output }

    /// The files of a simulation, as paths.
    public struct Files: Codable, Sendable {
        public let dump: String
        public let logs: String
        /// The schema as the bank's developers have it: what `--baseline` takes.
        public let baseline: String
        /// The passphrase of the legacy bank's pgcrypto columns.
        public let legacyKey: String
        /// What really happened, as JSON.
        public let truth: String
    }

    public static let clientsMax = 200_000
    public static let daysMax = 1100

    public func run() async throws -> (files: Files, truth: GroundTruth) {
        try check()
        try FileManager.default.createDirectory(
            atPath: output, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        report("bank", 0)
        let (bank, attack, cleanRows) = try makeBank()
        var truth = attack?.truth ?? GroundTruth(seed: seed, clients: clients, days: days)
        truth.cleanRows = cleanRows
        truth.dumpFormat = format.rawValue
        let files = Files(
            dump: output + "/" + format.fileName, logs: output + "/logs", baseline: output + "/schema-reference.sql",
            legacyKey: output + "/cle-heritee.txt", truth: output + "/verite.json")
        report("logs", 0)
        _ = try LogWriter(bank: bank, attack: attack, seed: seed).write(to: files.logs)
        truth.rows = try await dump(LegacyRows(bank: bank, gone: attack?.gone ?? []), files, plants: attack != nil)
        if attack != nil {
            truth.trojans = TrojanStore.all.map {
                GroundTruth.Trojan(kind: $0.kind, object: $0.object, purpose: $0.purpose)
            }
        }
        truth.damage = try DumpDamager(path: files.dump, format: format, seed: seed).apply(damage)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(truth).write(to: URL(fileURLWithPath: files.truth), options: .atomic)
        return (files, truth)
    }

    private func check() throws {
        guard (10...Self.clientsMax).contains(clients), (15...Self.daysMax).contains(days) else {
            throw SimulatorError.parameter(
                "a bank of \(clients) clients over \(days) days cannot be simulated",
                "Take 10 to \(Self.clientsMax) clients and 15 to \(Self.daysMax) days.")
        }
        let there = (try? FileManager.default.contentsOfDirectory(atPath: output)) ?? []
        guard there.isEmpty else {
            throw SimulatorError.parameter(
                "\(output) is not empty", "Give --output an empty folder; nothing of yours is overwritten.")
        }
    }

    /// Everything in memory: the clean bank, and what is left of it after the attack.
    func makeBank() throws -> (bank: LegacyBank, attack: Attack?, cleanRows: [String: Int]) {
        var generator = BankGenerator(clients: clients, days: days, seed: seed, words: try Words())
        guard isAttacked else {
            let bank = generator.generate()
            return (bank, nil, Self.counts(bank))
        }
        var attack = Attack(seed: seed, truth: GroundTruth(seed: seed, clients: clients, days: days))
        var bank = generator.generate { attack.forge(&$0, $1) }
        let clean = Self.counts(bank)
        attack.tamper(&bank)
        return (bank, attack, clean)
    }

    private static func counts(_ bank: LegacyBank) -> [String: Int] {
        Dictionary(uniqueKeysWithValues: LegacyRows(bank: bank, gone: []).tables.map { ($0.name, $0.count) })
    }

    private func report(_ subject: String, _ done: Int) {
        progress(ProgressUpdate(stage: "simulate", subject: subject, done: Int64(done), total: nil, unit: "rows"))
    }

    private func dump(_ rows: LegacyRows, _ files: Files, plants: Bool) async throws -> [String: Int] {
        let folder = try ResourceFolder.find(target: "Simulator", name: "Legacy")
        let before = try String(contentsOfFile: folder + "/schema.sql", encoding: .utf8)
        let after = try String(contentsOfFile: folder + "/schema-fin.sql", encoding: .utf8)
        try (before + "\n" + after).write(toFile: files.baseline, atomically: true, encoding: .utf8)
        let key = "cle-de-la-banque-heritee-\(seed)"
        try (key + "\n").write(toFile: files.legacyKey, atomically: true, encoding: .utf8)
        var options = Cluster.Options(directory: output + "/.banque-heritee")
        options.superuser = "postgres"
        options.isDurable = false
        options.isRemovedWithOwner = true
        let cluster = try await Cluster.create(options)
        do {
            try await cluster.start()
            let loader = BankLoader(cluster: cluster, schemaBefore: before, schemaAfter: after, legacyKey: key)
            let counts = try await loader.load(rows, plants: plants) { report($0, $1) }
            report("dump", 0)
            try await format.dump(LegacyStore.database, of: cluster, to: files.dump)
            try await cluster.destroy()
            return counts
        } catch {
            try? await cluster.destroy()
            throw error
        }
    }
}
