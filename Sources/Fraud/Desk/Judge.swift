/// What is in service at one moment: models and rules. Replaced as a whole, never changed.
public struct Bench: Sendable {
    public var champion: (id: Int64, scorer: Scorer)?
    public var challenger: (id: Int64, scorer: Scorer)?
    public var rules: Rulebook

    public init(
        champion: (id: Int64, scorer: Scorer)? = nil, challenger: (id: Int64, scorer: Scorer)? = nil,
        rules: Rulebook = .empty
    ) {
        self.champion = champion
        self.challenger = challenger
        self.rules = rules
    }
}

/// The decision itself: columns, lists and what is in service in, verdict out. No clock, no database.
struct Judge: Sendable {
    let bench: Bench
    let settings: FraudSettings

    struct Opinion {
        var verdict: Verdict
        var probability: Float?
        var rules: Rulebook.Hits
        var reasons: [Reason] = []
        var fallback: FraudDecision.Fallback?
        var isControl = false
        var challenger: (probability: Float, verdict: Verdict)?
    }

    /// A blocked entity is refused, an allowed one let through; rules come next, then the model; a watched entity is at
    /// least looked at.
    ///
    /// - Parameter isDrawn: whether the payment is one of the control group, when it comes to that: only where the model alone
    ///   would hold it up, and not refuse it.
    func opinion(
        _ row: [Float], minor: Int64, lists: [String], isDrawn: () -> Bool
    ) -> Opinion {
        let scorer = bench.champion?.scorer
        let probability = scorer?.probability(row)
        let oddity = scorer?.oddity(row) ?? 0.5
        let hits = bench.rules.hits(row, probability: probability ?? .nan, oddity: oddity)
        var opinion = Opinion(verdict: .allow, probability: probability, rules: hits)
        var modelled = Verdict.allow
        if let scorer, let probability {
            modelled = scorer.model.policy.verdict(probability, minor: minor)
            if modelled != .allow { opinion.reasons = scorer.reasons(row, count: settings.reasonsMax) }
        } else {
            opinion.fallback = .noModel
        }
        if let challenger = bench.challenger?.scorer {
            let other = challenger.probability(row)
            opinion.challenger = (other, challenger.model.policy.verdict(other, minor: minor))
        }
        opinion.verdict = Self.joined(modelled, ruled: hits.verdict, lists)
        let isModelAlone = opinion.verdict == modelled && Self.joined(.allow, ruled: hits.verdict, lists) == .allow
        if modelled != .allow, modelled < .block, isModelAlone, isDrawn() {
            opinion.isControl = true
            opinion.verdict = .allow
        }
        return opinion
    }

    static func joined(_ modelled: Verdict, ruled: Verdict?, _ lists: [String]) -> Verdict {
        var verdict = modelled
        if let ruled { verdict = ruled == .allow ? .allow : max(ruled, verdict) }
        if lists.contains("watch") { verdict = max(verdict, .review) }
        if lists.contains("allow") { verdict = .allow }
        return lists.contains("block") ? .block : verdict
    }
}

extension Bench {
    /// What model and rules say of a payment of a file: no lists stand there, and no control group is drawn.
    public func opinion(_ row: [Float], probability: Float, minor: Int64) -> (verdict: Verdict, rules: [String]) {
        let scorer = champion?.scorer
        let hits = rules.hits(row, probability: probability, oddity: scorer?.oddity(row) ?? 0.5)
        let modelled = scorer?.model.policy.verdict(probability, minor: minor) ?? .allow
        return (Judge.joined(modelled, ruled: hits.verdict, []), hits.active)
    }
}
