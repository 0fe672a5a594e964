import Bank
import BankAPI
import Evidence
import Foundation
import Fraud
import HTTPTypes
import Migrations
import Postgres
import TestSupport
import Testing
import Vault
import Web

/// What the bank stopped, and the client's word on it.
@Suite struct AlertTests {
    private func with(_ body: @Sendable (BankStage) async throws -> Void) async throws {
        try await withTestDatabase(bankTemplate) { database in
            try await Migrator(database).apply([EvidenceMigrations.set(), FraudMigrations.set()])
            for (number, verdict, account) in [(1, "allow", 1), (2, "review", 1), (3, "step-up", 101), (4, "block", 2)]
            {
                try await database.run(
                    """
                    insert into fraud.decisions (paiement, cle, empreinte, horodatage, montant_minor, cles, verdict, colonnes)
                    values (\(number * -7), \("p\(number)"), '', 0, \(number * 100_000), array[\(account)::bigint, 9], \(verdict),
                        '')
                    """)
            }
            let kek = try stageKey()
            var screen = PaymentScreen(
                isOn: { true },
                hear: { payment, isFraud, author in
                    _ = try await database.run("select fraud.etiqueter(\(payment), \(isFraud), 'client', \(author))")
                }, judge: { _, _ in .pass })
            screen.deny = { account, key, author in
                guard key.rawValue != "unknown" else { return false }
                try await database.run("create table denied (a bigint, k text, w text)")
                try await database.run("insert into denied values (\(account.rawValue), \(key.rawValue), \(author))")
                return true
            }
            let judging = screen
            let service = BankService(
                database: database,
                secrets: BankSecrets(
                    vault: Vault(database: database, keyring: Keyring(current: kek)), indexing: kek), screen: judging,
                clock: { Int64(Date().timeIntervalSince1970) })
            try await body(BankStage(database: database, service: service))
        }
    }

    @Test func `a client sees what was stopped on their own accounts, and says whose it was`() async throws {
        try await with { stage in
            let list = await stage.get("/alerts").json["alerts"]?.array ?? []
            #expect(list.compactMap { $0["outcome"]?.string } == ["proof_asked", "held"])
            #expect(list.compactMap { $0["amount"]?["amount"]?.string } == ["3000.00", "2000.00"])
            let held = try #require(list.last?["id"]?.integer)
            let said = await stage.ask(.post, "/alerts/\(held)/answer", body: ["answer": "not_mine"])
            #expect(said.status == 200 && said.json["answer"]?.string == "not_mine", "\(said.text)")
            // A second answer counts as the last word, and to vouch needs more than a password.
            let weak = await stage.ask(.post, "/alerts/\(held)/answer", body: ["answer": "mine"])
            #expect(weak.status == 403 && weak.code == "insufficient_aal")
            let strong = await stage.ask(.post, "/alerts/\(held)/answer", level: "aal2", body: ["answer": "mine"])
            #expect(strong.json["answer"]?.string == "mine")
            let label = try await stage.database.one(
                "select paiement || ' ' || fraude || ' ' || auteur from fraud.etiquettes", as: String.self)
            #expect(label == "-14 false \(user(1).uuidString.lowercased())")
        }
    }

    @Test func `another's alert is none, and nothing is there where nobody judges`() async throws {
        try await with { stage in
            let theirs = try #require(await stage.get("/alerts", as: 2).json["alerts"]?.array?.first?["id"]?.integer)
            let refused = await stage.ask(.post, "/alerts/\(theirs)/answer", body: ["answer": "not_mine"])
            #expect(refused.status == 404 && refused.code == "alert_not_found")
            let unclear = await stage.ask(.post, "/alerts/\(theirs)/answer", as: 2, body: ["answer": "perhaps"])
            #expect(unclear.status == 400 || unclear.status == 422, "\(unclear.text)")
        }
        try await BankStage.run { stage in
            let answer = await stage.get("/alerts")
            #expect(answer.status == 200 && answer.json["alerts"]?.array?.isEmpty == true, "\(answer.text)")
        }
    }

    @Test func `a client says of an order of their own that it was not theirs`() async throws {
        try await with { stage in
            let mine = try #require(await stage.pay("10.00", key: "mine").json["id"]?.string)
            let theirs = try #require(await stage.pay("10.00", to: 1, as: 2, key: "theirs").json["id"]?.string)
            let unknown = try #require(await stage.pay("10.00", key: "unknown").json["id"]?.string)
            let denied = await stage.ask(.post, "/transfers/\(mine)/denial")
            #expect(denied.status == 200 && denied.json["status"]?.string == "denied", "\(denied.text)")
            let told = try await stage.database.one("select a || ' ' || k || ' ' || w from denied", as: String.self)
            #expect(told == "1 mine \(user(1).uuidString.lowercased())")
            let other = await stage.ask(.post, "/transfers/\(theirs)/denial")
            #expect(other.status == 404 && other.code == "transfer_not_found", "\(other.text)")
            let never = await stage.ask(.post, "/transfers/\(unknown)/denial")
            #expect(never.status == 409 && never.code == "transfer_not_judged", "\(never.text)")
        }
        try await BankStage.run { stage in
            let order = try #require(await stage.pay("10.00").json["id"]?.string)
            #expect(await stage.ask(.post, "/transfers/\(order)/denial").status == 503)
        }
    }
}
