import Analytics
import Auth
import Automation
import Bank
import Console
import Continuity
import Detection
import Evidence
import Foundation
import Fraud
import Migrations
import Postgres
import PostgresServer
import Privacy
import Realtime
import Rest
import TestSupport
import Testing
import Vault

@testable import Monitoring

/// A managed PostgreSQL gives its customer a database and no more: no superuser, no right to make roles or databases or to
/// replicate. The roles that the API acts as were made by the platform (Supabase) or by its support.
@Suite struct ManagedServerTests {
    /// Runs `body` as the owner of an empty database with no other right.
    static func asPlainOwner(
        makesRoles: Bool = false, _ body: @Sendable (Database) async throws -> Void
    ) async throws {
        let name = TestCluster.freshName("managed")
        for role in ["anon", "authenticated", "service_role"] {
            try await TestCluster.runAsSuperuser(
                Statement(
                    unchecked: """
                        do $$ begin create role \(role) nologin noinherit;
                        exception when duplicate_object or unique_violation then null; end $$
                        """))
        }
        try await TestCluster.runAsSuperuser(
            Statement(
                unchecked:
                    "create role \(name) login nosuperuser \(makesRoles ? "createrole" : "nocreaterole") nocreatedb "
                    + "noreplication nobypassrls password 'managed'"))
        try await TestCluster.runAsSuperuser(
            Statement(unchecked: "grant anon, authenticated, service_role to \(name)"))
        let cluster = try await TestCluster.shared()
        try await cluster.createDatabase(name, owner: name)
        let database = Database(cluster.configuration(database: name, user: name, password: "managed"))
        let result: Result<Void, any Error>
        do { result = .success(try await body(database)) } catch { result = .failure(error) }
        await database.close()
        try await cluster.dropDatabase(name)
        try await TestCluster.runAsSuperuser(Statement(unchecked: "drop role \(name)"))
        try result.get()
    }

    private static func all() throws -> [MigrationSet] {
        [
            try BankMigrations.set(), try VaultMigrations.set(), try EvidenceMigrations.set(), try AuthMigrations.set(),
            try RestMigrations.set(), try RealtimeMigrations.set(), try FraudMigrations.set(),
            try MonitoringMigrations.set(), try AutomationMigrations.set(), try ConsoleMigrations.set(),
            try DetectionMigrations.set(), try ContinuityMigrations.set(),
        ]
    }

    /// What needs a role that the owner makes (`bi_reader`), and the labels of all the others.
    private static func withRoles() throws -> [MigrationSet] {
        try all() + [try AnalyticsMigrations.set(), try PrivacyMigrations.set()]
    }

    @Test("where the owner may make roles, as on Supabase, every migration of the program runs, and figures are there")
    func everything() async throws {
        try await Self.asPlainOwner(makesRoles: true) { database in
            let report = try await Migrator(database).apply(try Self.withRoles())
            #expect(Set(report.applied.map(\.owner)).count == (try Self.withRoles()).count)
            #expect(try await Migrator(database).apply(try Self.withRoles()).applied.isEmpty)
            // Each capability that has figures shows them to the owner.
            let views = try await database.all(
                "select schemaname::text from pg_views where viewname = 'indicators' order by 1", as: String.self)
            #expect(
                Set(views).isSuperset(of: ["automation", "continuity", "fraud", "monitoring", "privacy"]), "\(views)")
            let reader = IndicatorReader(database: database) { 0 }
            await reader.read()
            let broken = reader.readings.filter { $0.name == "digitalbank_indicators_up" && $0.value != 1 }
            #expect(broken.isEmpty, "\(broken)")
        }
    }

    @Test("all migrations run as an owner without any other right, and money moves")
    func migrates() async throws {
        try await Self.asPlainOwner { database in
            let rights = try await database.one(
                "select rolsuper or rolcreaterole or rolcreatedb or rolreplication from pg_roles where rolname = current_user",
                as: Bool.self)
            #expect(!rights)
            let report = try await Migrator(database).apply(try Self.all())
            #expect(report.applied.count > 30)
            #expect(try await Migrator(database).apply(try Self.all()).applied.isEmpty)
            try await LedgerStore(database).openDay()
            try await database.run(
                """
                insert into clients (id, numero, utilisateur_id) values
                    ('00000000-0000-0000-0000-0000000000a1', 1, '00000000-0000-0000-0000-000000000001'),
                    ('00000000-0000-0000-0000-0000000000a2', 2, '00000000-0000-0000-0000-000000000002')
                """)
            try await database.run(
                """
                insert into comptes (id, client_id, type, solde_minor) values
                    (1001, '00000000-0000-0000-0000-0000000000a1', 'courant', 100000),
                    (1002, '00000000-0000-0000-0000-0000000000a2', 'courant', 100000)
                """)
            try await database.run("select reprendre_les_soldes()")
            try await database.run("select virer(p_debit => 1001, p_credit => 1002, p_montant => 1200, p_cle => 'k')")
            #expect(try await LedgerStore(database).balance(of: AccountID(1002)) == 101_200)
            let reader = IndicatorReader(database: database) { 0 }
            await reader.read()
            await reader.readBalance()
            let readings = reader.readings
            let books = readings.filter { $0.name.hasPrefix("digitalbank_ledger_") && $0.name.hasSuffix("_minor") }
            #expect(!books.isEmpty && books.allSatisfy { $0.value == 0 })
            #expect(readings.contains { $0.name == "digitalbank_indicators_up" && $0.value == 1 })
        }
    }

    @Test("row level security holds there too: a client sees what is theirs, a stranger nothing")
    func guards() async throws {
        try await Self.asPlainOwner { database in
            try await Migrator(database).apply(try Self.all())
            try await LedgerStore(database).openDay()
            try await database.run(
                """
                insert into clients (id, numero, utilisateur_id) values
                    ('00000000-0000-0000-0000-0000000000a1', 1, '00000000-0000-0000-0000-000000000001')
                """)
            try await database.run(
                """
                insert into comptes (id, client_id, type, solde_minor) values
                    (1001, '00000000-0000-0000-0000-0000000000a1', 'courant', 5)
                """)
            func count(_ claims: String) async throws -> Int64 {
                try await database.transaction { tx in
                    try await tx.run("select set_config('request.jwt.claims', \(claims), true)")
                    try await tx.run("set local role authenticated")
                    return try await tx.one("select count(*) from comptes", as: Int64.self)
                }
            }
            let own = #"{"sub": "00000000-0000-0000-0000-000000000001", "role": "authenticated"}"#
            let other = #"{"sub": "00000000-0000-0000-0000-000000000009", "role": "authenticated"}"#
            #expect(try await count(own) == 1)
            #expect(try await count(other) == 0)
        }
    }
}
