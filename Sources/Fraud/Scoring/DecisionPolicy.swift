/// What is done with a payment.
public enum Verdict: String, Sendable, CaseIterable, Comparable {
    case allow
    case stepUp = "step-up"
    case review
    case block

    private var rank: Int {
        switch self {
        case .allow: 0
        case .stepUp: 1
        case .review: 2
        case .block: 3
        }
    }

    /// By how much it holds the payment up.
    public static func < (one: Verdict, other: Verdict) -> Bool { one.rank < other.rank }
}

/// Chooses what costs least: the fraud that gets through, the client's trouble, the analyst's time. Amounts are minor units.
public struct DecisionPolicy: Sendable, Hashable {
    /// The client's trouble with one more proof, paid for every payment.
    public var stepUpCost: Double = 25
    /// Share of frauds that a proof stops.
    public var stepUpStops: Double = 0.9
    public var reviewCost: Double = 400
    public var reviewStops: Double = 0.95
    /// The harm of refusing a genuine payment.
    public var blockCost: Double = 1_500
    /// What is lost of a fraud's amount, and the work of each fraud besides.
    public var lossShare: Double = 1
    public var fraudCost: Double = 500
    /// Added to a review so that no more come than can be looked at; found when the model is trained.
    public var reviewPrice: Double = 0

    public init() {}

    func costs(_ probability: Float, minor: Int64) -> [(Verdict, Double)] {
        let chance = Double(min(max(probability, 0), 1))
        let loss = chance * (lossShare * Double(minor) + fraudCost)
        return [
            (.allow, loss),
            (.stepUp, stepUpCost + loss * (1 - stepUpStops)),
            (.review, reviewCost + reviewPrice + loss * (1 - reviewStops)),
            (.block, (1 - chance) * blockCost),
        ]
    }

    /// The verdict of least expected cost; of equal ones the mildest.
    public func verdict(_ probability: Float, minor: Int64) -> Verdict {
        var best = (verdict: Verdict.allow, cost: Double.infinity)
        for (verdict, cost) in costs(probability, minor: minor) where cost < best.cost { best = (verdict, cost) }
        return best.verdict
    }

    /// What would be lost if the payment were allowed: cases are worked off in this order.
    public func expectedLoss(_ probability: Float, minor: Int64) -> Double {
        Double(min(max(probability, 0), 1)) * (lossShare * Double(minor) + fraudCost)
    }

    /// Raises the prices of reviews and of proofs until, of payments like these, no more than `perDay` a day are looked at and
    /// no more than `proofsPerMille` of a thousand are asked about.
    func fitted(
        reviewsPerDay perDay: Int, proofsPerMille: Int, probabilities: [Float], minors: [Int64], days: Int
    ) -> DecisionPolicy {
        var policy = self
        // What is too dear to be asked about is looked at, and the other way round: a few turns settle it.
        for _ in 0..<3 {
            policy.raise(\.stepUpCost, .stepUp, minors.count * proofsPerMille / 1_000, probabilities, minors)
            policy.raise(\.reviewPrice, .review, perDay * max(days, 1), probabilities, minors)
        }
        return policy
    }

    /// The least price at which no more than so many get a verdict.
    private mutating func raise(
        _ price: WritableKeyPath<DecisionPolicy, Double>, _ verdict: Verdict, _ capacity: Int,
        _ probabilities: [Float], _ minors: [Int64]
    ) {
        func count(_ policy: DecisionPolicy) -> Int {
            zip(probabilities, minors).count { policy.verdict($0, minor: $1) == verdict }
        }
        guard count(self) > capacity else { return }
        var policy = self
        var (low, high) = (self[keyPath: price], 1e7)
        for _ in 0..<40 {
            policy[keyPath: price] = (low + high) / 2
            if count(policy) > capacity { low = policy[keyPath: price] } else { high = policy[keyPath: price] }
        }
        self[keyPath: price] = high
    }
}
