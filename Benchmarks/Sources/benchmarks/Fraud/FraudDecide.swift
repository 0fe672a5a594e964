import Foundation
import Fraud
import Migrations
import Postgres
import PostgresServer

/// Whole decisions: features read and put back in PostgreSQL, the decision kept, one commit.
struct FraudDecide: Benchmark {
    let name = "fraud-decide"
    let title = "Fraud decisions in PostgreSQL"
    let explanation = """
        `FraudDesk.decide` on a durable cluster: the states of client and terminal are held, 35 columns computed, a model
        trained on the handbook asked, the states put back and the decision kept, in one transaction flushed to disk. 200
        clients with 100 payments each before, 10,000 terminals. The bar is on the last line's 99th percentile.
        """
    private static let bar = 5.0

    func rounds(_ context: Context) -> String { "\(context.rounds) rounds of 2,000 decisions" }

    func run(_ context: Context) async throws -> [Row] {
        let stage = try FraudScore.Stage()
        let cluster = try await context.cluster()
        try await cluster.createDatabase("fraud")
        let database = try await context.database("fraud")
        try await Migrator(database).apply([FraudMigrations.set()])
        let scorer = stage.scorer
        let desk = FraudDesk(
            database: database, plan: scorer.plan, trusted: [], bench: .init(champion: nil))
        try await warm(desk)
        // The registry's number of the model is a foreign key.
        let id = try await database.one(
            """
            insert into fraud.modeles (colonnes, fichier, empreinte, figures) values ('-', '', '-', '{}') returning id
            """, as: Int64.self)
        desk.replace { $0.champion = (id, scorer) }
        var rows: [Row] = []
        for callers in [1, 8] {
            var medians: [Double] = []
            var tails: [Double] = []
            for round in 0..<context.rounds {
                let times = try await measure(
                    desk, callers: callers, from: Int64(100_000 * callers + round * 10_000))
                medians.append(times[times.count / 2])
                tails.append(times[times.count * 99 / 100])
            }
            rows.append(Row(what: "\(callers) callers, median", values: medians, unit: "ms"))
            let tail = tails.median ?? .infinity
            rows.append(
                Row(
                    what: "\(callers) callers, 99th percentile (bar: \(Int(Self.bar)) ms)", values: tails, unit: "ms",
                    failure: tail > Self.bar ? "above the bar" : nil))
        }
        await database.close()
        return rows
    }

    /// A time-out that strikes while the server ends a flight costs the connection: whoever pays asks again with the same
    /// key, and so does this, within the same time.
    private static func decide(_ desk: FraudDesk, _ request: PaymentRequest) async throws {
        do {
            _ = try await desk.decide(request)
        } catch let error as PostgresError where error.kind == .connectionLost {
            say("\(request.key) is asked about again: \(error.message)")
            _ = try await desk.decide(request)
        }
    }

    /// Fills the states of 200 clients.
    private func warm(_ desk: FraudDesk) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<8 as Range<Int64> {
                group.addTask {
                    for step in 0..<2_500 as Range<Int64> {
                        let number = step * 8 + worker
                        try await Self.decide(desk, Self.payment(number, client: number % 200))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Sorted times in milliseconds.
    private func measure(_ desk: FraudDesk, callers: Int, from start: Int64) async throws -> [Double] {
        try await withThrowingTaskGroup(of: [Double].self) { group in
            for worker in 0..<Int64(callers) {
                group.addTask {
                    let clock = ContinuousClock()
                    var times: [Double] = []
                    for step in 0..<Int64(2_000 / callers) {
                        let number = start + step * Int64(callers) + worker
                        let begin = clock.now
                        try await Self.decide(desk, Self.payment(number, client: number % 200))
                        times.append(Double((clock.now - begin).components.attoseconds) / 1e15)
                    }
                    return times
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }.sorted()
        }
    }

    private static func payment(_ number: Int64, client: Int64) -> PaymentRequest {
        PaymentRequest(
            payment: number, key: "b\(number)", time: 1_700_000_000_000_000 + number * 30_000_000,
            minor: 500 + number % 9_973, entities: ["customer": client, "terminal": (number &* 7_919) % 10_000])
    }
}
