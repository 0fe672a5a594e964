import Foundation
import Postgres
import TestSupport
import Testing

@testable import PostgresServer

/// `digitalbank serve --only fraud`: a server that scores and does nothing else.
@Suite struct FraudOnlyTests {
    @Test("the desk alone scores payments over any database, and serves nothing else of the bank")
    func serves() async throws {
        try await withTestDatabase { database in
            let name = try await database.one("select current_database()::text", as: String.self)
            let cluster = try await TestCluster.shared()
            let address = cluster.configuration(database: name).connectionString
            let data = FileManager.default.temporaryDirectory.path + "/fraud-only-\(UInt64.random(in: .min ... .max))"
            let log = data + ".log"
            let (port, adminPort) = (try Loopback.freePort(), try Loopback.freePort())
            let process = try ChildProcess.spawn(
                [
                    Program.path, "serve", "--only", "fraud", "--database", address, "--data-dir", data, "--port",
                    "\(port)", "--admin-port", "\(adminPort)",
                ],
                environment: ProcessInfo.processInfo.environment.merging(
                    ["PGPASSWORD": cluster.superuserPassword]
                ) { $1 }, directory: nil,
                streams: ChildProcess.Streams(output: .file(log, append: false), error: .file(log, append: true)))
            defer {
                kill(process.identifier, SIGTERM)
                process.wait()
                try? FileManager.default.removeItem(atPath: data)
                try? FileManager.default.removeItem(atPath: log)
            }
            for _ in 0..<1200 where process.statusIfEnded() == nil {
                if (try? await ask(adminPort, "GET", "/ready"))?.status == 200 { break }
                try await Task.sleep(for: .milliseconds(50))
            }
            let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            try #require(try await ask(port, "GET", "/fraud/v1/health").status == 200, "\(said)")
            let keys = try await Program.run("keys", "api", "--data-dir", data).output.split(separator: "\n")
                .first { $0.hasPrefix("SUPABASE_SERVICE_ROLE_KEY=") }
            let key = String(try #require(keys).dropFirst("SUPABASE_SERVICE_ROLE_KEY=".count))
            let fields = ["apikey": key, "Content-Type": "application/json"]
            let payment = "{\"payment\":1,\"amount_minor\":4200,\"entities\":{\"customer\":12,\"terminal\":\"shop\"}}"
            let scored = try await ask(port, "POST", "/fraud/v1/score", fields, body: payment)
            #expect(scored.status == 200 && scored.body.contains("\"verdict\""), "\(scored)")
            #expect(try await ask(port, "POST", "/fraud/v1/score", body: payment).status == 401)
            for other in ["/bank/v1/accounts", "/rest/v1/comptes", "/auth/v1/health", "/cards/v1/authorizations"] {
                #expect(try await ask(port, "GET", other, fields).status == 404, "\(other)")
            }
        }
    }
}
