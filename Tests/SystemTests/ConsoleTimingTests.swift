import Foundation
import Postgres
@testable import PostgresServer
import TestSupport
import Testing

/// How long the dashboard takes on a large bank: `DIGITALBANK_TIMINGS=1000000` is how many operations it gets.
@Suite struct ConsoleTimingTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path
    private static let password = "un mot de passe long"
    private static let operations = ProcessInfo.processInfo.environment["DIGITALBANK_TIMINGS"].flatMap { Int64($0) }

    @Test("the dashboard of a large bank is timed", .enabled(if: operations != nil, "DIGITALBANK_TIMINGS is not set"))
    func timings() async throws {
        let made = try await ToolRun.run("/bin/bash", [Self.root + "/scripts/console-venv"])
        try #require(made.status == 0, "\(made.errorText)")
        let folder = made.outputText.trimmingCharacters(in: .whitespacesAndNewlines)
        try await ServedBank.run { bank in
            let added = try await ToolRun.run(
                Program.path,
                [
                    "users", "add", "--data-dir", bank.data, "--email", "anna@example.com", "--role", "analyst",
                    "--password",
                    Self.password,
                ], timeMax: .seconds(120))
            #expect(added.status == 0, "\(added.errorText)")
            var configuration = bank.cluster.configuration(database: "digitalbank_restored")
            configuration.limits.statementTimeout = .seconds(900)
            let database = Database(configuration)
            try await Self.fill(database, Self.operations ?? 0)
            let counted = try await Self.wait(database)
            await database.close()
            #expect(counted, "the sums were not counted in time")
            let run = try await ToolRun.run(
                folder + "/bin/python", [Self.root + "/Tests/Console/timings.py"],
                environment: [
                    "CONSOLE_URL": "http://127.0.0.1:\(bank.port)", "CONSOLE_PASSWORD": Self.password,
                    "PATH": "/usr/bin:/bin",
                    "HOME": NSTemporaryDirectory(), "PYTHONDONTWRITEBYTECODE": "1",
                ], timeMax: .seconds(600))
            #expect(run.status == 0, "\(run.outputText.suffix(3000))\(run.errorText.suffix(3000))")
            let line = "dashboard of \(Self.operations ?? 0) operations: \(run.outputText)"
            if let path = ProcessInfo.processInfo.environment["DIGITALBANK_FIGURES"] {
                try line.write(toFile: path, atomically: true, encoding: .utf8)
            }
        }
    }

    /// Operations of a year up to now, of 8,000 clients with 10,000 accounts, as a recovery brings those from before it.
    private static func fill(_ database: Database, _ count: Int64) async throws {
        for statement in [
            "select creer_partitions((current_date - 370), current_date + 1)",
            """
            insert into clients (id, numero, cree_le) select md5('t' || g)::uuid, 1000000 + g, now() - interval '3 years'
            from generate_series(1, 8000) g
            """,
            """
            insert into comptes (id, client_id, type, ouvert_le)
            select 10000000 + g, md5('t' || (g % 8000 + 1))::uuid, (array['courant', 'courant', 'epargne', 'joint'])[g % 4 + 1],
                current_date - 900 from generate_series(1, 10000) g
            """,
            "insert into comptes (id, type) select 20000000 + g, 'interne' from generate_series(1, 200) g",
        ] {
            try await database.run(Statement(unchecked: statement))
        }
        let lot: Int64 = 100_000
        for start in stride(from: 0, to: count, by: Int64.Stride(lot)) {
            try await database.run(
                """
                insert into transactions (booked_at, date_valeur, date_comptable, type, montant_minor, compte_debit_id,
                    compte_credit_id, historique)
                select x.t, x.t::date, x.t::date, (array['virement', 'prelevement', 'retrait', 'frais'])[x.g % 4 + 1],
                    (10 ^ (2 + random() * 4))::bigint, 10000001 + floor(10000 * power(random(), 1.5))::bigint,
                    case when x.g % 3 = 0 then 20000001 + x.g % 200 else 10000001 + (x.g * 7919) % 10000 end, true
                from (
                    select g, now() - (g * 31000000.0 / \(count)::bigint) * interval '1 second' as t
                    from generate_series(\(start) + 1, \(min(start + lot, count))) g) x
                """)
        }
        try await database.run("analyze")
    }

    /// Until the refresh has read everything.
    private static func wait(_ database: Database) async throws -> Bool {
        for _ in 0..<900 {
            let isReady = try await database.one(
                """
                select (select count(*) from public.transactions) = (select count(*) from bi.fact_transaction)
                    and not exists (select from bi.cubes_a_refaire)
                """, as: Bool.self)
            if isReady { return true }
            try await Task.sleep(for: .seconds(1))
        }
        return false
    }
}
