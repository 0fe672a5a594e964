/// Kinds of fraud that are put among a simulated bank's payments.
public enum FraudKind: UInt8, Sendable, CaseIterable {
    /// Written into the bank's books by whoever broke in.
    case forged = 1
    /// A stranger in the client's session empties the account to a payee that is new.
    case takeover
    /// A merchant's terminal copies cards: its payments of two weeks are frauds of usual amounts.
    case terminal
    /// A stolen card: a burst of payments far above the habit.
    case card
    /// Many cards are tried with small amounts at one merchant.
    case testing
    /// The client is talked into a transfer and proves it: only a review helps.
    case scam

    public var names: (french: String, english: String) {
        switch self {
        case .forged: ("virement forgé", "forged transfer")
        case .takeover: ("prise de contrôle du compte", "account takeover")
        case .terminal: ("terminal compromis", "compromised terminal")
        case .card: ("carte volée", "stolen card")
        case .testing: ("test de cartes", "card testing")
        case .scam: ("escroquerie au virement", "authorised transfer scam")
        }
    }

    /// Part of such frauds that a verdict stops.
    func stopped(by verdict: Verdict, _ policy: DecisionPolicy) -> Double {
        switch verdict {
        case .allow: 0
        case .stepUp: self == .scam ? 0 : policy.stepUpStops
        case .review: self == .scam ? 0.5 : policy.reviewStops
        case .block: 1
        }
    }
}

/// Genuine payments with frauds of every kind among them; the same seed gives the same frauds.
public struct SimulatedFraud: Sendable {
    /// In the order of time, the kind as the scenario.
    public private(set) var table = TransactionTable()

    private struct Draft {
        var time: Int64
        var customer: Int64
        var terminal: Int64
        var minor: Int64
        var kind: UInt8
    }

    /// - Parameter genuine: payments in the order of time; those of kind `forged` are frauds already.
    public init(genuine: TransactionTable, seed: UInt64) throws(FraudError) {
        guard genuine.count > 1_000, let first = genuine.time.first, let last = genuine.time.last else {
            throw FraudError.data("the simulated bank", "it has too few payments")
        }
        var generator = SplitMix(state: seed)
        var drafts = genuine.id.indices.map { row in
            Draft(
                time: genuine.time[row], customer: genuine.customer[row], terminal: genuine.terminal[row],
                minor: genuine.minor[row], kind: genuine.isFraud[row] ? FraudKind.forged.rawValue : 0)
        }
        let usual = Self.usual(genuine)
        let accounts = usual.keys.sorted()
        let cards = genuine.terminal
        func pick(_ generator: inout SplitMix, _ count: Int) -> Int { Int(generator.next() % UInt64(max(count, 1))) }
        func mule(_ generator: inout SplitMix) -> Int64 { .max - 1_000 + Int64(pick(&generator, 40)) }
        // About one client of two thousand a day meets one of the kinds.
        let episodes = max(1, accounts.count / 2_000 + 1)
        for day in 0..<Int((last - first) / Span.day) {
            let start = first + Int64(day) * Span.day
            for _ in 0..<episodes {
                let account = accounts[pick(&generator, accounts.count)]
                let habit = usual[account] ?? 3_000
                let hour = start + Int64(pick(&generator, 24)) * Span.hour
                let payee = mule(&generator)
                for step in 0..<Int64(3 + pick(&generator, 5)) {
                    drafts.append(
                        Draft(
                            time: hour + step * 7 * 60 * Span.second, customer: account, terminal: payee,
                            minor: 30_000 + Int64(pick(&generator, 270_000)), kind: FraudKind.takeover.rawValue))
                }
                let thief = accounts[pick(&generator, accounts.count)]
                for step in 0..<Int64(4 + pick(&generator, 8)) {
                    drafts.append(
                        Draft(
                            time: hour + step * 9 * 60 * Span.second, customer: thief,
                            terminal: cards[pick(&generator, cards.count)],
                            minor: (usual[thief] ?? 3_000) * Int64(3 + pick(&generator, 3)),
                            kind: FraudKind.card.rawValue))
                }
                drafts.append(
                    Draft(
                        time: start + Int64(9 + pick(&generator, 9)) * Span.hour,
                        customer: accounts[pick(&generator, accounts.count)], terminal: mule(&generator),
                        minor: max(habit * 10, 80_000 + Int64(pick(&generator, 500_000))), kind: FraudKind.scam.rawValue
                    ))
            }
            if day % 2 == 0 {
                let merchant = cards[pick(&generator, cards.count)]
                for step in 0..<Int64(20) {
                    drafts.append(
                        Draft(
                            time: start + 3 * Span.hour + step * 40 * Span.second,
                            customer: accounts[pick(&generator, accounts.count)], terminal: merchant,
                            minor: 50 + Int64(pick(&generator, 150)), kind: FraudKind.testing.rawValue))
                }
            }
            if day % 4 == 0 {
                let merchant = cards[pick(&generator, cards.count)]
                for step in 0..<Int64(14 * 2) {
                    let victim = accounts[pick(&generator, accounts.count)]
                    drafts.append(
                        Draft(
                            time: start + step * 12 * Span.hour + Int64(pick(&generator, 40_000)) * Span.second,
                            customer: victim, terminal: merchant, minor: max(usual[victim] ?? 3_000, 500),
                            kind: FraudKind.terminal.rawValue))
                }
            }
        }
        let order = drafts.indices.sorted { (drafts[$0].time, $0) < (drafts[$1].time, $1) }
        for (number, index) in order.enumerated() where drafts[index].time <= last {
            let draft = drafts[index]
            table.append(
                id: Int64(number + 1), time: draft.time, customer: draft.customer, terminal: draft.terminal,
                minor: draft.minor, isFraud: draft.kind != 0, scenario: draft.kind)
        }
    }

    /// Each client's mean amount.
    private static func usual(_ table: TransactionTable) -> [Int64: Int64] {
        var sums: [Int64: (sum: Int64, count: Int64)] = [:]
        for row in table.id.indices {
            let known = sums[table.customer[row]] ?? (0, 0)
            sums[table.customer[row]] = (known.sum + min(table.minor[row], 20_000), known.count + 1)
        }
        return sums.mapValues { max($0.sum / max($0.count, 1), 500) }
    }
}

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
                Array(features.picking([row]).values), payment: table.id[row], minor: table.minor[row], lists: [])
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
        let all = lines.reduce(0.0) { $0 + Double($1.minor) }
        return all == 0 ? 0 : lines.reduce(0.0) { $0 + $1.stoppedValue * Double($1.minor) } / all
    }
}
