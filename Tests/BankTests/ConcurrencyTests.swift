import Bank
import Foundation
import Postgres
import TestSupport
import Testing

/// What the Jepsen bank test looks for, and what only concurrent callers can break.
@Suite struct ConcurrencyTests {
    @Test func `a storm of transfers keeps the total, goes below no limit and never deadlocks`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        let orderCount = isLongRun ? 20_000 : 800
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let hot = try await ledger.hotAccount("storm").rawValue
            let problems = Tally<String>()
            let executed = Tally<Bool>()
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    // The reader of the bank test: each look sees a whole number of transfers.
                    for _ in 0..<40 {
                        let row = try await database.run(
                            """
                            select count(*), sum(solde_du_compte(id))::bigint, min(solde_minor) filter (where type <> 'interne')
                            from comptes where id <= \(accountCount) or chaud
                            """
                        )[0]
                        let (count, total, least) = (
                            try row.decode(0, as: Int64.self), try row.decode(1, as: Int64.self),
                            try row.decode(2, as: Int64.self)
                        )
                        if count != Int64(accountCount) + 1 { problems.add("\(count) accounts") }
                        if total != Int64(accountCount) * startMinor { problems.add("total \(total)") }
                        if least < 0 { problems.add("balance \(least)") }
                    }
                }
                group.addTask {
                    try await inParallel(orderCount, width: 64) { index in
                        var random = SeededGenerator(seed: seed &+ UInt64(index))
                        let debit = Int64.random(in: 1...Int64(accountCount), using: &random)
                        let other = Int64.random(in: 1...Int64(accountCount + 2), using: &random)
                        let credit = other > Int64(accountCount) ? hot : other
                        guard debit != credit else { return }
                        do {
                            try await ledger.transfer(order(debit, credit, .random(in: 1...4_000, using: &random)))
                            executed.add(true)
                        } catch let error as LedgerError where error.code == "ledger_insufficient_funds" {}
                    }
                }
                try await group.waitForAll()
            }
            #expect(problems.all == [])
            #expect(executed.count > orderCount / 10)
            #expect(try await ledger.verify().isEmpty)
            #expect(try await deadlockCount(database) == 0)
            let orders = try await database.one("select count(*) from virements", as: Int64.self)
            #expect(orders == Int64(executed.count))
        }
    }

    @Test func `concurrent twins of an order are executed once and answered alike`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let answers = Tally<(Int, LedgerEntry)>()
            try await inParallel(240, width: 48) { index in
                let number = index % 30
                // The whole balance: a twin that is not recognised finds nothing left. Both directions of ids.
                let (debit, credit): (Int64, Int64) = number % 2 == 0 ? (Int64(number % 10 + 1), 20) : (20, 11)
                let minor: Int64 = number % 2 == 0 ? 3_000 : 1
                let entry = try await ledger.transfer(order(debit, credit, minor, "twin \(number)"))
                answers.add((number, entry))
            }
            for (number, pairs) in Dictionary(grouping: answers.all, by: \.0) {
                let entries = pairs.map(\.1)
                #expect(Set(entries.map(\.operation)).count == 1, "\(number)")
                #expect(entries.filter { !$0.isReplay }.count == 1, "\(number)")
                #expect(Set(entries.map(\.balanceAfterMinor)).count == 1, "\(number)")
            }
            #expect(try await database.one("select count(*) from virements", as: Int64.self) == 30)
            #expect(try await ledger.verify().isEmpty)
            #expect(try await deadlockCount(database) == 0)
        }
    }

    @Test func `one key for two different orders at once lets one of them through`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            for round in 0..<20 {
                let outcomes = Tally<Bool>()
                try await inParallel(6, width: 6) { index in
                    do {
                        try await ledger.transfer(order(1, Int64(index + 2), 5, "shared \(round)"))
                        outcomes.add(true)
                    } catch let error as LedgerError where error.code == "ledger_key_reused" {
                        outcomes.add(false)
                    }
                }
                #expect(outcomes.all.filter { $0 }.count == 1)
            }
            #expect(try await ledger.verify().isEmpty)
        }
    }

    @Test func `rules over several rows hold when two callers see the same room`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            // All channels together: each order alone would fit.
            try await ledger.setLimit(of: AccountID(1), channel: "*", minor: 1_000)
            // A card's ceiling is a sum over its holds.
            try await database.run("insert into cartes (id, compte_id, plafond_minor) values (7, 2, 1000)")
            try await inParallel(40, width: 40) { index in
                do {
                    if index % 2 == 0 {
                        var wanted = order(1, 3, 400)
                        wanted.channel = "channel \(index % 4)"
                        try await ledger.transfer(wanted)
                    } else {
                        _ = try await ledger.hold(euros(400), on: AccountID(2), key: .random(), card: 7)
                    }
                } catch let error as LedgerError where error.code == "ledger_limit_exceeded" {}
            }
            #expect(try await ledger.balance(of: AccountID(1)) == startMinor - 800)
            let held = try await database.one("select reserve_minor from comptes where id = 2", as: Int64.self)
            #expect(held == 800)
            #expect(try await ledger.verify().isEmpty)
        }
    }

    @Test func `a day closes between bookings, never in the middle of one`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let hot = try await ledger.hotAccount("storm").rawValue
            let refused = Tally<Bool>()
            let day = try await withThrowingTaskGroup(of: LedgerDay?.self) { group in
                group.addTask {
                    try await inParallel(300, width: 32) { index in
                        do {
                            try await ledger.transfer(order(Int64(index % 20 + 1), hot, 1))
                        } catch let error as LedgerError where error.code == "ledger_day_closed" {
                            refused.add(true)
                        }
                    }
                    return nil
                }
                group.addTask {
                    try await Task.sleep(for: .milliseconds(40))
                    return try await ledger.closeDay()
                }
                var closed: LedgerDay?
                for try await day in group { closed = day ?? closed }
                return closed
            }
            #expect(day != nil)
            let late = try await database.one(
                "select count(*) from transactions t join journees j on j.jour = t.date_comptable where t.booked_at > j.close_le",
                as: Int64.self)
            #expect(late == 0)
            let rolledUp = try await database.one("select solde_minor from comptes where chaud", as: Int64.self)
            #expect(rolledUp == Int64(300 - refused.count))
            #expect(try await ledger.verify().isEmpty)
        }
    }
}
