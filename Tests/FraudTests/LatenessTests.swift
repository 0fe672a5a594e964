import Foundation
import Migrations
import Postgres
import Synchronization
import TestSupport
import Testing

@testable import Fraud

/// Decisions whose time runs out at any moment of their flights: while features are held, while a savepoint is undone, while
/// the last statement ends. None may hang, and no connection may stay in an aborted transaction.
@Suite struct LatenessTests {
    private final class Tally: Sendable {
        let counts = Mutex<[String: Int]>([:])
        func add(_ name: String) { counts.withLock { $0[name, default: 0] += 1 } }
        var all: [String: Int] { counts.withLock { $0 } }
    }

    /// Waits for each answer at most so long: the machine may be busy, a connection that hangs never answers.
    private static let hungAfter: Duration = .seconds(120)

    @Test("time-outs at random moments leave no decision hanging and no connection in an aborted transaction")
    func storm() async throws {
        let environment = ProcessInfo.processInfo.environment
        let isLong = environment["DIGITALBANK_LONG"] == "1"
        let rounds = environment["LATENESS_ROUNDS"].flatMap(Int.init) ?? (isLong ? 4_000 : 40)
        let plan = try FeaturePlan(Handbook.definition(), set: "bank")
        try await withTestDatabase(fraudTemplate) { database in
            let desks = [1, 2, 3, 5, 8, 13, 21, 60_000].map { milliseconds in
                var settings = FraudSettings()
                settings.decisionMax = .milliseconds(milliseconds)
                settings.answerMax = .seconds(600)
                return FraudDesk(database: database, plan: plan, trusted: [], settings: settings)
            }
            let tally = Tally()
            var kept = 0
            for round in 0..<rounds {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for caller in 0..<16 {
                        group.addTask { try await Self.decide(desks, round * 16 + caller, tally) }
                    }
                    // Somebody holds a state now and then, so that others wait for it until their time is over.
                    group.addTask {
                        try? await database.transaction { tx in
                            try await tx.run(
                                """
                                select 1 from fraud.etats where entite = 'customer' and cle = \(Int64(round % 4))
                                for update
                                """)
                            try await tx.run("select pg_sleep(\(Double(round % 7) / 400)::float8)")
                        }
                    }
                    group.addTask {
                        try await Task.sleep(for: Self.hungAfter)
                        let state = try await Self.states(database)
                        Issue.record("round \(round) hangs: \(state)")
                        throw CancellationError()
                    }
                    for _ in 0..<17 { try await group.next() }
                    group.cancelAll()
                }
                kept += 16
            }
            // All connections answer, and none is left in a transaction.
            for _ in 0..<3_000 where try await Self.left(database) > 0 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(try await Self.left(database) == 0)
            try await withThrowingTaskGroup(of: Int64.self) { group in
                for _ in 0..<32 { group.addTask { try await database.one("select 7::bigint", as: Int64.self) } }
                for try await answer in group { #expect(answer == 7) }
            }
            let decided = try await database.one("select count(*) from fraud.decisions", as: Int64.self)
            let counts = tally.all
            #expect(decided == Int64(counts["decided", default: 0]), "\(counts)")
            #expect(counts["decided", default: 0] + counts["refused", default: 0] == kept, "\(counts)")
            // A connection of which nobody knows where it stands is given up; the payment fails, and is kept nowhere.
            #expect(counts["refused", default: 0] == counts["connectionLost ", default: 0], "\(counts)")
            #expect(counts["refused", default: 0] * 100 <= kept, "\(counts)")
            if isLong || rounds > 40 { print("\(counts)") }
            while try await desks[7].catchUp() > 0 {}
            #expect(try await desks[7].audit().isEmpty)
        }
    }

    private static func decide(_ desks: [FraudDesk], _ number: Int, _ tally: Tally) async throws {
        var generator = SplitMix(state: UInt64(number))
        let desk = desks[Int(generator.next() % UInt64(desks.count))]
        var request = PaymentRequest(
            payment: Int64(number + 1), key: "p\(number)", time: Span.day * 20_000 + Int64(number) * Span.second,
            minor: Int64(generator.next() % 50_000),
            entities: ["customer": Int64(generator.next() % 4), "terminal": Int64(generator.next() % 4)])
        request.context = ["device": Int64(generator.next() % 3), "address": Int64(generator.next() % 3)]
        do {
            let decision = try await desk.decide(request)
            tally.add("decided")
            if let fallback = decision.fallback { tally.add(fallback.rawValue) }
        } catch let error as PostgresError {
            tally.add("refused")
            tally.add("\(error.kind) \(error.sqlState ?? "")")
        }
    }

    private static func left(_ database: Database) async throws -> Int64 {
        try await database.one(
            """
            select count(*) from pg_stat_activity
            where datname = current_database() and state like 'idle in transaction%'
            """, as: Int64.self)
    }

    private static func states(_ database: Database) async throws -> String {
        try await database.one(
            """
            select coalesce(
                string_agg(pid || ' ' || state || ' ' || coalesce(wait_event, '-') || ' ' || left(query, 80), ' | '), '')
            from pg_stat_activity where datname = current_database()
            """, as: String.self)
    }
}
