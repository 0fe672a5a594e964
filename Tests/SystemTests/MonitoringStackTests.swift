import Foundation
import TestSupport
import Testing

@testable import PostgresServer

/// The bank with Prometheus, Alertmanager and both exporters around it, as `digitalbank up --monitoring` starts them.
@Suite(.serialized) struct MonitoringStackTests {
    private static let programs = [
        "prometheus", "prometheus-alertmanager", "prometheus-node-exporter", "prometheus-postgres-exporter",
    ]
    private static let missing = programs.filter { !FileManager.default.isExecutableFile(atPath: "/usr/bin/" + $0) }

    @Test(
        "every panel of every dashboard has data or a reason, every figure is documented, down stops it all",
        .enabled(if: missing.isEmpty, "not installed: \(missing.joined(separator: ", "))"))
    func panels() async throws {
        let data = FileManager.default.temporaryDirectory.path + "/stack-\(UInt64.random(in: .min ... .max))"
        let result: Result<Void, any Error>
        do { result = .success(try await Self.drive(data)) } catch { result = .failure(error) }
        _ = try await Program.run("down", "--data-dir", data)
        let left = Self.stack(data)
        try? FileManager.default.removeItem(atPath: data)
        try result.get()
        #expect(left.isEmpty)
    }

    private static func drive(_ data: String) async throws {
        let deploy = ["DIGITALBANK_DEPLOY": root + "/deploy"]
        let up = try await Program.run(
            "up", "--monitoring", "--clients", "12", "--days", "16", "--data-dir", data, environment: deploy)
        try #require(up.output.contains("Prometheus   http://127.0.0.1:"), "\(up.output)\(up.error)")
        let stack = Self.stack(data)
        #expect(Set(stack.keys) == Set(programs))
        let prometheus = try #require(stack["prometheus"])
        try await Self.work(data)

        // The first scrapes must be in: rates need two, rules a round of fifteen seconds.
        let jobs = try await Self.waitForJobs(prometheus)
        #expect(jobs == ["digitalbank", "prometheus", "alertmanager", "node", "postgres"])
        var check = Program.Result(status: -1, output: "", error: "")
        for _ in 0..<60 {
            check = try await Program.run("monitoring", "check", "--data-dir", data, environment: deploy)
            if check.status == 0 { break }
            // A rate wants requests between two scrapes, not only before the first.
            try await Self.work(data)
            try await Task.sleep(for: .seconds(2))
        }
        #expect(check.status == 0, "\(check.output)\(check.error)")
        #expect(check.output.split(separator: "\n").filter { $0.contains(" panels, ") }.count == 8)

        // Started a second time it is found, not started again.
        let again = try await Program.run("up", "--monitoring", "--data-dir", data, environment: deploy)
        #expect(again.output.contains("Prometheus   http://127.0.0.1:\(prometheus)"))
        #expect(Self.stack(data) == stack)
        try await Self.documented(data)
        let rules = try await ask(prometheus, "GET", "/api/v1/rules").body
        #expect(rules.contains("LedgerUnbalanced") && !rules.contains("\"health\":\"err\""))
    }

    /// Requests of each kind, so that there are figures.
    private static func work(_ data: String) async throws {
        let port = try #require(portOf(data, "url"))
        let said = try await Program.run("keys", "api", "--data-dir", data).output
        let key =
            said.split(separator: "\n").first { $0.hasPrefix("SUPABASE_SERVICE_ROLE_KEY=") }
            .map { String($0.drop { $0 != "=" }.dropFirst()) } ?? ""
        for _ in 0..<3 {
            for target in [
                "/rest/v1/comptes?select=id&limit=3", "/auth/v1/settings", "/bank/v1/accounts", "/fraud/v1/cases",
            ] {
                _ = try await ask(port, "GET", target, ["apikey": key])
            }
            let login = ["apikey": key, "Content-Type": "application/json"]
            _ = try await ask(port, "GET", "/bank/v1/openapi.json", ["apikey": key])
            _ = try await ask(
                port, "POST", "/auth/v1/token?grant_type=password", login,
                body: #"{"email": "personne@example.com", "password": "faux mot de passe"}"#)
            _ = try await ask(port, "POST", "/bank/v1/transfers", login, body: "{}")
        }
    }

    private static func waitForJobs(_ prometheus: Int) async throws -> Set<String> {
        var jobs: Set<String> = []
        for _ in 0..<240 {
            if let answer = try? await ask(prometheus, "GET", "/api/v1/query?query=up%3D%3D1"), answer.status == 200 {
                jobs = Set(
                    ["digitalbank", "prometheus", "alertmanager", "node", "postgres"].filter {
                        answer.body.contains("\"job\":\"\($0)\"")
                    })
                if jobs.count == 5 { break }
            }
            try await Task.sleep(for: .milliseconds(250))
        }
        return jobs
    }

    /// Each name that the running server shows stands in the reference.
    private static func documented(_ data: String) async throws {
        let admin = try #require(portOf(data, "admin"))
        let page = try String(contentsOfFile: root + "/docs/reference/metrics.md", encoding: .utf8)
        let answer = try await ask(
            admin, "GET", "/metrics", ["Accept": "application/openmetrics-text;version=1.0.0"])
        #expect(answer.body.contains("request_id=") && answer.body.contains("# EOF\n"))
        let plain = try await ask(admin, "GET", "/metrics").body
        let names = plain.split(separator: "\n").filter { $0.hasPrefix("# TYPE ") }.map {
            String($0.split(separator: " ")[2])
        }
        #expect(names.count > 40)
        for name in names { #expect(page.contains("| `\(name)` |"), "\(name) is not documented") }
    }

    /// Port by program, of those that run.
    private static func stack(_ data: String) -> [String: Int] {
        guard let bytes = FileManager.default.contents(atPath: data + "/monitoring/stack.json"),
            let json = try? JSONSerialization.jsonObject(with: bytes) as? [String: Any],
            let programs = json["programs"] as? [[String: Any]]
        else { return [:] }
        var found: [String: Int] = [:]
        for program in programs {
            guard let name = program["name"] as? String, let port = program["port"] as? Int,
                let process = program["process"] as? Int, kill(Int32(process), 0) == 0
            else { continue }
            found[name] = port
        }
        return found
    }

    private static func portOf(_ data: String, _ field: String) -> Int? {
        guard let bytes = FileManager.default.contents(atPath: data + "/serve.json"),
            let json = try? JSONSerialization.jsonObject(with: bytes) as? [String: Any],
            let url = json[field] as? String
        else { return nil }
        return url.split(separator: ":").last.flatMap { Int($0) }
    }

    /// The top of the repository that this test was built from.
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
}
