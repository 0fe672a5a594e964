import Bank
import BankAPI
import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

@Suite struct StandingOrderTests {
    private func create(
        _ stage: BankStage, _ amount: String = "10.00", frequency: String = "monthly", first: String,
        last: String? = nil, monthEnd: String = "same_day", payee: Int = 2, as number: Int = 1, level: String = "aal2"
    ) async -> Answer {
        await stage.ask(
            .post, "/standing-orders", as: number, level: level,
            body: [
                "debit_account": .integer(number), "payee": ["iban": .string(iban(payee))],
                "amount": ["amount": .string(amount), "currency": "EUR"], "reason": "Loyer",
                "frequency": .string(frequency), "first_on": .string(first), "last_on": last.map(JSON.string) ?? .null,
                "month_end": .string(monthEnd),
            ])
    }

    private func run(_ stage: BankStage, _ day: String) async throws -> Int {
        try await stage.service.executeStandingOrders(on: LedgerDay(day))
    }

    private func shown(_ stage: BankStage, as number: Int = 1) async -> JSON? {
        await stage.get("/standing-orders", as: number).json["standing_orders"]?.array?.first
    }

    @Test func `an order is executed on each due date once, whatever is run twice`() async throws {
        try await BankStage.run { stage in
            #expect(await create(stage, first: "2035-01-31", level: "aal1").code == "insufficient_aal")
            let made = await create(stage, first: "2035-01-31", last: "2035-03-31")
            #expect(made.status == 201, "\(made.text)")
            #expect(made.json["next_on"]?.string == "2035-01-31" && made.json["status"]?.string == "active")
            #expect(try await run(stage, "2035-01-30") == 0)
            #expect(try await run(stage, "2035-01-31") == 1)
            #expect(try await run(stage, "2035-01-31") == 0)
            #expect(try await stage.balance(2) == startMinor + 1000)
            #expect(await shown(stage)?["next_on"]?.string == "2035-02-28", "a month without the day has its last")
            // A bank that was closed for long makes up for it, each due date on its own.
            #expect(try await run(stage, "2035-12-31") == 2)
            let order = try #require(await shown(stage))
            #expect(order["status"]?.string == "finished" && order["next_on"] == JSON.null)
            #expect(
                order["executions"]?.array?.compactMap { $0["due_on"]?.string } == [
                    "2035-03-31", "2035-02-28", "2035-01-31",
                ])
            #expect(order["executions"]?.array?.allSatisfy { $0["transfer"]?.string != nil } == true)
            #expect(try await stage.balance(2) == startMinor + 3000)
            // The same due date again, as after a restore of the table: the ledger knows its key.
            try await stage.database.run(
                """
                update ordres_permanents set statut = 'actif', rang = 0, prochaine_le = '2035-01-31',
                    prochain_essai = '2035-01-31', derniere_le = '2035-01-31'
                """)
            #expect(try await run(stage, "2035-01-31") == 1)
            #expect(try await stage.balance(2) == startMinor + 3000)
            try await stage.expectSound()
        }
    }

    @Test func `many runners at once execute each order once`() async throws {
        try await BankStage.run { stage in
            for number in 1...5 {
                #expect(
                    await create(stage, frequency: "weekly", first: "2035-01-01", payee: 9, as: number).status == 201)
            }
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<6 { group.addTask { try await run(stage, "2035-01-08") } }
                return try await group.reduce(0, +)
            }
            #expect(counts == 10)
            #expect(try await stage.balance(9) == startMinor + 10_000)
            try await stage.expectSound()
        }
    }

    @Test func `a refused order is tried on three more days, then given up for this date`() async throws {
        try await BankStage.run { stage in
            #expect(await create(stage, "1300.00", first: "2035-01-01").status == 201)
            for day in ["2035-01-01", "2035-01-02", "2035-01-03"] {
                #expect(try await run(stage, day) == 1)
                #expect(try await run(stage, day) == 0, "one try a day")
            }
            var executions = await shown(stage)?["executions"]?.array ?? []
            #expect(executions.count == 3 && executions.allSatisfy { $0["status"]?.string == "refused" })
            #expect(executions.first?["code"]?.string == "ledger_insufficient_funds")
            #expect(try await run(stage, "2035-01-04") == 1)
            executions = await shown(stage)?["executions"]?.array ?? []
            #expect(executions.first?["status"]?.string == "given_up" && executions.first?["attempt"]?.integer == 4)
            #expect(await shown(stage)?["next_on"]?.string == "2035-02-01")
            // With money on the second day it goes through.
            #expect(try await run(stage, "2035-02-01") == 1)
            #expect(await stage.pay("500.00", to: 1, as: 2).status == 201)
            #expect(try await run(stage, "2035-02-02") == 1)
            #expect(await shown(stage)?["executions"]?.array?.first?["status"]?.string == "executed")
            try await stage.expectSound()
        }
    }

    @Test func `an order is changed, paused and ended by its client alone`() async throws {
        try await BankStage.run { stage in
            let day = try await stage.database.one(
                "select jour::text from journees where close_le is null", as: String.self)
            let id = try #require(await create(stage, frequency: "weekly", first: day).json["id"]?.string)
            let path = "/standing-orders/\(id)"
            let amount: JSON = ["amount": ["amount": "11.00", "currency": "EUR"]]
            #expect(
                await stage.ask(.patch, path, as: 2, level: "aal2", body: amount).code == "standing_order_not_found")
            #expect(await stage.ask(.patch, path, body: amount).code == "insufficient_aal")
            #expect(
                await stage.ask(.patch, path, level: "aal2", body: amount).json["amount"]?["amount"]?.string == "11.00")
            #expect(await stage.ask(.patch, path, body: ["paused": true]).json["status"]?.string == "paused")
            #expect(try await run(stage, "2035-01-01") == 0)
            #expect(
                await stage.ask(.patch, path, level: "aal2", body: ["paused": false]).json["status"]?.string == "active"
            )
            #expect(await stage.ask(.patch, path, level: "aal2", body: ["last_on": .string(day)]).status == 200)
            #expect(await stage.ask(.patch, path, level: "aal2", body: ["last_on": .null]).json["last_on"] == JSON.null)
            #expect(
                await stage.ask(.patch, path, level: "aal2", body: ["last_on": "2001-01-01"]).code
                    == "ledger_date_invalid")
            #expect(await stage.get("/standing-orders", as: 2).json["standing_orders"]?.array?.isEmpty == true)
            #expect(await stage.ask(.delete, path, as: 2).status == 404)
            #expect(await stage.ask(.delete, path).status == 204)
            #expect(await stage.ask(.delete, path).status == 404)
            #expect(await stage.ask(.patch, path, body: ["paused": true]).code == "standing_order_ended")
            #expect(await create(stage, first: "2001-01-01").code == "ledger_date_invalid")
            #expect(await create(stage, first: "2035-02-01", last: "2035-01-01").code == "ledger_date_invalid")
            let other = await stage.ask(
                .post, "/standing-orders", level: "aal2",
                body: [
                    "debit_account": 3, "payee": ["account": 2], "amount": ["amount": "1.00", "currency": "EUR"],
                    "frequency": "monthly", "first_on": "2035-01-01",
                ])
            #expect(other.code == "ledger_not_your_account")
        }
    }

    @Test(arguments: [
        ("2035-01-31", "mensuelle", false, 1, "2035-02-28"), ("2035-01-31", "mensuelle", false, 2, "2035-03-31"),
        ("2036-01-31", "mensuelle", false, 1, "2036-02-29"), ("2035-02-28", "mensuelle", false, 1, "2035-03-28"),
        ("2035-02-28", "mensuelle", true, 1, "2035-03-31"), ("2035-02-10", "mensuelle", true, 0, "2035-02-28"),
        ("2035-11-30", "trimestrielle", false, 1, "2036-02-29"), ("2036-02-29", "annuelle", false, 1, "2037-02-28"),
        ("2036-02-29", "annuelle", false, 4, "2040-02-29"), ("2035-12-31", "hebdomadaire", false, 1, "2036-01-07"),
        ("2035-12-31", "hebdomadaire", true, 1, "2036-01-07"),
    ])
    func `due dates keep the day, or the end of the month`(
        first: String, frequency: String, monthEnd: Bool, rank: Int, due: String
    ) async throws {
        try await withTestDatabase(bankTemplate) { database in
            let found = try await database.one(
                "select echeance(\(first)::date, \(frequency), \(monthEnd), \(rank)::integer)::text", as: String.self)
            #expect(found == due)
        }
    }

    @Test func `a new last day leaves the tries of the due date as they were, and each its record`() async throws {
        try await BankStage.run { stage in
            let id = try #require(
                await create(stage, "1300.00", first: "2035-01-01", last: "2035-06-01").json["id"]?.string)
            for day in ["2035-01-01", "2035-01-02"] { #expect(try await run(stage, day) == 1) }
            let changed = await stage.ask(
                .patch, "/standing-orders/\(id)", as: 1, level: "aal2", body: ["last_on": "2035-05-01"])
            #expect(changed.status == 200, "\(changed.text)")
            #expect(try await run(stage, "2035-01-02") == 0, "one try a day, whatever was changed")
            for day in ["2035-01-03", "2035-01-04"] { #expect(try await run(stage, day) == 1) }
            let executions = await shown(stage)?["executions"]?.array ?? []
            #expect(executions.compactMap { $0["attempt"]?.integer } == [4, 3, 2, 1])
            #expect(executions.first?["status"]?.string == "given_up")
            try await stage.expectSound()
        }
    }

    @Test func `what was judged is what is executed, whatever else is due`() async throws {
        try await BankStage.run { stage in
            for number in 1...2 {
                #expect(await create(stage, first: "2035-01-01", payee: 9, as: number).status == 201)
            }
            try await stage.database.transaction { tx in
                let ids = try await tx.all(
                    "select id::text from ordres_permanents order by prochain_essai desc, id desc", as: String.self)
                let last = try #require(ids.first)
                let done = try await tx.all(
                    """
                    select ordre_id::text from public.executer_ordre_permanent(
                        '2035-01-01', 'payment_held', 'held', \(last)::uuid)
                    """, as: String.self)
                #expect(done == [last])
            }
        }
    }
}
