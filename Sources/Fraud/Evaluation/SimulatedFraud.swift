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
    /// A client's account through which stolen money passes on within hours. The money was counted where it was stolen.
    case mule

    public var names: (french: String, english: String) {
        switch self {
        case .forged: ("virement forgé", "forged transfer")
        case .takeover: ("prise de contrôle du compte", "account takeover")
        case .terminal: ("terminal compromis", "compromised terminal")
        case .card: ("carte volée", "stolen card")
        case .testing: ("test de cartes", "card testing")
        case .scam: ("escroquerie au virement", "authorised transfer scam")
        case .mule: ("compte de rebond", "mule account")
        }
    }

    /// Part of such frauds that a verdict stops.
    func stopped(by verdict: Verdict, _ policy: DecisionPolicy) -> Double {
        switch verdict {
        case .allow: 0
        case .stepUp: self == .scam || self == .mule ? 0 : policy.stepUpStops
        case .review: self == .scam ? 0.5 : policy.reviewStops
        case .block: 1
        }
    }
}

/// Genuine payments with frauds of every kind among them; the same seed gives the same frauds.
public struct SimulatedFraud: Sendable {
    /// In the order of time, the kind as the scenario.
    public private(set) var table = TransactionTable()

    /// - Parameters:
    ///   - genuine: payments in the order of time; those that are frauds already are of kind `forged`.
    ///   - isCard: whether a row is a payment by card; a table that does not say is taken for cards.
    public init(genuine: TransactionTable, seed: UInt64, isCard: ((Int) -> Bool)? = nil) throws(FraudError) {
        guard genuine.count > 1_000, let first = genuine.time.first, let last = genuine.time.last else {
            throw FraudError.data("the simulated bank", "it has too few payments")
        }
        var plot = FraudPlot(genuine, usual: Self.usual(genuine), seed: seed, isCard: isCard)
        // About one client of six hundred meets a kind in three days.
        let episodes = max(1, plot.accounts.count / 2_000)
        for day in 0..<Int((last - first) / Span.day) {
            let start = first + Int64(day) * Span.day
            if day % 3 == 0 || episodes > 1 {
                for _ in 0..<episodes {
                    plot.takeOver(start)
                    plot.stealCard(start)
                    plot.scam(start)
                }
            }
            if day % 12 == 1 { plot.testCards(start) }
            if day % 25 == 2 { plot.compromiseTerminal(start) }
        }
        let drafts = plot.drafts
        let whence = ContextPlot(seed: seed)
        let order = drafts.indices.sorted { (drafts[$0].time, $0) < (drafts[$1].time, $1) }
        for (number, index) in order.enumerated() where drafts[index].time <= last {
            let draft = drafts[index]
            let context =
                FraudKind(rawValue: draft.kind).map {
                    whence.fraudster($0, victim: draft.customer, at: draft.time, payment: Int64(index))
                }
                ?? whence.client(draft.customer, at: draft.time, payment: Int64(index), isCard: draft.isCard)
            table.append(
                id: Int64(number + 1), time: draft.time, customer: draft.customer, terminal: draft.terminal,
                minor: draft.minor, isFraud: draft.kind != 0, scenario: draft.kind, context: context)
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
