import Foundation
import TestSupport

@testable import PostgresServer

/// What a bank has around it for the long form of the console's journeys and for the pictures of the tour: repositories with a
/// backup, and a Prometheus that reads the server's figures.
final class ConsoleStand: @unchecked Sendable {
    // SAFETY: used by the one test that made it, step by step.
    static var isWanted: Bool {
        let asked = ProcessInfo.processInfo.environment
        return asked["DIGITALBANK_LONG"] == "1" || asked["DIGITALBANK_SHOTS"] != nil
    }

    private let bank: ServedBank
    private var prometheus: ChildProcess?

    init(bank: ServedBank) { self.bank = bank }

    /// What the journeys must know of it.
    func open(_ options: [String]) async throws -> [String: String] {
        var told: [String: String] = [:]
        bank.kill(SIGTERM)
        var made = true
        for words in [["backup", "init"], ["backup", "now"]] {
            let run = try await ToolRun.run(
                Program.path, words + ["--data-dir", bank.data], timeMax: .seconds(600))
            made = made && run.status == 0
            if run.status != 0 { print("\(words): \(run.outputText)\(run.errorText)") }
        }
        if made { told["CONSOLE_REPOSITORIES"] = "1" }
        guard FileManager.default.isExecutableFile(atPath: "/usr/bin/prometheus") else {
            try await bank.start(options)
            return told
        }
        let (port, admin) = (try Loopback.freePort(), try Loopback.freePort())
        try await bank.start(
            options + ["--prometheus", "http://127.0.0.1:\(port)", "--admin-port", "\(admin)"])
        let folder = bank.data + "/prometheus-stand"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let settings = """
            global: {scrape_interval: 2s}
            scrape_configs:
              - {job_name: digitalbank, static_configs: [{targets: ["127.0.0.1:\(admin)"]}]}
            """
        try Data(settings.utf8).write(to: URL(filePath: folder + "/prometheus.yml"))
        prometheus = try ChildProcess.spawn(
            [
                "/usr/bin/prometheus", "--config.file=\(folder)/prometheus.yml", "--storage.tsdb.path=\(folder)/data",
                "--web.listen-address=127.0.0.1:\(port)", "--log.level=error",
            ], environment: ProcessInfo.processInfo.environment, directory: nil, streams: ChildProcess.Streams())
        told["CONSOLE_PROMETHEUS"] = "http://127.0.0.1:\(port)"
        return told
    }

    func close() {
        guard let prometheus else { return }
        kill(prometheus.identifier, SIGKILL)
        while prometheus.statusIfEnded() == nil { usleep(5000) }
    }
}
