import Foundation
import Postgres
import TestSupport
import Testing
import Web

@testable import Automation
@testable import PostgresServer

/// The bank's routes in Debian's Alertmanager, and what it really sends.
@Suite struct AlertmanagerTests {
    private static let program = "/usr/bin/prometheus-alertmanager"
    private static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: program) }
    private static let token = "0123456789abcdef0123456789abcdef"
    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    /// The configuration that is deployed, towards the test's receiver and without its waits.
    private static func configuration(_ url: String, _ folder: String) throws -> String {
        let text = try String(contentsOfFile: root + "/deploy/alertmanager/alertmanager.yml", encoding: .utf8)
        return
            text.replacing("http://127.0.0.1:8000/automation/v1/hooks", with: url)
            .replacing("/etc/prometheus/digitalbank-hook.token", with: folder + "/token")
            .replacing("group_wait: 30s", with: "group_wait: 1s").replacing("group_wait: 10s", with: "group_wait: 1s")
            .replacing("group_interval: 5m", with: "group_interval: 1s")
    }

    private static func ask(
        _ port: Int, _ method: String, _ path: String, body: String? = nil
    ) async throws -> Int {
        var words = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", method, "http://127.0.0.1:\(port)\(path)"]
        if let body { words += ["-H", "Content-Type: application/json", "-d", body] }
        return Int(try await ToolRun.run("/usr/bin/curl", words).outputText) ?? 0
    }

    private func running(
        _ url: String, _ folder: String, _ body: (_ port: Int) async throws -> Void
    ) async throws {
        try Data(Self.token.utf8).write(to: URL(filePath: folder + "/token"))
        try Self.configuration(url, folder).write(toFile: folder + "/a.yml", atomically: true, encoding: .utf8)
        // Nobody may have the port in between: another is tried when it was taken.
        for _ in 0..<5 {
            let port = try Loopback.freePort()
            let process = Process()
            process.executableURL = URL(filePath: Self.program)
            process.arguments = [
                "--config.file=\(folder)/a.yml", "--storage.path=\(folder)/data",
                "--web.listen-address=127.0.0.1:\(port)", "--cluster.listen-address=",
            ]
            process.standardError = FileHandle.nullDevice
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            defer { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }
            for _ in 0..<1200 where process.isRunning {
                if try await Self.ask(port, "GET", "/-/ready") == 200 { return try await body(port) }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        Issue.record("Alertmanager did not start")
    }

    @Test(
        "an alert goes through the deployed routes to the bank's hook and on to the team; the dead man has his own",
        .enabled(if: isInstalled, "prometheus-alertmanager is not installed"))
    func routes() async throws {
        try await HookReceiver.with { manager in
            try await HookReceiver.with { team in
                try await withTemporaryDirectory { folder in
                    try await Bench.with { bench in
                        for hook in ["alertmanager", "deadman"] {
                            try await bench.desk.keepHookSecret(hook, secret: Self.token, author: "ana")
                        }
                        try await bench.destination("exploitation-equipe", "slack", [:], secret: team.url)
                        let base = "http://127.0.0.1:\(manager.port)/hooks"
                        try await running(base, folder) { port in
                            let alerts = """
                                [{"labels": {"alertname": "ApiErrorBudgetBurningFast", "severity": "page", "area": "slo"},
                                  "annotations": {"summary": "le budget d'erreurs brûle"}},
                                 {"labels": {"alertname": "ApiErrorBudgetBurningSlow", "severity": "ticket", "area": "slo"},
                                  "annotations": {"summary": "lentement"}},
                                 {"labels": {"alertname": "Watchdog", "severity": "none"}, "annotations": {}}]
                                """
                            #expect(try await Self.ask(port, "POST", "/api/v2/alerts", body: alerts) == 200)
                            try await bench.wait { Set(manager.requests.map(\.path)).count == 2 }
                        }
                        try await expectTold(bench, manager.requests, team)
                    }
                }
            }
        }
    }

    /// What Alertmanager sent is taken as it came, header and all.
    private func expectTold(_ bench: Bench, _ requests: [HookReceiver.Request], _ team: HookReceiver) async throws {
        for request in requests {
            let hook = String(request.path.split(separator: "/").last ?? "")
            #expect(request.headers["authorization"] == "Bearer " + Self.token)
            let taking = try await bench.hooks.take(hook, body: Array(request.body.utf8)) { request.headers[$0] }
            #expect([.taken, .known].contains(taking))
            let named = try JSONReader.read(request.body)["commonLabels"]?["alertname"]?.string
            #expect((hook == "deadman") == (named == "Watchdog"), "\(request.path) \(request.body)")
        }
        try await bench.engine.pass()
        let texts = team.requests.map(\.body)
        #expect(texts.contains { $0.contains("ApiErrorBudgetBurningFast (page)") && $0.contains("budget d'erreurs") })
        // Inhibited by the faster one; the dead man is no news.
        #expect(!texts.contains { $0.contains("BurningSlow") || $0.contains("Watchdog") })
        let silence = try await bench.count(
            "select count(*) from automation.hooks where name = 'deadman' and received_at is not null")
        #expect(silence == 1)
    }
}
