import Foundation
import Postgres
import PostgresServer
import Synchronization
import TestSupport
import Testing

/// Everything at once: statements, flights, transactions, streams, copies, cancelled tasks and killed backends on one
/// small pool. Every call must end, what was acknowledged must be there once, what was refused must not.
@Suite struct `Storms` {
    @Test func `a pool under cancels and killed backends loses nothing it acknowledged and hangs nowhere`() async throws
    {
        let seed = UInt64.random(in: .min ... .max)
        let rounds = isLongRun ? 400 : 40
        let adjust: (inout DatabaseConfiguration.Limits) -> Void = {
            $0.reconnectPauseMin = .milliseconds(1)
            $0.reconnectPauseMax = .milliseconds(20)
            $0.preparedStatementsMax = 4
        }
        try await withTestDatabase(connectionsMax: 5, adjust: adjust) { database in
            try await database.run("create table marks (id bigint primary key)")
            let outcomes = Outcomes()
            try await withTestDatabase(sameAs: database) { assassin in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for worker in 0..<16 {
                        group.addTask {
                            var generator = Splitter(state: seed &+ UInt64(worker))
                            for round in 0..<rounds {
                                let id = Int64(worker * rounds + round)
                                let outcome = await attempt(id, on: database, using: &generator)
                                _ = outcomes.byID.withLock { $0.updateValue(outcome, forKey: id) }
                            }
                        }
                    }
                    let killer = Task {
                        // Ends when the workers have.
                        while !Task.isCancelled {
                            try? await Task.sleep(for: .milliseconds(30))
                            _ = try? await assassin.run(
                                """
                                select pg_terminate_backend(pid) from pg_stat_activity
                                where datname = current_database() and pid <> pg_backend_pid()
                                order by random() limit 1
                                """)
                        }
                    }
                    try await group.waitForAll()
                    killer.cancel()
                    await killer.value
                }
            }
            // The last backends that were told to go may not have gone yet.
            try await expectEventually { (try? await database.run("select 1")) != nil }
            let kept = try await withTestDatabase(sameAs: database) { fresh in
                Set(try await fresh.all("select id from marks", as: Int64.self))
            }
            let all = outcomes.byID.withLock { $0 }
            #expect(all.count == 16 * rounds)
            for (id, outcome) in all {
                if let isDone = outcome { #expect(kept.contains(id) == isDone, "id \(id), seed \(seed)") }
            }
            #expect(all.values.contains { $0 == true } && all.values.contains { $0 != true }, "seed \(seed)")
            // Everything that was lent is back.
            try await expectEventually {
                (try? await database.pipeline(Array(repeating: "select 1", count: 5))) != nil
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<50 {
                    group.addTask { try await settledTransaction(on: database) }
                }
                try await group.waitForAll()
            }
        }
    }
}

/// A transaction that goes through, though a backend that was told to go may still be met: each at most once.
private func settledTransaction(on database: Database) async throws {
    for _ in 0..<10 {
        do {
            _ = try await database.transaction { try await $0.run("select 1") }
            return
        } catch let error as PostgresError where error.kind == .connectionLost {
            continue
        }
    }
    _ = try await database.transaction { try await $0.run("select 1") }
}

private final class Outcomes: Sendable {
    let byID = Mutex<[Int64: Bool?]>([:])
}

/// True when the mark was acknowledged, false when it was surely refused, nil when nobody can know.
private func attempt(_ id: Int64, on database: Database, using generator: inout Splitter) async -> Bool? {
    struct Undone: Error {}
    let kind = Int.random(in: 0..<8, using: &generator)
    let patience = UInt64.random(in: 0...15, using: &generator)
    let isImpatient = Int.random(in: 0..<3, using: &generator) == 0
    let work = Task {
        switch kind {
        case 0: try await database.run("insert into marks values (\(id))")
        case 1: _ = try await database.pipeline(["select pg_sleep(0.003)", "insert into marks values (\(id))"])
        case 2: _ = try await database.pipeline(["insert into marks values (\(id))", "select 1 / 0"])
        case 3:
            try await database.transaction { tx in
                try await tx.run("insert into marks values (\(id))")
                throw Undone()
            }
        case 4:
            try await database.transaction { tx in
                try await tx.run("insert into marks values (\(id))")
                for try await row in tx.connection.rows("select generate_series(1, 5000)") {
                    if try row.decode(0, as: Int.self) == 700 { break }
                }
            }
        case 5:
            _ = try await database.withConnection { connection in
                try await connection.copyIn("copy marks from stdin") { try $0.write(Array("\(id)\n".utf8)) }
            }
        case 6:
            try await database.withConnection { connection in
                try await connection.run("set statement_timeout = '1h'")
                try await connection.transaction { tx in
                    try await tx.savepoint { try await $0.run("insert into marks values (\(id))") }
                }
            }
        default: try await database.run(Statement(unchecked: "insert into marks values (\(id)) -- \(id)"))
        }
    }
    if isImpatient {
        try? await Task.sleep(for: .milliseconds(patience))
        work.cancel()
    }
    do {
        try await work.value
        return true
    } catch let error as PostgresError {
        return switch error.kind {
        case .server, .poolExhausted, .connect, .misuse, .statementTimeout: false
        default: nil
        }
    } catch {
        return error is Undone ? false : nil
    }
}

private struct Splitter: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
