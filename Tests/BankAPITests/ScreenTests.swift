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

    /// A screen that judges lots: over 100 € it asks for a proof, over 200 € it holds, 66.66 € it wants to see alone, at
    /// 77.77 € it fails. Each asking leaves a row with the size of its lot, a single one with 0.
    private func withLots(_ body: @Sendable (BankStage) async throws -> Void) async throws {
        try await withTestDatabase(bankTemplate) { database in
            try await database.run("create table vus (montant bigint not null, lot integer not null)")
            try await database.run("grant insert, select on vus to service_role")
            let kek = try stageKey()
            @Sendable func verdict(_ order: TransferOrder) -> PaymentScreen.Verdict {
                order.amount.minor <= 10_000 ? .pass : order.amount.minor <= 20_000 ? .proof : .held
            }
            var screen = PaymentScreen(
                isOn: { true },
                judging: { order, _, tx in
                    try await tx.run("insert into vus (montant, lot) values (\(order.amount.minor), 0)")
                    return verdict(order)
                })
            screen.judgeLot = { wishes, tx in
                for wish in wishes {
                    try await tx.run(
                        "insert into vus (montant, lot) values (\(wish.order.amount.minor), \(Int64(wishes.count)))")
                }
                if wishes.contains(where: { $0.order.amount.minor == 7_777 }) {
                    try await tx.run("select 1 / (select 0)")
                }
                return wishes.map { $0.order.amount.minor == 6_666 ? .alone : .verdict(verdict($0.order)) }
            }
            let service = BankService(
                database: database,
                secrets: BankSecrets(
                    vault: Vault(database: database, keyring: Keyring(current: kek)), indexing: kek), screen: screen,
                clock: { Int64(Date().timeIntervalSince1970) })
            try await body(BankStage(database: database, service: service))
        }
    }

    @Test("orders that come together are judged and executed in lots, each with its own answer")
    func together() async throws {
        try await withLots { stage in
            let amounts = ["1.00", "2.00", "150.00", "250.00", "66.66"]
            let statuses = await withTaskGroup(of: (String, Int).self) { group in
                for round in 0..<12 {
                    for amount in amounts {
                        group.addTask { (amount, await stage.pay(amount, key: "\(round) \(amount)").status) }
                    }
                }
                return await group.reduce(into: [String: Set<Int>]()) { $0[$1.0, default: []].insert($1.1) }
            }
            #expect(
                statuses == ["1.00": [201], "2.00": [201], "150.00": [403], "250.00": [409], "66.66": [201]])
            let balance = try await stage.balance(1)
            let left: Int64 = 100_000 - 12 * (100 + 200 + 6_666)
            #expect(balance == left)
            let largest = try await stage.database.one("select max(lot) from vus", as: Int.self)
            #expect(largest > 1, "orders that wait share a lot")
            let alone = try await stage.database.all(
                "select distinct montant from vus where lot = 0", as: Int64.self)
            #expect(alone == [6_666])
            let judged = try await stage.database.one("select count(*) from vus where lot > 0", as: Int.self)
            #expect(judged == 60)
            try await stage.expectSound()
        }
    }

    @Test("an order that a lot fails on is answered alone; its neighbours are executed once")
    func poisoned() async throws {
        try await withLots { stage in
            let statuses = await withTaskGroup(of: (Int, Int).self) { group in
                for number in 0..<20 {
                    group.addTask {
                        (number, await stage.pay(number == 7 ? "77.77" : "1.00", key: "p\(number)").status)
                    }
                }
                return await group.reduce(into: [Int: Int]()) { $0[$1.0] = $1.1 }
            }
            #expect(statuses.filter { $0.key != 7 }.values.allSatisfy { $0 == 201 }, "\(statuses)")
            // Alone in its lot it fails for itself; left alone behind a lot it is judged by itself.
            #expect([201, 500].contains(statuses[7] ?? 0), "\(statuses)")
            let balance = try await stage.balance(1)
            let left: Int64 = 100_000 - 19 * 100 - (statuses[7] == 201 ? 7_777 : 0)
            #expect(balance == left)
            try await stage.expectSound()
        }
    }

    @Test("two requests with one key at once move money once")
    func twice() async throws {
        try await withLots { stage in
            let statuses = await withTaskGroup(of: Int.self) { group in
                for _ in 0..<6 { group.addTask { await stage.pay("3.00", key: "same").status } }
                return await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200, 200, 200, 200, 200, 201])
            let balance = try await stage.balance(1)
            #expect(balance == 99_700)
        }
    }
}
