import Bank
import Foundation
import Postgres

/// The yardstick of everything that writes: pgbench's TPC-B, which updates three rows and inserts one.
private func tpcb(_ context: Context) async throws -> Side {
    let name = try await context.yardstick()
    return Side(what: "pgbench TPC-B (-s \(context.scale) -c 8 -M prepared)") {
        try await context.pgbenchRate(name, ["-b", "tpcb-like", "-s", String(context.scale)])
    }
}

private func randomOrder(_ count: Int64, to credit: Int64? = nil) -> TransferOrder {
    let debit = Int64.random(in: 1...count)
    let other = debit % count + 1 + .random(in: 0..<count - 1)
    return TransferOrder(
        debit: AccountID(debit), credit: AccountID(credit ?? (other > count ? other - count : other)),
        amount: Money(minor: .random(in: 1...100), currency: .eur))
}

/// Transfers one by one: idempotent, balanced, with limits looked up and the business day checked.
struct SingleTransfers: Benchmark {
    let name = "transfers"
    let title = "Single transfers"
    let explanation = """
        Each transfer is one call of `virer` and one commit that is flushed to disk: two balances, the order with its
        idempotency key, the operation and two numbered postings.
        """

    func run(_ context: Context) async throws -> [Row] {
        let name = try await context.bank()
        let database = try await context.database(name)
        let count = context.accountCount
        let script = try context.script(
            "virer",
            """
            \\set a random(1, \(count))
            \\set b 1 + (:a + random(0, \(count - 2))) % \(count)
            \\set m random(1, 100)
            select * from virer(:a, :b, :m, gen_random_uuid()::text);
            """)
        let rows = try await context.alternate([
            tpcb(context),
            Side(what: "transfers by our client, 8 callers on 8 connections", bar: .atLeast(1.0)) {
                let ledger = LedgerStore(database)
                return try await context.rate(width: 8) { _ in try await ledger.transfer(randomOrder(count)) }
            },
            Side(what: "the same function called by pgbench -c 8") {
                try await context.pgbenchRate(name, ["-f", script])
            },
            Side(what: "coalesced by our client, 8 connections, 256 callers", bar: .atLeast(5)) {
                let batcher = TransferBatcher(database)
                return try await context.rate(width: 256) { _ in _ = try await batcher.transfer(randomOrder(count)) }
            },
        ])
        try await prove(LedgerStore(database))
        await database.close()
        return rows
    }
}

/// Fifty transfers in one call.
struct BatchTransfers: Benchmark {
    let name = "batches"
    let title = "Batches of 50 transfers"
    let explanation = "Each batch is one call of `virer_lot` and one commit; the rate counts transfers."

    func run(_ context: Context) async throws -> [Row] {
        let name = try await context.bank()
        let database = try await context.database(name)
        let count = context.accountCount
        let ledger = LedgerStore(database)
        let hot = try await ledger.hotAccount("bench").rawValue
        let rows = try await context.alternate([
            tpcb(context),
            Side(what: "batches of 50 by our client, 8 callers", bar: .atLeast(6)) {
                try await 50
                    * context.rate(width: 8) { _ in
                        try await ledger.transfer(batch: (0..<50).map { _ in randomOrder(count) }, mode: .continue)
                    }
            },
            Side(what: "batches of 50 to one hot account") {
                try await 50
                    * context.rate(width: 8) { _ in
                        try await ledger.transfer(
                            batch: (0..<50).map { _ in randomOrder(count, to: hot) }, mode: .continue)
                    }
            },
        ])
        try await prove(ledger)
        await database.close()
        return rows
    }
}

/// Every transfer goes to the same account of the bank's own.
struct HotAccount: Benchmark {
    let name = "hot"
    let title = "Transfers to one hot account"
    let explanation = """
        All callers pay into one account. It has no balance row: its postings are only added, and rolled up when the day
        is closed.
        """

    func run(_ context: Context) async throws -> [Row] {
        let name = try await context.bank()
        let database = try await context.database(name)
        let ledger = LedgerStore(database)
        let count = context.accountCount
        let hot = try await ledger.hotAccount("bench").rawValue
        let rows = try await context.alternate([
            tpcb(context),
            Side(what: "transfers to one hot account by our client, 8 callers", bar: .atLeast(0.8)) {
                try await context.rate(width: 8) { _ in try await ledger.transfer(randomOrder(count, to: hot)) }
            },
        ])
        try await prove(ledger)
        await database.close()
        return rows
    }
}

/// A speed counts only when the ledger is right afterwards.
private func prove(_ ledger: LedgerStore) async throws {
    let findings = try await ledger.verify()
    guard findings.isEmpty else { throw BenchmarkError(description: "the ledger is wrong: \(findings)") }
}
