internal import Detection
internal import Foundation
internal import Simulator
internal import Web

/// Measures detection on labelled logs of the project's own, and on public ones where they are.
public enum LogsMeasureService {
    public struct Request: Sendable {
        /// Attacks and ordinary requests of each set.
        public var size = 2_400
        public var seed: UInt64 = 7
        /// Folder with `httpparams.csv.gz`, `csic2010-….txt.gz` and `elastic-apache.log.gz`; nil: `usualSets` where it is.
        public var publicSets: String?
        /// Folder of Sigma rules; nil: the shipped ones.
        public var rules: String?
        /// Also shows what was judged wrong.
        public var showsSamples = false
        public var json = false
        /// Simulated attacks that have to be found whole; 0 leaves them out.
        public var simulations = 2

        public init() {}
    }

    /// Beside the repository, of which it is no part.
    public static let usualSets = "../shared/data/logs"

    public static func run(_ request: Request) throws -> (lines: [String], isGood: Bool) {
        var options = DetectionOptions()
        options.rules = request.rules ?? LogsService.shippedRules
        options.reading.year = 2026
        var score = DetectionScore()
        let size = request.size
        let logs = [
            try LabelledLog.web(attacks: size, ordinary: size, seed: request.seed),
            LabelledLog.secureShell(actors: max(100, size / 6), seed: request.seed),
            try LabelledLog.statements(count: size, seed: request.seed),
        ]
        for log in logs {
            try score.measure(
                log.name, file: log.file, lines: log.lines, truth: log.truth, isByAddress: log.unit == .address,
                needsKind: log.unit == .address || log.name != "web", options: options)
        }
        let usual = FileManager.default.fileExists(atPath: usualSets) ? usualSets : nil
        if let folder = request.publicSets ?? usual {
            try score.measurePublic(folder)
            try score.measureRequests(folder)
            try score.measureOrdinary("Apache (real)", path: folder + "/elastic-apache.log.gz", options: options)
        }
        var problems: [String] = []
        for number in 0..<request.simulations {
            problems += try simulated(seed: request.seed + UInt64(number), options, &score)
        }
        problems += score.problems
        var lines = request.json ? [JSON.object([.init("rows", score.json)]).text] : score.lines
        if request.showsSamples { lines += score.samples }
        if !request.json { lines += problems.map { "sous la barre (below its bar) : \($0)" } }
        return (lines, problems.isEmpty)
    }

    /// Which rules show an act of the simulated attack.
    private static let signs: [String: Set<String>] = [
        "credential_stuffing": ["credential-stuffing", "credential-stuffing-wave"],
        "sql_injection": ["web-sql-injection", "pg-sql-errors"],
        "privilege_escalation": ["pg-superuser", "ssh-takeover"],
        "trojans": ["pg-code-object", "pg-event-trigger"], "fraudulent_transfers": ["pg-mass-update"],
        "exfiltration": ["pg-mass-read", "mass-export", "exfiltration-volume"],
        "log_wiping": ["log-gap", "pg-logs-deleted", "log-erasure-command"],
    ]

    /// An attack in several stages among forty ordinary days, and thirty days of another bank without any.
    private static func simulated(
        seed: UInt64, _ options: DetectionOptions, _ score: inout DetectionScore
    ) throws -> [String] {
        var problems: [String] = []
        for isAttacked in [true, false] {
            let folder = FileManager.default.temporaryDirectory.appending(path: "measure-\(UUID().uuidString)").path
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let acts = try SimulatedLogs.write(
                to: folder, clients: 400, days: isAttacked ? 40 : 30, seed: seed, isAttacked: isAttacked)
            var analysis = LogAnalysis()
            analysis.options = options
            let result = try analysis.run([folder])
            let rules = Set(result.incidents.flatMap { $0.findings.map(\.rule.id) })
            score.count(
                "plusieurs étapes", acts: acts.map { ($0, !(signs[$0] ?? []).isDisjoint(with: rules)) },
                ordinaryDays: isAttacked ? 0 : 30, wrong: isAttacked ? 0 : result.incidents.count)
            if result.incidents.count != (isAttacked ? 1 : 0) {
                problems.append(
                    "simulation \(seed) \(isAttacked ? "attacked" : "clean"): \(result.incidents.count) incidents")
            }
        }
        return problems
    }
}
