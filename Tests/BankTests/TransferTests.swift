import Bank
import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct TransferTests {
    @Test func `a transfer moves money once and says what is left`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let first = try await ledger.transfer(order(1, 2, 2_500, "rent"))
            #expect(first.balanceAfterMinor == 7_500)
            #expect(first.number == 2)
            #expect(!first.isReplay)
            #expect(abs(first.bookedAt.timeIntervalSinceNow) < 86_400)
            #expect(try await ledger.balance(of: AccountID(2)) == 12_500)
            #expect(try await ledger.verify().isEmpty)
        }
    }

    @Test func `the same order with the same key is answered, not done again`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let first = try await ledger.transfer(order(1, 2, 10_000, "all"))
            let second = try await ledger.transfer(order(1, 2, 10_000, "all"))
            #expect(second.isReplay)
            #expect(second.operation == first.operation && second.order == first.order)
            #expect(second.balanceAfterMinor == first.balanceAfterMinor && second.number == first.number)
            #expect(second.bookedAt == first.bookedAt && second.valueDay == first.valueDay)
            #expect(try await ledger.balance(of: AccountID(2)) == 20_000)
            // A frozen account does not change what was answered before.
            try await database.run("update comptes set statut = 'bloque' where id in (1, 2)")
            let third = try await ledger.transfer(order(1, 2, 10_000, "all"))
            #expect(third.isReplay && third.operation == first.operation)
            try await database.run("update comptes set statut = 'clos' where id = 2")
            #expect(try await ledger.transfer(order(1, 2, 10_000, "all")).isReplay)
            #expect(try await ledger.verify().isEmpty)
        }
    }

    @Test func `every refusal names its reason and changes nothing`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            try await ledger.transfer(order(1, 2, 1, "used"))
            try await ledger.setLimit(of: AccountID(3), channel: "api", minor: 100)
            try await database.run("update comptes set statut = 'bloque' where id = 4")
            try await database.run("update comptes set statut = 'clos' where id = 5")
            let client = try await database.one("select client_id::text from comptes where id = 6", as: String.self)
            try await database.run(
                "insert into comptes (id, client_id, type, devise) values (50, \(client)::uuid, 'courant', 'USD')")
            var closedDay = order(1, 2, 1)
            closedDay.businessDay = LedgerDay("2020-01-01")
            var farAway = order(1, 2, 1)
            farAway.valueDay = LedgerDay("2020-01-01")
            let before = try await fingerprint(database)
            let refused: [(TransferOrder, String)] = [
                (order(1, 2, 99_999), "LV001"), (order(2, 1, 10_002), "LV001"), (order(1, 999, 1), "LV002"),
                (order(999, 1, 1), "LV002"), (order(4, 1, 1), "LV003"), (order(5, 1, 1), "LV004"),
                (order(1, 5, 1), "LV004"), (order(6, 50, 1), "LV005"), (order(50, 6, 1), "LV005"),
                (order(3, 1, 101), "LV006"), (order(1, 2, 2, "used"), "LV007"), (order(1, 3, 1, "used"), "LV007"),
                (closedDay, "LV008"), (order(1, 2, 0), "LV009"), (order(1, 2, -5), "LV009"),
                (order(1, 2, .max), "LV009"), (order(1, 1, 1), "LV010"), (farAway, "LV020"),
                (order(1, 2, 1, ""), "LV021"),
                (order(1, 2, 1, String(repeating: "k", count: 201)), "LV021"),
            ]
            for (order, state) in refused {
                let error = await #expect(throws: LedgerError.self) { try await ledger.transfer(order) }
                #expect(error?.sqlState == state, "\(order)")
                #expect(error?.code.hasPrefix("ledger_") == true && error?.hint.isEmpty == false)
            }
            #expect(try await fingerprint(database) == before)
        }
    }

    @Test func `other isolation levels are refused, and a refused transfer leaves the connection usable`() async throws
    {
        try await withTestDatabase(ledgerBank) { database in
            let error = await #expect(throws: LedgerError.self) {
                try await database.transaction(isolation: .serializable) { tx in
                    try await LedgerStore(tx).transfer(order(1, 2, 1))
                }
            }
            #expect(error?.code == "ledger_isolation")
            for _ in 0..<50 {
                await #expect(throws: LedgerError.self) {
                    try await LedgerStore(database).transfer(order(1, 2, 99_999))
                }
                let one = try await database.one("select 1", as: Int.self)
                #expect(one == 1)
            }
        }
    }

    @Test func `limits count by channel and for all channels together, and begin anew each day`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            try await database.run("insert into plafonds_par_defaut values ('mobile', 300)")
            try await ledger.setLimit(of: AccountID(1), channel: "*", minor: 500)
            func pay(_ minor: Int64, by channel: String) async throws {
                var wanted = order(1, 2, minor)
                wanted.channel = channel
                _ = try await ledger.transfer(wanted)
            }
            try await pay(300, by: "mobile")
            await #expect(throws: LedgerError.self) { try await pay(1, by: "mobile") }
            try await pay(200, by: "api")
            await #expect(throws: LedgerError.self) { try await pay(1, by: "api") }
            let day = try await ledger.closeDay()
            await #expect(throws: LedgerError.self) { try await pay(1, by: "api") }
            try await database.run("select ouvrir_journee(\(day.description)::date + 1)")
            try await pay(1, by: "mobile")
            #expect(try await ledger.verify().isEmpty)
        }
    }

    @Test func `a hot account takes postings without a row of its own`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let hot = try await ledger.hotAccount("cartes")
            #expect(try await ledger.hotAccount("cartes") == hot)
            for payer in 1...10 as ClosedRange<Int64> { try await ledger.transfer(order(payer, hot.rawValue, 100)) }
            let back = try await ledger.transfer(order(hot.rawValue, 1, 30))
            #expect(back.balanceAfterMinor == nil)
            #expect(try await ledger.balance(of: hot) == 970)
            let stored: Statement = "select solde_minor from comptes where id = \(hot.rawValue)"
            #expect(try await database.one(stored, as: Int64.self) == 0)
            #expect(try await ledger.verify().isEmpty)
            try await database.run("select consolider_comptes_chauds()")
            #expect(try await database.one(stored, as: Int64.self) == 970)
            #expect(try await ledger.balance(of: hot) == 970)
            try await ledger.transfer(order(2, hot.rawValue, 5))
            #expect(try await ledger.statement(of: hot).last?.balanceAfterMinor == 975)
            #expect(try await ledger.verify().isEmpty)
        }
    }

    @Test func `a statement is read page by page, forwards and back`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            for minor in 1...24 as ClosedRange<Int64> { try await ledger.transfer(order(1, 2, minor)) }
            var lines: [StatementLine] = []
            while true {
                let page = try await ledger.statement(of: AccountID(1), after: lines.last?.number, size: 7)
                if page.isEmpty { break }
                lines += page
            }
            #expect(lines.map(\.number) == Array(1...25))
            #expect(lines.dropFirst().map(\.amountMinor) == (1...24).map { -$0 })
            var balance: Int64 = 0
            for line in lines {
                balance += line.amountMinor
                #expect(line.balanceAfterMinor == balance)
            }
            let newest = try await ledger.statement(of: AccountID(1), size: 5, newestFirst: true)
            #expect(newest.map(\.number) == [25, 24, 23, 22, 21])
            let before = try await ledger.statement(of: AccountID(1), after: 21, size: 3, newestFirst: true)
            #expect(before.map(\.number) == [20, 19, 18])
            #expect(try await ledger.statement(of: AccountID(1), size: 100_000).count == 25)
        }
    }
}
