/// What the desk stopped, kind by kind.
public struct StoppedFraud: Sendable {
    public struct Line: Sendable {
        public let kind: FraudKind
        public let payments: Int
        public let minor: Int64
        /// Parts of number and value that were stopped.
        public let stopped: Double
        public let stoppedValue: Double
    }

    public let lines: [Line]
    public let genuine: Int
    /// Genuine payments that were asked about, held or refused, of a thousand.
    public let falsePerMille: Double
    public let heldPerMille: Double

    /// - Parameters:
    ///   - rows: payments that the model has not seen.
    ///   - bench: model and rules that judge them.
    public init(_ table: TransactionTable, _ features: FeatureTable, rows: Range<Int>, bench: Bench) {
        var settings = FraudSettings()
        settings.controlPerMille = 0
        let judge = Judge(bench: bench, settings: settings)
        let policy = bench.champion?.scorer.model.policy ?? DecisionPolicy()
        var counts: [UInt8: (payments: Int, minor: Int64, stopped: Double, value: Double)] = [:]
        var (genuine, asked, held) = (0, 0, 0)
        for row in rows {
            let opinion = judge.opinion(
                Array(features.picking([row]).values), minor: table.minor[row], lists: [], isDrawn: { false })
            guard let kind = FraudKind(rawValue: table.scenario[row]) else {
                genuine += 1
                if opinion.verdict != .allow { asked += 1 }
                if opinion.verdict >= .review { held += 1 }
                continue
            }
            let part = kind.stopped(by: opinion.verdict, policy)
            var known = counts[kind.rawValue] ?? (0, 0, 0, 0)
            known.payments += 1
            known.minor += table.minor[row]
            known.stopped += part
            known.value += part * Double(table.minor[row])
            counts[kind.rawValue] = known
        }
        lines = FraudKind.allCases.compactMap { kind in
            counts[kind.rawValue].map {
                Line(
                    kind: kind, payments: $0.payments, minor: $0.minor, stopped: $0.stopped / Double($0.payments),
                    stoppedValue: $0.value / Double(max($0.minor, 1)))
            }
        }
        self.genuine = genuine
        falsePerMille = Double(asked) * 1_000 / Double(max(genuine, 1))
        heldPerMille = Double(held) * 1_000 / Double(max(genuine, 1))
    }

    public var valueStopped: Double {
        // What passes through a mule's account was stolen, and counted, before.
        let lines = lines.filter { $0.kind != .mule }
        let all = lines.reduce(0.0) { $0 + Double($1.minor) }
        return all == 0 ? 0 : lines.reduce(0.0) { $0 + $1.stoppedValue * Double($1.minor) } / all
    }
}
