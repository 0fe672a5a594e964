import Foundation
import Postgres
import TestSupport
import Testing
import Vault

@testable import Privacy

@Suite("erasure under bank law") struct ErasureTests {
    @Test("an erased client is in no table of daily work, and what law keeps is archived sealed") func erase()
        async throws
    {
        try await PrivacyStage.run { stage in
            try await stage.close(3)
            #expect(try await stage.leftOf(3) == 14)
            let done = try await stage.desk.erase(clientID(3), proof: proof(3), by: admin)
            #expect(done.stage == "archived" && done.keptUntil > "2026")
            #expect(try await stage.leftOf(3) == 0)
            #expect(try await stage.leftOf(4) == 14)
            let archived = try await stage.database.one(
                "select contents -> 'clients' ->> 'nom' from privacy.archives where client_id = \(clientID(3))",
                as: String.self)
            let sealed = try #require([UInt8](hexText: archived))
            let place = SealedPlace(table: "clients", column: "nom", row: clientID(3).uuidString)
            let opened = try await stage.vault.open(sealed, of: clientID(3), at: place)
            #expect(String(decoding: opened, as: UTF8.self) == lastName(3))
            try await stage.expectSound()
            #expect(try await stage.journaled("privacy.erased") == 1)
            let ledger = try String(contentsOfFile: stage.folder + "/erasures.ledger", encoding: .utf8)
            #expect(
                !ledger.contains(clientID(3).uuidString)
                    && !ledger.lowercased().contains(clientID(3).uuidString.lowercased()))
        }
    }

    @Test("erasure is refused with the reason and journaled while something is open") func refusals() async throws {
        try await PrivacyStage.run { stage in
            await expectRefused("privacy_erasure_refused") {
                _ = try await stage.desk.erase(clientID(1), proof: proof(1), by: admin)
            }
            try await stage.close(1)
            let loan = try await stage.desk.hold(
                clientID(1), kind: "loan", reason: "prêt 4711 en cours", until: nil, by: admin)
            await expectRefused("privacy_erasure_refused") {
                _ = try await stage.desk.erase(clientID(1), proof: proof(1), by: admin)
            }
            try await stage.desk.liftHold(loan, by: admin)
            await expectRefused("privacy_request_invalid") { try await stage.desk.liftHold(loan, by: admin) }
            try await stage.database.run("insert into fraud.dossiers (client, statut) values (1, 'ouvert')")
            await expectRefused("privacy_erasure_refused") {
                _ = try await stage.desk.erase(clientID(1), proof: proof(1), by: admin)
            }
            try await stage.database.run("update fraud.dossiers set statut = 'clos', fraude = false, motif = 'rien'")
            await expectRefused("privacy_identity_wrong") {
                _ = try await stage.desk.erase(clientID(1), proof: proof(2), by: admin)
            }
            _ = try await stage.desk.erase(clientID(1), proof: proof(1), by: admin)
            await expectRefused("privacy_already_erased") {
                _ = try await stage.desk.erase(clientID(1), proof: proof(1), by: admin)
            }
            await expectRefused("privacy_client_erased") { _ = try await stage.desk.access(clientID(1), by: admin) }
            #expect(try await stage.journaled("privacy.erased", outcome: "refused") == 5)
            #expect(try await stage.journaled("privacy.erased") == 1)
            let words = try await stage.database.all(
                "select body from evidence.entries where kind = 'privacy.erased' and outcome = 'refused'",
                as: String.self)
            #expect(words.allSatisfy { $0.contains("privacy_") })
        }
    }

    @Test("a hold that is over when it is placed is refused, one that ends lets go") func holds() async throws {
        try await PrivacyStage.run { stage in
            await expectRefused("privacy_hold_expired") {
                _ = try await stage.desk.hold(
                    clientID(2), kind: "litigation", reason: "procès", until: "2020-01-01", by: admin)
            }
            #expect(try await stage.journaled("privacy.hold.placed", outcome: "refused") == 1)
            _ = try await stage.desk.hold(
                clientID(2), kind: "litigation", reason: "procès en cours", until: "2099-01-01", by: admin)
            try await stage.close(2)
            await expectRefused("privacy_erasure_refused") {
                _ = try await stage.desk.erase(clientID(2), proof: proof(2), by: admin)
            }
            try await stage.database.run("update privacy.holds set until = current_date - 1")
            _ = try await stage.desk.erase(clientID(2), proof: proof(2), by: admin)
        }
    }

    @Test("keys are destroyed when the hold is over and not before") func destroy() async throws {
        try await PrivacyStage.run { stage in
            let client = clientID(6)
            let name = try await stage.database.one("select nom_chiffre from clients where numero = 6", as: String.self)
            let sealed = try #require([UInt8](hexText: String(name.dropFirst(2))))
            try await stage.close(6)
            _ = try await stage.desk.erase(client, proof: proof(6), by: admin)
            await expectRefused("privacy_hold_running") { _ = try await stage.desk.destroy(client, by: admin) }
            await expectRefused("privacy_request_invalid") { _ = try await stage.desk.destroy(clientID(7), by: admin) }
            try await stage.database.run("update privacy.archives set hold_until = current_date - 1")
            let done = try await stage.desk.destroy(client, by: admin)
            #expect(done.stage == "destroyed")
            #expect(try await stage.count("select count(*) from privacy.archives") == 0)
            let place = SealedPlace(table: "clients", column: "nom", row: client.uuidString)
            await #expect(throws: VaultError.self) { _ = try await stage.vault.open(sealed, of: client, at: place) }
            try await stage.expectSound()
            #expect(try await stage.count("select count(*) from privacy.erasure_ledger") == 2)
        }
    }

    @Test("what was not booked for an erased client keeps its words, history changes in no other way") func history()
        async throws
    {
        try await PrivacyStage.run { stage in
            await #expect(throws: PostgresError.self) {
                try await stage.database.run(
                    "update transactions set montant_minor = 1, libelle = null, reference = null, contrepartie_index = null, contrepartie_fin = null"
                )
            }
            await #expect(throws: PostgresError.self) {
                try await stage.database.run("update transactions set libelle = 'autre'")
            }
            await #expect(throws: PostgresError.self) {
                try await stage.database.run("update virements set motif = 'autre'")
            }
            await #expect(throws: PostgresError.self) { try await stage.database.run("delete from transactions") }
            let before = try await stage.count("select count(*) from transactions where libelle is not null")
            try await stage.database.run("select privacy.blank_operations(1, now() + interval '1 day')")
            #expect(try await stage.count("select count(*) from transactions where libelle is not null") == before - 6)
            try await stage.expectSound()
        }
    }

    @Test("a ledger that was changed is not believed") func ledger() async throws {
        try await PrivacyStage.run { stage in
            for number in 1...3 {
                try await stage.close(number)
                _ = try await stage.desk.erase(clientID(number), proof: proof(number), by: admin)
            }
            let path = stage.folder + "/erasures.ledger"
            let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map(String.init)
            #expect(lines.count == 3)
            for broken in [
                [lines[0], lines[2]], [lines[1], lines[0], lines[2]],
                [lines[0].replacing("archived", with: "destroyed")], ["x"],
            ] {
                try (broken.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8)
                await expectRefused("privacy_ledger_broken") { _ = try await stage.desk.replayErasures() }
            }
            // What is cut off at the end comes back from the database.
            try (lines[0] + "\n").write(toFile: path, atomically: true, encoding: .utf8)
            #expect(try await stage.desk.replayErasures().isEmpty)
            let mended = try String(contentsOfFile: path, encoding: .utf8)
            #expect(mended == lines.joined(separator: "\n") + "\n")
        }
    }
}
