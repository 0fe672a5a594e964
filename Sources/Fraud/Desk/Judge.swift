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
    func opinion(_ row: [Float], payment: Int64, minor: Int64, lists: [String]) -> Opinion {
        let scorer = bench.champion?.scorer
        let probability = scorer?.probability(row)
        let oddity = scorer?.oddity(row) ?? 0.5
        let hits = bench.rules.hits(row, probability: probability ?? .nan, oddity: oddity)
        var opinion = Opinion(verdict: .allow, probability: probability, rules: hits)
        if let scorer, let probability {
            opinion.verdict = scorer.model.policy.verdict(probability, minor: minor)
            if opinion.verdict != .allow {
                opinion.reasons = scorer.reasons(row, count: settings.reasonsMax)
                if opinion.verdict < .block, settings.isControl(payment, minor: minor) {
                    opinion.isControl = true
                    opinion.verdict = .allow
                }
            }
        } else {
            opinion.fallback = .noModel
        }
        if let challenger = bench.challenger?.scorer {
            let other = challenger.probability(row)
            opinion.challenger = (other, challenger.model.policy.verdict(other, minor: minor))
        }
        if let ruled = hits.verdict { opinion.verdict = ruled == .allow ? .allow : max(ruled, opinion.verdict) }
        if lists.contains("watch") { opinion.verdict = max(opinion.verdict, .review) }
        if lists.contains("allow") { opinion.verdict = .allow }
        if lists.contains("block") { opinion.verdict = .block }
        return opinion
    }
}
