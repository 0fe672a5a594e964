import Foundation
import Postgres
import TestSupport
import Testing
import Vault

@testable import Privacy

@Suite("holds before what can not be undone") struct HoldTests {
    /// Erased, and the five years over.
    private static func archived(_ number: Int, _ stage: PrivacyStage) async throws {
        try await stage.close(number)
        _ = try await stage.desk.erase(clientID(number), proof: proof(number), by: admin)
        try await stage.database.run(
            "update privacy.archives set hold_until = current_date - 1 where client_id = \(clientID(number))")
    }

    @Test(
        "a hold that comes after the archive keeps the key, by hand and by the engine, until it is lifted",
        arguments: ["litigation", "judicial", "tracfin", "loan"])
    func held(kind: String) async throws {
        try await PrivacyStage.run { stage in
            try await Self.archived(6, stage)
            let hold = try await stage.desk.hold(
                clientID(6), kind: kind, reason: "réquisition 12/2031", until: nil, by: admin)
            await expectRefused("privacy_hold_running") { _ = try await stage.desk.destroy(clientID(6), by: admin) }
            #expect(try await stage.journaled("privacy.erased", outcome: "refused") == 1)
            await #expect(throws: PostgresError.self) {
                try await stage.database.run("select privacy.destroy_client(\(clientID(6)))")
            }
            let idle = try await stage.desk.retain(only: "identites", isDry: false, by: admin)
            #expect(idle.map(\.found) == [0] && idle.map(\.treated) == [0])
            #expect(try await stage.desk.overdue()["identites"] == nil)
            #expect(try await stage.count("select count(*) from privacy.archives") == 1)
            #expect(try await stage.count("select count(*) from vault.data_keys where destroyed_at is not null") == 0)
            try await stage.desk.liftHold(hold, by: admin)
            let done = try await stage.desk.retain(only: "identites", isDry: false, by: admin)
            #expect(done.map(\.treated) == [1])
            #expect(try await stage.count("select count(*) from vault.data_keys where destroyed_at is not null") == 1)
            await expectRefused("privacy_client_erased") {
                _ = try await stage.desk.hold(clientID(6), kind: kind, reason: "trop tard", until: nil, by: admin)
            }
        }
    }

    @Test("a claim of the person's own and an open fraud case hold the key too") func others() async throws {
        try await PrivacyStage.run { stage in
            try await Self.archived(6, stage)
            try await stage.database.run(
                """
                insert into privacy.restrictions (client_id, ground, reason, placed_by)
                values (\(clientID(6)), 'legal_claims', 'procès en cours', 'x')
                """)
            await expectRefused("privacy_hold_running") { _ = try await stage.desk.destroy(clientID(6), by: admin) }
            try await stage.database.run("delete from privacy.restrictions")
            try await stage.database.run("insert into fraud.dossiers (client, statut) values (6, 'ouvert')")
            await expectRefused("privacy_hold_running") { _ = try await stage.desk.destroy(clientID(6), by: admin) }
            try await stage.database.run("update fraud.dossiers set statut = 'clos', fraude = false, motif = 'rien'")
            #expect(try await stage.desk.destroy(clientID(6), by: admin).stage == "destroyed")
        }
    }

    @Test("the words of a held client's operations stay, whatever their age") func words() async throws {
        try await PrivacyStage.run { stage in
            _ = try await stage.desk.hold(clientID(2), kind: "judicial", reason: "réquisition", until: nil, by: admin)
            try await stage.database.run("update privacy.schedules set keep = '0' where code = 'libelles'")
            let of2: Statement = """
                select count(*) from transactions
                where (compte_debit_id = 2 or compte_credit_id = 2) and libelle is not null
                """
            let held = try await stage.count(of2)
            _ = try await stage.desk.retain(only: "libelles", isDry: false, by: admin)
            #expect(try await stage.count(of2) == held && held > 0)
            let left = try await stage.count("select count(*) from transactions where libelle is not null")
            #expect(left == held)
        }
    }

    /// Who destroys it, in another process.
    enum Destroyer: String, CaseIterable, Sendable { case retention, shredding, statement }

    @Test("a key destroyed by another process leaves this one's memory when it is told", arguments: Destroyer.allCases)
    func forgotten(destroyer: Destroyer) async throws {
        try await PrivacyStage.run { stage in
            try await Self.archived(6, stage)
            let client = clientID(6)
            let text = try await stage.database.one(
                "select contents -> 'clients' ->> 'nom' from privacy.archives", as: String.self)
            let sealed = try #require([UInt8](hexText: text))
            let place = SealedPlace(table: "clients", column: "nom", row: client.uuidString)
            var limits = Vault.Limits()
            limits.keyLifetime = .seconds(86_400)
            let serving = Vault(database: stage.database, keyring: Keyring(current: try stageKey()), limits: limits)
            #expect(try await serving.open(sealed, of: client, at: place).isEmpty == false)
            let watch = Task { try await stage.desk.watchForgotten([serving]) }
            defer { watch.cancel() }
            // What listens has to listen before it is told.
            while try await stage.count(
                "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'")
                == 0
            {
                try await Task.sleep(for: .milliseconds(20))
            }
            switch destroyer {
            case .retention:
                let other = try PrivacyStage.make(stage.database, folder: stage.folder)
                _ = try await other.desk.retain(only: "identites", isDry: false, by: admin)
            case .shredding:
                let other = Vault(database: stage.database, keyring: Keyring(current: try stageKey()))
                #expect(try await other.shred(client, in: stage.database) == 1)
            case .statement:
                try await stage.database.run(
                    "update vault.data_keys set wrapped = '', destroyed_at = now() where client_id = \(client)")
            }
            var isOpen = true
            for _ in 0..<1500 where isOpen {
                isOpen = (try? await serving.open(sealed, of: client, at: place)) != nil
                if isOpen { try await Task.sleep(for: .milliseconds(20)) }
            }
            #expect(!isOpen)
        }
    }
}
