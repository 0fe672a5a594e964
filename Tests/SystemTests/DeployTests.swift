import Foundation
import Testing

@testable import PostgresServer

/// What stands in `deploy` is good for the programs that read it.
@Suite struct DeployTests {
    private static let root = MonitoringStackTests.root

    private static func has(_ program: String) -> Bool {
        ["/usr/bin/", "/usr/sbin/", "/bin/"].contains { FileManager.default.isExecutableFile(atPath: $0 + program) }
    }

    private func run(_ program: String, _ arguments: String...) async throws -> ToolRun {
        try await ToolRun.run(
            "/usr/bin/env", [program] + arguments, directory: Self.root, timeMax: .seconds(300))
    }

    @Test("each alert fires over what it is for, and is silent over a bank that is well", .enabled(if: has("promtool")))
    func alerts() async throws {
        let rules = try await run(
            "promtool", "check", "rules", "deploy/prometheus/rules/alerts.yml", "deploy/prometheus/rules/recording.yml")
        #expect(rules.status == 0, "\(rules.errorText)")
        let configuration = try await run("promtool", "check", "config", "deploy/prometheus/prometheus.yml")
        #expect(configuration.status == 0, "\(configuration.errorText)")
        let tests = try await run("promtool", "test", "rules", "deploy/prometheus/tests/alerts.test.yml")
        #expect(tests.status == 0, "\(tests.outputText)\(tests.errorText)")
    }

    @Test(
        "alerts go to who has to know",
        .enabled(if: has("amtool")),
        arguments: [
            (["severity=page", "area=bank", "alertname=LedgerUnbalanced"], "automation-page"),
            (["severity=page", "area=slo", "alertname=ApiErrorBudgetBurningFast"], "automation-page"),
            (["severity=ticket", "area=host", "alertname=HostDiskFilling"], "automation"),
            (["severity=none", "area=watch", "alertname=Watchdog"], "deadman"),
            // What the bank can not tell itself goes past it, too.
            (["severity=page", "area=api", "alertname=BankDown"], "fallback,automation-page"),
            (["severity=page", "area=postgresql", "alertname=PostgresDown"], "fallback,automation-page"),
            (["severity=page", "area=watch", "alertname=AlertsNotDelivered"], "fallback,automation-page"),
        ])
    func routes(labels: [String], receiver: String) async throws {
        let file = "deploy/alertmanager/alertmanager.yml"
        let check = try await run("amtool", "check-config", file, "deploy/docker/alertmanager.yml")
        #expect(check.status == 0, "\(check.errorText)")
        let route = try await ToolRun.run(
            "/usr/bin/env",
            ["amtool", "config", "routes", "test", "--config.file=\(file)", "--verify.receivers=\(receiver)"] + labels,
            directory: Self.root)
        #expect(route.status == 0, "\(route.outputText)\(route.errorText)")
    }

    @Test("systemd takes the units, and finds little that is open in them", .enabled(if: has("systemd-analyze")))
    func units() async throws {
        for name in ["digitalbank.service", "digitalbank-embedded.service", "digitalbank-seal.service"] {
            let folder = FileManager.default.temporaryDirectory.path + "/units-\(UInt64.random(in: .min ... .max))"
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(atPath: folder) }
            // The program and its manual are installed with the package only.
            let text = try String(contentsOfFile: Self.root + "/deploy/systemd/" + name, encoding: .utf8)
                .replacing("/usr/bin/digitalbank", with: "/bin/true").replacing("Documentation=", with: "#")
            try text.write(toFile: "\(folder)/\(name)", atomically: true, encoding: .utf8)
            let verified = try await run("systemd-analyze", "verify", "\(folder)/\(name)")
            #expect(verified.errorText.isEmpty && verified.status == 0, "\(verified.errorText)")
            let score = try await run(
                "systemd-analyze", "security", "--offline=true", "--threshold=20", "\(folder)/\(name)")
            #expect(score.status == 0, "\(score.outputText.suffix(200))")
        }
    }

    @Test("HAProxy takes its configuration", .enabled(if: has("haproxy")))
    func balancer() async throws {
        let run = try await run("haproxy", "-c", "-f", "deploy/docker/haproxy.cfg")
        #expect(run.status == 0, "\(run.errorText)")
    }

    @Test("images, compose files and the blueprint are clean to the linters")
    func images() async throws {
        let run = try await ToolRun.run(Self.root + "/scripts/deploy-lint", directory: Self.root)
        #expect(run.status == 0 && run.outputText.contains("deploy: clean"), "\(run.outputText)\(run.errorText)")
    }

    @Test("the shell scripts have no fault that shellcheck knows", .enabled(if: has("shellcheck")))
    func scripts() async throws {
        let run = try await run(
            "shellcheck", "--severity=warning", "scripts/root-check", "scripts/deploy-lint", "scripts/stage",
            "scripts/package", "scripts/citus-check", "scripts/deb-check",
            "scripts/install-packages", "deploy/docker/init.sh", "deploy/docker/patroni.sh", "deploy/docker/secrets",
            "deploy/docker/backup.sh", "deploy/render/start",
            "deploy/debian/postinst", "deploy/debian/prerm", "deploy/debian/postrm")
        #expect(run.status == 0, "\(run.outputText)")
    }
}
