import BankAPI
import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

@Suite struct CardTests {
    private func cards(_ stage: BankStage) async throws {
        try await stage.database.run(
            """
            insert into cartes (id, compte_id, pan_fin, reseau, expire_le, plafond_minor)
            overriding system value values
                (1, 1, '1234', 'visa', '2099-12-31', 100000), (2, 1, '5678', null, null, 0),
                (3, 2, '9999', 'visa', '2099-12-31', 0)
            """)
        try await stage.database.run(
            "insert into cartes (id, compte_id, pan_fin, statut) overriding system value values (4, 1, '4444', 'remplacee'), (5, 1, '5555', 'bloquee')"
        )
    }

    @Test func `a client sees their cards masked and blocks and unblocks them`() async throws {
        try await BankStage.run { stage in
            try await cards(stage)
            let list = try #require(await stage.get("/cards").json["cards"]?.array)
            #expect(list.compactMap { $0["id"]?.integer } == [1, 2, 4, 5])
            #expect(list.first?["number"]?.string == "•••• •••• •••• 1234")
            #expect(list.first?["limit_30_days"] == ["amount": "1000.00", "currency": "EUR"])
            let blocked = await stage.ask(.post, "/cards/1/block", body: ["reason": "temporary"])
            #expect(blocked.status == 200 && blocked.json["status"]?.string == "blocked", "\(blocked.text)")
            #expect(blocked.json["blocked_for"]?.string == "temporary")
            #expect(await stage.ask(.post, "/cards/1/unblock").json["status"]?.string == "active")
            #expect(await stage.ask(.post, "/cards/1/unblock").status == 200, "twice is once")
            for reason in ["stolen", "lost", "fraud"] {
                #expect(await stage.ask(.post, "/cards/2/block", body: ["reason": .string(reason)]).status == 200)
                // A lighter reason does not replace it.
                let lighter = await stage.ask(.post, "/cards/2/block", body: ["reason": "temporary"])
                #expect(lighter.json["blocked_for"]?.string == reason)
                let stays = await stage.ask(.post, "/cards/2/unblock")
                #expect(stays.status == 409 && stays.code == "card_stays_blocked", "\(stays.text)")
            }
            #expect(await stage.ask(.post, "/cards/5/unblock").code == "card_stays_blocked", "the bank's own block")
            #expect(await stage.ask(.post, "/cards/4/block", body: ["reason": "lost"]).code == "ledger_card_unusable")
            #expect(await stage.ask(.post, "/cards/3/block", body: ["reason": "lost"]).code == "card_not_found")
            #expect(await stage.ask(.post, "/cards/3/unblock").status == 404)
            #expect(await stage.ask(.post, "/cards/1/block", body: ["reason": "bored"]).status == 422)
        }
    }

    @Test func `a lower ceiling is set at once, a higher one with the second factor`() async throws {
        try await BankStage.run { stage in
            try await cards(stage)
            func limit(_ card: Int, _ amount: String, _ currency: String = "EUR", level: String = "aal1") async
                -> Answer
            {
                await stage.ask(
                    .patch, "/cards/\(card)/limits", level: level,
                    body: ["limit_30_days": ["amount": .string(amount), "currency": .string(currency)]])
            }
            #expect(await limit(1, "500.00").json["limit_30_days"]?["amount"]?.string == "500.00")
            #expect(await limit(1, "600.00").code == "insufficient_aal")
            #expect(await limit(1, "600.00", level: "aal2").status == 200)
            #expect(await limit(2, "600.00").status == 200, "from none to some is lower")
            #expect(await limit(1, "1.00", "USD").code == "amount_invalid")
            #expect(await limit(1, "2000000.00", level: "aal2").code == "ledger_amount_invalid")
            #expect(await limit(3, "1.00").code == "card_not_found")
        }
    }
}
