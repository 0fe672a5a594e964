import Evidence
import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct StormTests {
    /// Writers with pauses, roll-backs, undone savepoints and several entries a transaction, against a sealer that never
    /// rests: each entry that was committed is in exactly one block, whatever the order of ids, numbers and commits.
    @Test(arguments: [8, 16])
    func `concurrent writers lose no entry to the sealer`(writers: Int) async throws {
        try await Bench.run { bench in
            let rounds = isLongRun ? 400 : 40
            let seed = UInt64.random(in: .min ... .max)
            let committed = try await withThrowingTaskGroup(of: Int.self) { group in
                for writer in 0..<writers {
                    group.addTask {
                        try await write(rounds, to: bench.database, as: writer, seed: seed &+ UInt64(writer))
                    }
                }
                let sealing = Task {
                    // Ends when the writers have.
                    while !Task.isCancelled { _ = try? await bench.sealer(rowsMax: 13).seal() }
                }
                let total = try await group.reduce(0, +)
                sealing.cancel()
                await sealing.value
                return total
            }
            try await bench.sealAll(rowsMax: 13)
            let verdict = try await bench.verdict()
            #expect(verdict.isValid, "seed \(seed)\n\(verdict.lines.joined(separator: "\n"))")
            let sealed = try await bench.database.one("select sum(row_count)::int from evidence.blocks", as: Int.self)
            #expect(sealed == committed, "seed \(seed)")
            let counted = try await bench.database.one(
                """
                select count(*) from evidence.entries e
                where (select count(*) from evidence.blocks b
                    where b.cluster = e.cluster and e.xid >= b.first_xid and e.xid < b.end_xid) = 1
                """, as: Int.self)
            #expect(counted == committed, "seed \(seed)")
        }
    }
}

/// Returns the entries that were committed.
private func write(_ rounds: Int, to database: Database, as writer: Int, seed: UInt64) async throws -> Int {
    struct Undone: Error {}
    var generator = SplitMix(state: seed)
    var committed = 0
    for round in 0..<rounds {
        let entries = Int.random(in: 1...4, using: &generator)
        let pauses = (0..<entries).map { _ in UInt64.random(in: 0...4, using: &generator) }
        let isUndone = Int.random(in: 0..<4, using: &generator) == 0
        let undoesPart = Int.random(in: 0..<3, using: &generator) == 0
        do {
            try await database.transaction { tx in
                for pause in pauses {
                    try await EvidenceJournal.append(EvidenceEvent("essai", "\(writer)/\(round)"), in: tx)
                    if pause > 1 { try await Task.sleep(for: .milliseconds(pause)) }
                }
                if undoesPart {
                    _ = try? await tx.savepoint { inner in
                        try await EvidenceJournal.append(EvidenceEvent("essai", "undone"), in: inner)
                        throw Undone()
                    }
                }
                if isUndone { throw Undone() }
            }
            committed += entries
        } catch is Undone {
            continue
        }
    }
    return committed
}

/// A small generator whose seed is printed when a test fails.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
