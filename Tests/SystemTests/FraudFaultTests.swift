import Foundation
import Postgres
import TestSupport
import Testing

@testable import PostgresServer

/// A server that dies in the middle of scoring.
@Suite(.serialized) struct FraudFaultTests {
    /// Payments that are scored; 10,000 in the long rounds.
    private static let count = isLongRun ? 10_000 : 600
    private static let lot = 50

    private static func body(_ numbers: Range<Int>, _ seed: Int) -> String {
        let payments = numbers.map { number in
            "{\"payment\":\(seed + number),\"key\":\"f\(seed)-\(number)\",\"time_us\":\(1_700_000_000_000_000 + number * 60_000_000),"
                + "\"amount_minor\":\(100 + number % 977 * 13),\"entities\":{\"customer\":\(number % 23),\"terminal\":\(number % 41)}}"
        }
        return "[" + payments.joined(separator: ",") + "]"
    }

    @Test("after kill -9 under scored payments the features are those that the batch engine computes")
    func killed() async throws {
        try await ServedBank.run { bank in
            let seed = Int.random(in: 1...1_000_000) * 100_000
            let lots = stride(from: 0, to: Self.count, by: Self.lot).map { $0..<min($0 + Self.lot, Self.count) }
            let next = Counter()
            async let sent: Void = withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        while let lot = next.take(lots.count).map({ lots[$0] }) {
                            try await Self.send(bank, Self.body(lot, seed))
                        }
                    }
                }
                try await group.waitForAll()
            }
            for _ in 0..<3 {
                try await Task.sleep(for: .milliseconds(Int.random(in: 100...600)))
                bank.kill(SIGKILL)
                try await bank.start()
            }
            try await sent
            let feedback = try await bank.request(
                "POST", "/fraud/v1/feedback", body: "{\"payment\":\(seed + 5),\"fraud\":true}")
            #expect(feedback.status == 200, "\(feedback)")
            let database = Database(bank.cluster.configuration(database: "digitalbank_restored"))
            let kept = try await database.one("select count(*) from fraud.decisions", as: Int.self)
            // Whoever served once leaves no way for clients around the desk, not even in the database itself.
            let refusal = await #expect(throws: PostgresError.self) {
                try await database.transaction { tx in
                    try await tx.run("select set_config('role', 'authenticated', true)")
                    try await tx.run("select virer(1, 2, 1, 'past the desk')")
                }
            }
            #expect(refusal?.sqlState == "42501" && refusal?.serverHint?.contains("/bank/v1/transfers") == true)
            await database.close()
            #expect(kept == Self.count)
            // Decisions that came too late for their features are made up for within seconds.
            var audit = try await Program.run("fraud", "audit", "--data-dir", bank.data)
            for _ in 0..<20 where audit.status != 0 {
                try await Task.sleep(for: .seconds(2))
                audit = try await Program.run("fraud", "audit", "--data-dir", bank.data)
            }
            #expect(audit.status == 0, "\(audit.output) \(audit.error)")
        }
    }

    /// Until there is an answer: a lot that was lost is sent again with the same keys.
    private static func send(_ bank: ServedBank, _ body: String) async throws {
        for _ in 0..<1_000 {
            let answer = try? await bank.request("POST", "/fraud/v1/score", body: body)
            if let answer, answer.status == 200 { return }
            if let answer, answer.status != 0, answer.status != 503 {
                throw ServedBank.Failure(words: "\(answer)")
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw ServedBank.Failure(words: "a lot was never answered")
    }
}

/// Gives each number once.
private final class Counter: @unchecked Sendable {
    // SAFETY: `value` is touched below the lock only.
    private let lock = NSLock()
    private var value = 0

    func take(_ max: Int) -> Int? {
        lock.withLock {
            guard value < max else { return nil }
            defer { value += 1 }
            return value
        }
    }
}
