import Bank
import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct HoldTests {
    private func heldMinor(_ database: Database, _ account: Int64) async throws -> Int64 {
        try await database.one("select reserve_minor from comptes where id = \(account)", as: Int64.self)
    }

    @Test func `a hold is captured in parts and the rest released`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let shop = try await ledger.hotAccount("cartes")
            let hold = try await ledger.hold(euros(8_000), on: AccountID(1), key: OrderKey("h"))
            #expect(hold.availableMinor == 2_000)
            #expect(try await ledger.hold(euros(8_000), on: AccountID(1), key: OrderKey("h")).isReplay)
            // What is held can not be spent otherwise.
            await #expect(throws: LedgerError.self) { try await ledger.transfer(order(1, 2, 2_001)) }
            let part = try await ledger.capture(
                hold.id, to: shop, key: OrderKey("c1"), amount: euros(3_000), isLast: false)
            #expect(part.balanceAfterMinor == 7_000)
            #expect(try await heldMinor(database, 1) == 5_000)
            let again = try await ledger.capture(
                hold.id, to: shop, key: OrderKey("c1"), amount: euros(3_000), isLast: false)
            #expect(again.isReplay && again.operation == part.operation)
            var error = await #expect(throws: LedgerError.self) {
                try await ledger.capture(hold.id, to: shop, key: OrderKey("c2"), amount: euros(5_001))
            }
            #expect(error?.code == "ledger_more_than_left")
            error = await #expect(throws: LedgerError.self) {
                try await ledger.capture(hold.id, to: shop, key: OrderKey("c1"), amount: euros(1))
            }
            #expect(error?.code == "ledger_key_reused")
            try await ledger.capture(hold.id, to: shop, key: OrderKey("c3"), amount: euros(4_000))
            #expect(try await heldMinor(database, 1) == 0)
            #expect(try await ledger.release(hold.id) == false)
            error = await #expect(throws: LedgerError.self) {
                try await ledger.capture(hold.id, to: shop, key: OrderKey("c4"))
            }
            #expect(error?.code == "ledger_hold_ended")
            #expect(try await ledger.balance(of: shop) == 7_000)
            #expect(try await ledger.verify().isEmpty)
        }
    }

    @Test func `a hold past its time neither blocks the account nor is captured`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let shop = try await ledger.hotAccount("cartes")
            let keys = ["a", "b", "c"].map { OrderKey($0) }
            for (account, key) in zip([1, 2, 3] as [Int64], keys) {
                try await ledger.hold(euros(10_000), on: AccountID(account), key: key, for: .seconds(1))
            }
            let first = try await ledger.hold(euros(10_000), on: AccountID(1), key: keys[0])
            try await Task.sleep(for: .milliseconds(1_100))
            let error = await #expect(throws: LedgerError.self) {
                try await ledger.capture(first.id, to: shop, key: OrderKey("late"))
            }
            #expect(error?.code == "ledger_hold_ended")
            // A transfer, a batch, and the round of the bank's own.
            try await ledger.transfer(order(1, 4, 10_000))
            let items = try await ledger.transfer(batch: [order(2, 4, 10_000)], mode: .allOrNothing)
            #expect(items.count == 1)
            #expect(try await ledger.expireHolds() == 1)
            #expect(try await ledger.expireHolds() == 0)
            for account in [1, 2, 3] as [Int64] { #expect(try await heldMinor(database, account) == 0) }
            #expect(try await ledger.verify().isEmpty)
        }
    }

    @Test func `held is the sum of open holds whatever runs at once`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let shop = try await ledger.hotAccount("cartes")
            try await inParallel(isLongRun ? 3_000 : 200, width: 32) { index in
                var random = SeededGenerator(seed: seed &+ UInt64(index))
                let account = AccountID(.random(in: 1...6, using: &random))
                do {
                    let hold = try await ledger.hold(
                        euros(.random(in: 1...900, using: &random)), on: account, key: OrderKey("h\(index)"))
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: try await ledger.release(hold.id)
                    case 1: try await ledger.capture(hold.id, to: shop, key: OrderKey("c"))
                    case 2:
                        async let one = ledger.capture(hold.id, to: shop, key: OrderKey("c"))
                        async let other = ledger.release(hold.id)
                        _ = try? await one
                        _ = try? await other
                    default: try await ledger.transfer(order(account.rawValue, 9, 50))
                    }
                } catch is LedgerError {}
            }
            #expect(try await ledger.verify().isEmpty)
            #expect(try await deadlockCount(database) == 0)
        }
    }

    @Test func `an operation is given back once, however many ask at once`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let paid = try await ledger.transfer(order(1, 2, 4_000))
            let done = Tally<Bool>()
            let refused = Tally<Bool>()
            try await inParallel(16, width: 16) { index in
                do {
                    try await ledger.reverse(paid.operation, key: OrderKey("back \(index)"))
                    done.add(true)
                } catch let error as LedgerError where error.code == "ledger_already_reversed" {
                    refused.add(true)
                }
            }
            #expect(done.count == 1 && refused.count == 15)
            #expect(try await ledger.balance(of: AccountID(1)) == startMinor)
            #expect(try await ledger.verify().isEmpty)
            #expect(try await deadlockCount(database) == 0)
        }
    }

    @Test func `parts given back never pass the whole`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let paid = try await ledger.transfer(order(1, 2, 1_000))
            let part = try await ledger.reverse(paid.operation, key: OrderKey("p1"), amount: euros(300))
            #expect(try await ledger.reverse(paid.operation, key: OrderKey("p1"), amount: euros(300)).isReplay)
            try await inParallel(10, width: 10) { index in
                _ = try? await ledger.reverse(paid.operation, key: OrderKey("q\(index)"), amount: euros(300))
            }
            #expect(try await ledger.balance(of: AccountID(1)) == startMinor - 100)
            try await ledger.reverse(paid.operation, key: OrderKey("rest"))
            #expect(try await ledger.balance(of: AccountID(1)) == startMinor)
            for (operation, code) in [
                (part.operation, "ledger_not_reversible"), (OperationID(999_999), "ledger_not_reversible"),
                (paid.operation, "ledger_already_reversed"),
            ] {
                let error = await #expect(throws: LedgerError.self) {
                    try await ledger.reverse(operation, key: .random())
                }
                #expect(error?.code == code)
            }
            let back = try await database.one(
                "select count(*) from transactions where origine_id = \(paid.operation.rawValue)", as: Int64.self)
            #expect(back == 4)
            #expect(try await ledger.verify().isEmpty)
        }
    }

    @Test func `a late item is booked today with its old value date, a closed day never again`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let yesterday = try await ledger.closeDay()
            await #expect(throws: LedgerError.self) { try await ledger.closeDay() }
            await #expect(throws: LedgerError.self) { try await ledger.openDay(yesterday) }
            let next = try await database.one("select (\(yesterday.description)::date + 1)::text", as: String.self)
            let today = try await ledger.openDay(LedgerDay(next))
            var late = order(1, 2, 100)
            late.valueDay = yesterday
            let entry = try await ledger.transfer(late)
            #expect(entry.businessDay == today && entry.valueDay == yesterday)
            late = order(1, 2, 100)
            late.businessDay = yesterday
            let error = await #expect(throws: LedgerError.self) { try await ledger.transfer(late) }
            #expect(error?.code == "ledger_day_closed")
            for statement: Statement in [
                "update journees set close_le = null where close_le is not null", "delete from journees",
                "truncate journees",
            ] { await #expect(throws: PostgresError.self) { try await database.run(statement) } }
            let stray = try await database.one("select count(*) from transactions_hors_periode", as: Int64.self)
            #expect(stray == 0)
        }
    }

    @Test func `what no state of the accounts could answer is refused at once`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let hold = try await ledger.hold(euros(1_000), on: AccountID(1), key: OrderKey("h"))
            let asked: [(String, Statement)] = [
                ("LV005", "select public.virer(1, 2, 100, 'k1', null)"),
                ("LV005", "select public.reserver(1, 100, 'k2', null, '7 days', null)"),
                ("LV010", "select public.capturer(\(hold.id.rawValue), 1, 'k3')"),
                ("LV010", "select public.virer(1, 1, 100, 'k4')"),
                ("LV009", "select public.virer(1, 2, null, 'k5')"),
                ("LV002", "select public.virer(1, null, 100, 'k6')"),
                ("LV005", "select public.expliquer_refus(1, 'credit', 100, null, 0)"),
            ]
            for (state, statement) in asked {
                let error = await #expect(throws: PostgresError.self) {
                    try await database.transaction { tx in
                        try await tx.run("set local statement_timeout = '20s'")
                        try await tx.run(statement)
                    }
                }
                #expect(error?.sqlState == state, "\(statement.sql): \(error?.message ?? "")")
            }
            #expect(try await ledger.verify().isEmpty)
        }
    }
}
