import Foundation
import Postgres
import TestSupport
import Testing

@testable import PostgresServer

/// `digitalbank migrate --into` and `serve --database` over a server that others run.
@Suite(.serialized) struct ManagedServeTests {
    @Test("the program serves a database whose owner may nothing else, with keys of its own")
    func serves() async throws {
        let name = TestCluster.freshName("managed_serve")
        try await Self.prepare(name)
        let cluster = try await TestCluster.shared()
        let data = FileManager.default.temporaryDirectory.path + "/managed-\(UInt64.random(in: .min ... .max))"
        let result: Result<Void, any Error>
        do { result = .success(try await Self.drive(cluster, name, data)) } catch { result = .failure(error) }
        try? FileManager.default.removeItem(atPath: data)
        try await TestCluster.runAsSuperuser(
            Statement(unchecked: "select pg_terminate_backend(pid) from pg_stat_activity where datname = '\(name)'"))
        try await cluster.dropDatabase(name)
        try await TestCluster.runAsSuperuser(Statement(unchecked: "drop role \(name)"))
        try result.get()
    }

    private static func prepare(_ name: String) async throws {
        for role in ["anon", "authenticated", "service_role"] {
            try await TestCluster.runAsSuperuser(
                Statement(
                    unchecked: """
                        do $$ begin create role \(role) nologin noinherit;
                        exception when duplicate_object or unique_violation then null; end $$
                        """))
        }
        try await TestCluster.runAsSuperuser(
            Statement(unchecked: "create role \(name) login nosuperuser nocreaterole noreplication password 'managed'"))
        try await TestCluster.runAsSuperuser(
            Statement(unchecked: "grant anon, authenticated, service_role to \(name)"))
        try await TestCluster.shared().createDatabase(name, owner: name)
    }

    private static func drive(_ cluster: Cluster, _ name: String, _ data: String) async throws {
        let address = cluster.configuration(database: name, user: name, password: "managed").connectionString
        let environment = ["PGPASSWORD": "managed"]
        let migrated = try await Program.run(
            "migrate", "--into", address, "--data-dir", data, environment: environment)
        try #require(migrated.status == 0, "\(migrated.error)")
        #expect(migrated.output.contains("applied  bank 0001"))

        let (port, adminPort) = (try Loopback.freePort(), try Loopback.freePort())
        let log = data + ".log"
        defer { try? FileManager.default.removeItem(atPath: log) }
        let process = try ChildProcess.spawn(
            [
                Program.path, "serve", "--database", address, "--data-dir", data, "--port", "\(port)", "--admin-port",
                "\(adminPort)",
            ],
            environment: ProcessInfo.processInfo.environment.merging(environment) { $1 }, directory: nil,
            streams: ChildProcess.Streams(output: .file(log, append: false), error: .file(log, append: true)))
        defer { process.end(by: SIGTERM) }
        for _ in 0..<1200 where process.statusIfEnded() == nil {
            if (try? await ask(adminPort, "GET", "/ready"))?.status == 200 { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        // What the operator is told comes a moment after the server answers.
        var said = ""
        for _ in 0..<200 where !said.contains("no right to make roles") {
            said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            try await Task.sleep(for: .milliseconds(50))
        }
        let ready = try? await ask(adminPort, "GET", "/ready")
        try #require(ready?.status == 200, "\(said)")
        #expect(said.contains("no right to make roles"))
        #expect(try await ask(port, "GET", "/auth/v1/health").status == 200)
        let keys = try FileManager.default.contentsOfDirectory(atPath: data + "/keys")
        #expect(keys.contains("api.json") && keys.contains("index.key"))
        // Without a token nobody is served; Realtime, which may not replicate here, does not keep the rest from it.
        #expect(try await ask(port, "GET", "/rest/v1/comptes").status == 401)
        try await journey(port, address, data, environment)
        // The first figures are read a moment after the server is ready.
        var metrics = ""
        for _ in 0..<600 where !metrics.contains("digitalbank_indicators_up{schema=\"monitoring\"} 1") {
            metrics = try await ask(adminPort, "GET", "/metrics").body
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(metrics.contains("digitalbank_indicators_up{schema=\"monitoring\"} 1"))
        #expect(metrics.contains("digitalbank_realtime_reading 0"))
    }

    /// What an operator does first there, by command and by address; the environment names the database.
    private static func journey(
        _ port: Int, _ address: String, _ data: String, _ environment: [String: String]
    ) async throws {
        let named = environment.merging(["DIGITALBANK_DATABASE": address]) { $1 }
        let made = try await Program.run(
            "users", "add", "--email", "ana@banque.example", "--role", "admin", "--data-dir", data,
            environment: named)
        try #require(made.status == 0, "\(made.error)")
        let password = try #require(
            made.output.split(separator: "\n").first { $0.hasPrefix("password") }?.split(separator: " ").last)
        let destination =
            #"{"name": "equipe", "kind": "webhook", "settings": {"url": "https://equipe.example/"}}"#
        let kept = try await Program.run(
            "automation", "destinations", "--keep", destination, "--database", address, "--data-dir", data,
            environment: environment)
        #expect(kept.status == 0 && kept.output.contains("kept"), "\(kept.error)")
        let hook = try await Program.run(
            "automation", "hook-secret", "alertmanager", "--secret", "0123456789abcdef", "--data-dir", data,
            environment: named)
        #expect(hook.status == 0, "\(hook.error)")
        let sealed = try await Program.run("evidence", "seal", "--data-dir", data, environment: named)
        #expect(sealed.status == 0 && sealed.output.contains("entries sealed"), "\(sealed.error)")

        let keys = try await Program.run("keys", "api", "--data-dir", data).output
        let anon = try #require(
            keys.split(separator: "\n").first { $0.contains("ANON_KEY=") }?.split(separator: "=").last)
        func call(_ method: String, _ path: String, _ token: Substring, _ body: String = "") async throws -> (
            Int, String
        ) {
            let answer = try await ask(
                port, method, path,
                ["apikey": "\(anon)", "Authorization": "Bearer \(token)", "Content-Type": "application/json"],
                body: body)
            return (answer.status, answer.body)
        }
        let (status, session) = try await call(
            "POST", "/auth/v1/token?grant_type=password", anon,
            #"{"email": "ana@banque.example", "password": "\#(password)"}"#)
        try #require(status == 200, "\(session)")
        let token = try #require(session.firstMatch(of: /"access_token":"([^"]+)"/)?.1)
        #expect(try await call("GET", "/rest/v1/comptes?select=id", token).0 == 200)
        let scenarios = try await call("GET", "/automation/v1/scenarios", token)
        #expect(scenarios.0 == 200 && scenarios.1.contains("daily-report"))
        #expect(try await call("GET", "/automation/v1/destinations", token).1.contains("equipe.example"))
        let shown = try await call("GET", "/automation/v1/scenarios/slo-burning", token)
        #expect(shown.0 == 200 && shown.1.contains("alertmanager") && shown.1.contains("shipped"))
    }
}
