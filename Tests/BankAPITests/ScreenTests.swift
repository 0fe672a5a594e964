import Bank
import BankAPI
import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Vault
import Web

/// Orders that something judges before the ledger executes them.
@Suite struct ScreenTests {
    /// Over 100 € a proof is asked for, over 200 € the bank looks, over 300 € it refuses; each asking leaves a row.
    private func with(_ body: @Sendable (BankStage) async throws -> Void) async throws {
        try await withTestDatabase(bankTemplate) { database in
            try await database.run("create table vus (montant bigint not null, adresse text)")
            try await database.run("grant insert, select on vus to service_role")
            let kek = try stageKey()
            let screen = PaymentScreen(
                isOn: { true },
                judging: { order, origin, tx in
                    try await tx.run(
                        "insert into public.vus (montant, adresse) values (\(order.amount.minor), \(origin?.address))")
                    switch order.amount.minor {
                    case ...10_000: return .pass
                    case ...20_000: return .proof
                    case ...30_000: return .held
                    default: return .refused
                    }
                })
            let service = BankService(
                database: database,
                secrets: BankSecrets(
                    vault: Vault(database: database, keyring: Keyring(current: kek)), indexing: kek), screen: screen,
                clock: { Int64(Date().timeIntervalSince1970) })
            try await body(BankStage(database: database, service: service))
        }
    }

    private func seen(_ stage: BankStage) async throws -> [Int64] {
        try await stage.database.all("select montant from vus order by montant", as: Int64.self)
    }

    @Test("an order is executed, proved, held or refused as the screen says, and the client learns no reason")
    func verdicts() async throws {
        try await with { stage in
            #expect(await stage.pay("12.34", key: "a").status == 201)
            #expect(await stage.pay("12.34", key: "a").json["replayed"]?.bool == true)
            let unproved = await stage.pay("150.00", key: "b")
            #expect(unproved.status == 403 && unproved.code == "payment_needs_proof", "\(unproved.text)")
            #expect(await stage.pay("150.00", level: "aal2", key: "b").status == 201)
            let held = await stage.pay("250.00", level: "aal2")
            #expect(held.status == 409 && held.code == "payment_held", "\(held.text)")
            let refused = await stage.pay("350.00", level: "aal2")
            #expect(refused.status == 403 && refused.code == "payment_refused", "\(refused.text)")
            let balance = try await stage.balance(1)
            #expect(balance == 83_766)
            let seen = try await self.seen(stage)
            #expect(seen == [1_234, 1_234, 15_000, 15_000, 25_000, 35_000])
            let addresses = try await stage.database.all("select distinct adresse from vus", as: String.self)
            #expect(addresses == ["127.0.0.1"])
            try await stage.expectSound()
        }
    }

    @Test("what the ledger refuses was judged all the same")
    func ledgerRefusal() async throws {
        try await with { stage in
            let answer = await stage.pay("10.00", to: 1)
            #expect(answer.status == 422 && answer.code == "ledger_same_account", "\(answer.text)")
            let balance = try await stage.balance(1)
            #expect(balance == 100_000)
            let seen = try await self.seen(stage)
            #expect(seen == [1_000])
        }
    }

    @Test("nobody gets past the screen in a lot")
    func lots() async throws {
        try await with { stage in
            func order(_ amount: String, _ key: String) -> JSON {
                [
                    "debit_account": 1, "payee": ["iban": .string(iban(2))],
                    "amount": ["amount": .string(amount), "currency": "EUR"], "idempotency_key": .string(key),
                ]
            }
            let mixed: JSON = [
                "mode": "continue", "orders": [order("10.00", "x"), order("250.00", "y"), order("20.00", "z")],
            ]
            let answer = await stage.ask(.post, "/transfers/batch", body: mixed, headers: ["Idempotency-Key": "lot"])
            let statuses = answer.json["results"]?.array?.compactMap { $0["status"]?.string }
            #expect(statuses == ["executed", "refused", "executed"], "\(answer.text)")
            let whole: JSON = ["mode": "atomic", "orders": [order("10.00", "v"), order("250.00", "w")]]
            let none = await stage.ask(.post, "/transfers/batch", body: whole, headers: ["Idempotency-Key": "lot 2"])
            #expect(none.status == 409 && none.code == "payment_held", "\(none.text)")
            let balance = try await stage.balance(1)
            #expect(balance == 97_000)
        }
    }

    @Test("nobody gets past the screen with a file")
    func files() async throws {
        try await with { stage in
            let day = try await stage.database.one(
                "select jour::text from journees where close_le is null", as: String.self)
            let file = PaymentFile(
                date: day,
                payments: [
                    (iban(2), "10.00", "EUR", "A"), (iban(2), "250.00", "EUR", "B"), (iban(2), "150.00", "EUR", "C"),
                ])
            let answer = await stage.ask(
                .post, "/payments/pain.001", headers: ["Accept": "application/json"], bytes: Array(file.text.utf8),
                type: "application/xml")
            let codes = answer.json["payments"]?.array?.map { $0["code"]?.string ?? "-" }
            #expect(codes == ["-", "payment_held", "payment_needs_proof"], "\(answer.text)")
            #expect(!answer.text.contains("FRAD"))
            let balance = try await stage.balance(1)
            #expect(balance == 99_000)
            try await stage.expectSound()
        }
    }

    @Test("standing orders are judged when they fall due; what they were proved for at first stays proved")
    func standingOrders() async throws {
        try await with { stage in
            for amount in ["10.00", "150.00", "250.00"] {
                let made = await stage.ask(
                    .post, "/standing-orders", level: "aal2",
                    body: [
                        "debit_account": 1, "payee": ["iban": .string(iban(2))],
                        "amount": ["amount": .string(amount), "currency": "EUR"], "reason": "Loyer",
                        "frequency": "monthly", "first_on": "2035-01-31",
                    ])
                #expect(made.status == 201, "\(made.text)")
            }
            let count = try await stage.service.executeStandingOrders(on: LedgerDay("2035-01-31"))
            let again = try await stage.service.executeStandingOrders(on: LedgerDay("2035-01-31"))
            #expect(count == 3 && again == 0)
            let balance = try await stage.balance(1)
            #expect(balance == 84_000)
            let kept = try await stage.database.all(
                "select statut || ' ' || coalesce(code, '-') from executions_permanentes order by 1", as: String.self)
            #expect(kept == ["execute -", "execute -", "refuse payment_held"])
            let retried = try await stage.service.executeStandingOrders(on: LedgerDay("2035-02-01"))
            let seen = try await self.seen(stage)
            #expect(retried == 1 && seen == [1_000, 15_000, 25_000, 25_000])
            try await stage.expectSound()
        }
    }
}
