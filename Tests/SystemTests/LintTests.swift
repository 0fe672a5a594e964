import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing

/// `digitalbank lint rls` as a pipeline runs it.
@Suite struct LintTests {
    @Test func `the linter ends with 1 and names the repair, and with 0 once it is done`() async throws {
        try await withTestDatabase { database in
            try await database.run("create table public.ouverte (id int primary key)")
            let name = try await database.one("select current_database()::text", as: String.self)
            let configuration = try await TestCluster.configuration(database: name)
            let dsn = configuration.connectionString
            let environment = ["PGPASSWORD": configuration.password ?? ""]
            let found = try await Program.run("lint", "rls", "--dsn", dsn, environment: environment)
            #expect(found.status == 1, "\(found.error)")
            #expect(found.output.contains("unguarded_table"))
            let repair = "alter table \"public\".\"ouverte\" enable row level security;"
            #expect(found.output.contains(repair))
            let json = try await Program.run("lint", "rls", "--dsn", dsn, "--json", environment: environment)
            #expect(json.status == 1)
            let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
            let findings = object?["findings"] as? [[String: String]]
            #expect(findings?.first?["rule"] == "unguarded_table" && findings?.first?["repair"] == repair)
            try await database.run(Statement(unchecked: repair))
            let clean = try await Program.run("lint", "rls", "--dsn", dsn, environment: environment)
            #expect(clean.status == 0 && clean.output.contains("no fault"), "\(clean.output)")
            // Nothing was changed by looking.
            let other = try await Program.run(
                "lint", "rls", "--dsn", dsn, "--schema", "nowhere", environment: environment)
            #expect(other.status == 0)
        }
    }
}
