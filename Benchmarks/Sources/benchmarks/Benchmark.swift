/// One comparison: a yardstick and ours, in turns on one machine. Each lives in a file of its own and is listed in
/// `Benchmarks.all`.
protocol Benchmark: Sendable {
    /// What `swift run benchmarks NAME` takes.
    var name: String { get }
    /// The heading of its section in docs/benchmarks.md, and what is compared.
    var title: String { get }
    var explanation: String { get }
    func run(_ context: Context) async throws -> [Row]
    /// How often and how long each side was measured, in words.
    func rounds(_ context: Context) -> String
}

extension Benchmark {
    func rounds(_ context: Context) -> String { "\(context.rounds) rounds of \(context.seconds) s" }
}

/// One line of a table.
struct Row: Sendable {
    let what: String
    /// Work per second, or whatever `unit` says; one value a round.
    let values: [Double]
    let unit: String
    /// Ours by the yardstick's, round by round; empty for the yardstick itself.
    var ratios: [Double] = []
    /// What the ratio has to reach (or, for times, not to pass).
    var bar: Bar?

    enum Bar: Sendable {
        case atLeast(Double)
        case atMost(Double)
    }

    /// Something beside the ratio that did not hold.
    var failure: String?

    var isMet: Bool? {
        if failure != nil { return false }
        guard let ratio = ratios.median else { return nil }
        return switch bar {
        case .atLeast(let least): ratio >= least
        case .atMost(let most): ratio <= most
        case nil: nil
        }
    }
}

extension [Double] {
    var median: Double? {
        guard !isEmpty else { return nil }
        let ordered = sorted()
        return count % 2 == 1 ? ordered[count / 2] : (ordered[count / 2 - 1] + ordered[count / 2]) / 2
    }
}

enum Benchmarks {
    static let all: [any Benchmark] = [
        PointReads(), SingleTransfers(), BatchTransfers(), HotAccount(), SalvageRead(), Recovery(), ApiReads(),
        ApiWrites(), ApiTransfers(), ApiSockets(), FraudScore(), FraudDecide(), FraudPayments(), DetectionSpeed(),
        DetectionScores(),
        DetectionResponse(), DetectionLoginSpeed(), DetectionGuardCost(), AutomationDeliveries(), AutomationOutbox(),
    ]
}

struct BenchmarkError: Error, CustomStringConvertible {
    let description: String
}
