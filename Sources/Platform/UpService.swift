public import Diagnostics
internal import Foundation
internal import PostgresServer
internal import Recovery
internal import Simulator

/// The bank of this machine: made once, started and stopped after that.
public enum UpService {
    static let databaseName = "digitalbank_restored"

    public static func up(
        dataDirectory: String, clients: Int, days: Int, seed: UInt64, monitoring: Bool = false,
        progress: @escaping ProgressSink
    ) async throws -> [String] {
        let data = DataDirectory(dataDirectory)
        if isRecovered(data) {
            let cluster = try Cluster.attach(data.cluster)
            try await cluster.start()
            return ["The restored bank is up.", "report       \(data.report)/report.fr.html"] + connection(cluster)
                + (try await serving(data, cluster, monitoring))
        }
        let simulation = try await SimulateService.prepare(
            data: data, clients: clients, days: days, seed: seed, progress: progress)
        let outcome: RecoverOutcome
        if FileManager.default.fileExists(atPath: data.path + "/recovery/options.json") {
            outcome = try await RecoverService.resume(dataDirectory: data.path, progress: progress)
        } else {
            var request = RecoverRequest(dump: simulation.dump, dataDirectory: data.path)
            request.logs = simulation.logs
            request.baseline = simulation.baseline
            request.legacyKeyFile = simulation.legacyKey
            request.appliesRepairs = true
            outcome = try await RecoverService.recover(request, progress: progress)
        }
        let cluster = try Cluster.attach(data.cluster)
        return outcome.summaryLines() + connection(cluster) + (try await serving(data, cluster, monitoring))
    }

    private static func serving(_ data: DataDirectory, _ cluster: Cluster, _ monitoring: Bool) async throws -> [String]
    {
        let server = try await ServeProcess.start(data)
        let lines = ["API          \(server.url)", "API keys     digitalbank keys api --data-dir \(data.path)"]
        return monitoring ? lines + (try await MonitoringStack.start(data, cluster, server)) : lines
    }

    /// What was done; `isClean` is false when a server of the bank still runs.
    public static func down(dataDirectory: String) async throws -> (lines: [String], isClean: Bool) {
        let data = DataDirectory(dataDirectory)
        guard Cluster.exists(in: data.cluster) else { return (["There is no bank in \(data.path)."], true) }
        try await MonitoringStack.stop(data)
        try await ServeProcess.stop(data)
        let left = ServeProcess.all(data)
        let words = left.map {
            "A server of this bank still runs, which `up` did not start or which does not end: process \($0). "
                + "End it with: kill \($0)"
        }
        let cluster = try Cluster.attach(data.cluster)
        guard cluster.isRunning else { return (["The restored bank is stopped already."] + words, left.isEmpty) }
        try await cluster.stop()
        return (["The restored bank is stopped; its data is in \(data.cluster)."] + words, left.isEmpty)
    }

    public static func removeAll(dataDirectory: String) async throws -> String {
        let data = DataDirectory(dataDirectory)
        guard FileManager.default.fileExists(atPath: data.path) else { return "There is nothing in \(data.path)." }
        guard FileManager.default.fileExists(atPath: data.keys) || Cluster.exists(in: data.cluster) else {
            throw RecoveryError(
                code: "not_a_data_directory",
                message: "\(data.path) is not a data directory of ours; nothing was removed",
                hint: "Remove it by hand if that is what you want.", exitStatus: .badInput)
        }
        try await MonitoringStack.stop(data)
        try await ServeProcess.stop(data)
        if Cluster.exists(in: data.cluster) { try await Cluster.attach(data.cluster).stop() }
        try FileManager.default.removeItem(atPath: data.path)
        return "Removed \(data.path)."
    }

    private static func isRecovered(_ data: DataDirectory) -> Bool {
        Cluster.exists(in: data.cluster)
            && RunDirectory(path: data.path + "/recovery").isFinished(.report)
    }

    private static func connection(_ cluster: Cluster) -> [String] {
        let lines = cluster.connectionLines(database: databaseName)
        return ["psql         \(lines.psql)"] + (lines.pgAdmin.map { ["pgAdmin      \($0)"] } ?? [])
    }
}
