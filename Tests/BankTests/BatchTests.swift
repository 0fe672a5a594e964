import Bank
import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct BatchTests {
    /// Random orders, among them impossible ones, repeated keys and changed ones.
    static func orders(_ count: Int, hot: Int64, using random: inout SeededGenerator) -> [TransferOrder] {
        var orders: [TransferOrder] = []
        for index in 0..<count {
            if index > 2, Int.random(in: 0..<12, using: &random) == 0 {
                var repeated = orders[Int.random(in: 0..<orders.count, using: &random)]
                if Bool.random(using: &random) { repeated.amount = euros(repeated.amount.minor + 1) }
                orders.append(repeated)
                continue
            }
            // Few accounts, so that each meets its limit within the batch; 21 is frozen, 22 closed, 23 in dollars.
            let choices: [Int64] = [1, 2, 3, 4, 5, hot, 21, 22, 23, 999]
            let weights = [8, 8, 8, 8, 8, 4, 1, 1, 1, 1]
            func account() -> Int64 {
                var place = Int.random(in: 0..<weights.reduce(0, +), using: &random)
                for (choice, weight) in zip(choices, weights) {
                    if place < weight { return choice }
                    place -= weight
                }
                return 1
            }
            orders.append(
                order(account(), account(), .random(in: -1...5_000, using: &random), "key \(index)"))
        }
        return orders
    }

    private static func prepare(_ database: Database) async throws -> Int64 {
        let ledger = LedgerStore(database)
        try await database.run(
            """
            insert into comptes (id, client_id, type, devise, statut)
            select n, client_id, 'courant', case n when 23 then 'USD' else 'EUR' end,
                case n when 21 then 'bloque' when 22 then 'clos' else 'actif' end
            from comptes, generate_series(21, 23) n where id = 1
            """)
        try await ledger.setLimit(of: AccountID(2), channel: "lot", minor: 6_000)
        return try await ledger.hotAccount("lot").rawValue
    }

    @Test func `a batch does what the same orders do one by one`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        for round in 0..<(isLongRun ? 60 : 4) {
            var random = SeededGenerator(seed: seed &+ UInt64(round))
            let count = Int.random(in: 1...90, using: &random)
            let (wanted, singles) = try await withTestDatabase(ledgerBank) { database in
                let hot = try await Self.prepare(database)
                var random = SeededGenerator(seed: seed &+ UInt64(round) &+ 1000)
                let orders = Self.orders(count, hot: hot, using: &random)
                var outcomes: [String] = []
                for var single in orders {
                    single.channel = "lot"
                    do {
                        let entry = try await LedgerStore(database).transfer(single)
                        outcomes.append(Self.words(entry.number, entry.balanceAfterMinor, entry.isReplay))
                    } catch is LedgerError { outcomes.append("refused") }
                }
                return (outcomes, try await Self.balances(database))
            }
            let (got, batch) = try await withTestDatabase(ledgerBank) { database in
                let hot = try await Self.prepare(database)
                var random = SeededGenerator(seed: seed &+ UInt64(round) &+ 1000)
                let orders = Self.orders(count, hot: hot, using: &random)
                let items = try await LedgerStore(database).transfer(batch: orders, mode: .continue)
                let outcomes = items.map { item in
                    switch item.outcome {
                    case .executed(_, _, let number, let balance, let isReplay): Self.words(number, balance, isReplay)
                    case .refused: "refused"
                    }
                }
                #expect(items.map(\.key) == orders.map(\.key))
                let balances = try await Self.balances(database)
                #expect(try await LedgerStore(database).verify().isEmpty)
                // The whole batch again changes nothing.
                let before = try await fingerprint(database)
                let again = try await LedgerStore(database).transfer(batch: orders, mode: .continue)
                for (first, second) in zip(items, again) {
                    guard case .executed(let one, _, _, _, _) = first.outcome else { continue }
                    guard case .executed(let other, _, _, _, let isReplay) = second.outcome else {
                        Issue.record("a replay was refused")
                        continue
                    }
                    #expect(one == other && isReplay)
                }
                if items.allSatisfy({ if case .executed = $0.outcome { true } else { false } }) {
                    #expect(try await fingerprint(database) == before)
                }
                return (outcomes, balances)
            }
            #expect(got == wanted, "round \(round)")
            #expect(batch == singles, "round \(round)")
        }
    }

    /// A hot account has no balance, and its numbers come from a sequence that refusals move on. Of several reasons for a
    /// refusal either form may name another, so that they are all one here.
    private static func words(_ number: Int64, _ balance: Int64?, _ isReplay: Bool) -> String {
        balance.map { "\(number) \($0) \(isReplay)" } ?? "hot \(isReplay)"
    }

    private static func balances(_ database: Database) async throws -> [String] {
        try await database.all(
            "select id || ' ' || solde_du_compte(id) || ' ' || case when chaud then 0 else dernier_numero end from comptes order by id",
            as: String.self)
    }

    @Test func `all or nothing names every refused order and changes nothing`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            let before = try await fingerprint(database)
            let orders = [order(1, 2, 9_000), order(1, 2, 9_000), order(3, 4, 1), order(5, 5, 1)]
            let error = await #expect(throws: LedgerError.self) {
                try await ledger.transfer(batch: orders, mode: .allOrNothing)
            }
            #expect(error?.code == "ledger_batch_refused")
            #expect(error?.detail?.contains(orders[1].key.rawValue) == true)
            #expect(
                error?.detail?.contains("LV010") == true && error?.detail?.contains(orders[2].key.rawValue) == false)
            #expect(try await fingerprint(database) == before)
            let good = try await ledger.transfer(batch: [orders[0], orders[2]], mode: .allOrNothing)
            #expect(good.count == 2)
            #expect(try await ledger.verify().isEmpty)
        }
    }

    @Test func `batches and single transfers at once keep the ledger and do not deadlock`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        try await withTestDatabase(ledgerBank) { database in
            let ledger = LedgerStore(database)
            try await inParallel(isLongRun ? 600 : 60, width: 16) { index in
                var random = SeededGenerator(seed: seed &+ UInt64(index))
                func draw() -> TransferOrder {
                    let debit = Int64.random(in: 1...20, using: &random)
                    let credit = (debit + .random(in: 0...18, using: &random)) % 20 + 1
                    // Keys are shared between callers: most are another's already.
                    let key = Int.random(in: 0..<2_000, using: &random)
                    return order(debit, credit, .random(in: 1...300, using: &random), "shared \(key)")
                }
                do {
                    if index % 3 == 0 {
                        _ = try await ledger.transfer(draw())
                    } else {
                        _ = try await ledger.transfer(batch: (0..<30).map { _ in draw() }, mode: .continue)
                    }
                } catch let error as LedgerError
                    where ["ledger_insufficient_funds", "ledger_key_reused"].contains(error.code)
                {}
            }
            #expect(try await ledger.verify().isEmpty)
            #expect(try await deadlockCount(database) == 0)
            let total = try await database.one(
                "select sum(solde_minor)::bigint from comptes where client_id is not null", as: Int64.self)
            #expect(total == Int64(accountCount) * startMinor)
        }
    }

    @Test func `orders of many callers travel together and each gets its own answer`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let batcher = TransferBatcher(database, flightsMax: 2, batchMax: 20)
            let answered = Tally<Int>()
            try await inParallel(400, width: 200) { index in
                let debit = Int64(index % 20 + 1)
                // Every fifth asks for more than there is.
                let wanted = order(debit, debit % 20 + 1, index % 5 == 0 ? 1_000_000 : 3, "many \(index)")
                do {
                    guard case .executed(_, _, _, let balance, let isReplay) = try await batcher.transfer(wanted) else {
                        return
                    }
                    #expect(balance != nil && !isReplay)
                    answered.add(index)
                } catch let error as LedgerError {
                    #expect(error.code == "ledger_insufficient_funds" && index % 5 == 0)
                }
            }
            #expect(answered.count == 320)
            let dated = order(1, 2, 1).with { $0.reference = "alone" }
            _ = try await batcher.transfer(dated)
            #expect(try await LedgerStore(database).verify().isEmpty)
            let orders = try await database.one("select count(*) from virements", as: Int.self)
            #expect(orders == 321)
        }
    }

    @Test func `a batch of another size or shape is refused`() async throws {
        try await withTestDatabase(ledgerBank) { database in
            let calls: [Statement] = [
                "select * from virer_lot('{}'::text[], '{}', '{}', '{}')",
                "select * from virer_lot('{a,b}'::text[], '{1,2}', '{2}', '{1,1}')",
                "select * from virer_lot('{a}'::text[], '{1}', '{2}', '{1}', 'peut_etre')",
                "select * from virer_lot('{}'::jsonb)",
                "select * from virer_lot(array_fill('x'::text, array[1001]), array_fill(1::bigint, array[1001]), array_fill(2::bigint, array[1001]), array_fill(1::bigint, array[1001]))",
            ]
            for call in calls {
                let error = await #expect(throws: PostgresError.self) { try await database.run(call) }
                #expect(error?.sqlState == "LV018")
            }
            let rows = try await database.run(
                """
                select statut, code from virer_lot(
                    '[{"cle": "a", "debit": 1, "credit": 2, "montant": 5}, {"cle": "b", "debit": 1, "credit": 1, "montant": 5}]',
                    'continuer')
                """)
            let states = try rows.map { try $0.decode(0, as: String.self) }
            #expect(states == ["execute", "refuse"])
        }
    }
}
