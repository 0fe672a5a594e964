import Bank
import BankAPI
import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

/// What the card network asks the bank, judged in the transaction that holds the money.
@Suite struct CardNetworkTests {
    private static let network = Actor(role: "service_role", claims: "{}")

    /// Over 100 € a proof is asked for, over 200 € the bank looks, over 300 € it refuses; each asking leaves a row.
    private func with(_ body: @Sendable (Database, CardNetwork) async throws -> Void) async throws {
        try await withTestDatabase(bankTemplate) { database in
            try await database.run("create table vus (montant bigint not null, compte bigint not null)")
            try await database.run("grant insert, select on vus to service_role")
            try await database.run(
                """
                insert into cartes (id, compte_id, pan_fin, reseau, expire_le) overriding system value
                values (1, 1, '1234', 'visa', '2099-12-31')
                """)
            let screen = PaymentScreen(
                isOn: { true },
                judgeCard: { payment, account, tx in
                    try await tx.run(
                        """
                        insert into public.vus (montant, compte)
                        values (\(payment.amount.minor), \(account.rawValue))
                        """)
                    switch payment.amount.minor {
                    case ...10_000: return .pass
                    case ...20_000: return .proof
                    case ...30_000: return .held
                    default: return .refused
                    }
                }, judge: { _, _ in .pass })
            try await body(database, CardNetwork(database: database, screen: screen))
        }
    }

    private func ask(
        _ network: CardNetwork, _ path: String, _ body: JSON = .null, as actor: Actor = CardNetworkTests.network
    ) async -> Answer {
        let response = await network.handle(
            ApiRequest(method: .post, path: path, body: body.isNull ? [] : Array(body.text.utf8)), actor: actor)
        return Answer(status: response.status.code, fields: response.fields, bytes: response.body)
    }

    private func payment(_ amount: String, key: String, card: Int = 1, proved: Bool = false) -> JSON {
        [
            "card": .integer(card), "amount": ["amount": .string(amount), "currency": "EUR"],
            "idempotency_key": .string(key), "terminal": "T-77", "merchant": "Boulangerie", "country": "FR",
            "proved": .bool(proved),
        ]
    }

    @Test("a card payment is held, proved, looked at or refused as the screen says, and each verdict is kept")
    func verdicts() async throws {
        try await with { database, network in
            let held = await ask(network, "/authorizations", payment("12.34", key: "a"))
            #expect(held.status == 201 && held.json["account"]?.integer == 1, "\(held.text)")
            let again = await ask(network, "/authorizations", payment("12.34", key: "a"))
            #expect(again.status == 200 && again.json["replayed"]?.bool == true, "\(again.text)")
            let unproved = await ask(network, "/authorizations", payment("150.00", key: "b"))
            #expect(unproved.status == 403 && unproved.code == "payment_needs_proof")
            let proved = await ask(network, "/authorizations", payment("150.00", key: "b", proved: true))
            #expect(proved.status == 201, "\(proved.text)")
            #expect(await ask(network, "/authorizations", payment("250.00", key: "c")).code == "payment_held")
            #expect(await ask(network, "/authorizations", payment("350.00", key: "d")).code == "payment_refused")
            let seen = try await database.all("select montant from vus order by 1", as: Int64.self)
            #expect(seen == [1_234, 1_234, 15_000, 15_000, 25_000, 35_000])
            let reserved = try await database.one("select reserve_minor from comptes where id = 1", as: Int64.self)
            #expect(reserved == 16_234)
        }
    }

    @Test("what is held is captured or released; what the ledger refuses was judged all the same")
    func captures() async throws {
        try await with { database, network in
            let first = await ask(network, "/authorizations", payment("50.00", key: "a"))
            let second = await ask(network, "/authorizations", payment("20.00", key: "b"))
            let id = try #require(first.json["id"]?.string)
            let other = try #require(second.json["id"]?.string)
            let capture: JSON = [
                "credit_account": 2, "idempotency_key": "k", "amount": ["amount": "45.00", "currency": "EUR"],
            ]
            let captured = await ask(network, "/authorizations/\(id)/capture", capture)
            #expect(captured.status == 200 && captured.json["status"]?.string == "captured", "\(captured.text)")
            #expect(await ask(network, "/authorizations/\(other)/release").json["was_held"]?.bool == true)
            #expect(await ask(network, "/authorizations/\(other)/release").json["was_held"]?.bool == false)
            let balance = try await LedgerStore(database).balance(of: AccountID(1))
            #expect(balance == startMinor - 4_500)
            // Far more than the account has: over 300 € is refused by the screen, so ask for what it lets through.
            try await database.run("update comptes set reserve_minor = 115000 where id = 1")
            let poor = await ask(network, "/authorizations", payment("90.00", key: "poor"))
            #expect(poor.code == "ledger_insufficient_funds", "\(poor.text)")
            let seen = try await database.one("select count(*) from vus where montant = 9000", as: Int.self)
            #expect(seen == 1)
        }
    }

    @Test("nobody but the network may ask, and what makes no sense is refused")
    func refusals() async throws {
        try await with { _, network in
            let client = BankStage.actor(1)
            #expect(await ask(network, "/authorizations", payment("1.00", key: "x"), as: client).status == 403)
            let unknown = await ask(network, "/authorizations", payment("1.00", key: "x", card: 99))
            #expect(unknown.status == 404 && unknown.code == "card_not_found")
            #expect(await ask(network, "/authorizations", ["card": 1]).code == "body_invalid")
            #expect(await ask(network, "/nothing").status == 404)
            #expect(await ask(network, "/authorizations/no-uuid/release").status == 404)
        }
    }
}
