internal import Glibc

/// Makes the model of a bank that has no labels yet: an isolation forest that asks for one more proof of the oddest payments,
/// and neither holds nor refuses any. With labels a trained model is far better.
public struct OddityTrainer: Sendable {
    /// Of all payments like those of the history, at most so many per mille are asked for a proof.
    public var proofsPerMille = 5.0
    /// How the oddest payments are believed to be frauds: one payment of a thousand is one, and the forest ranks a fraud
    /// before a genuine payment four times of five, as it does on the public data (docs/guides/fraud.md).
    public var assumedShare = 0.001
    public var assumedArea = 0.8
    public var seed: UInt64 = 42

    static let rowsMin = 1_000

    public init() {}

    /// - Parameters:
    ///   - matrix: rows of the history; a sample of it does.
    ///   - from: first day of the history, days since 1970; `to` is not part of it.
    public func train(
        _ matrix: FeatureMatrix, minors: [Int64], plan: FeaturePlan, from: Int, to: Int
    ) throws(FraudError) -> TrainedModel {
        guard matrix.rows >= Self.rowsMin, minors.count == matrix.rows else {
            throw FraudError(
                code: "fraud_history_too_short",
                message: "\(matrix.rows) payments of the past: at least \(Self.rowsMin) are needed",
                hint: "Rules and lists decide until there are enough.")
        }
        let forest = IsolationForest(fitting: matrix, seed: seed)
        let walker = FlatForest(forest.model)
        let oddities = (0..<matrix.rows).map { row in
            IsolationForest.score(total: walker.margin(Array(matrix.row(row))), trees: forest.trees.count)
        }
        let calibration = calibration(oddities)
        let probabilities = oddities.map(calibration.probability)
        return TrainedModel(
            columns: plan.names, labelDelaySeconds: plan.labelDelay / Span.second, featureVersion: plan.version,
            origin: .init(
                dataFingerprint: try ModelTrainer.fingerprint(matrix, []),
                parameters: TrainingParameters(rounds: forest.trees.count, seed: Int(truncatingIfNeeded: seed)),
                rounds: forest.trees.count, rows: matrix.rows, frauds: 0, from: from, to: to, library: "isolation"),
            figures: .init(
                auc: .nan, averagePrecision: .nan, recallAtPrecision99: .nan, brier: .nan, rows: matrix.rows, frauds: 0),
            calibration: calibration, policy: policy(probabilities, minors), trees: [],
            references: references(matrix, walker),
            profile: DriftProfile(matrix, names: plan.names, probabilities: probabilities), isolation: forest)
    }

    /// A forest of this area finds the share t^(1/area - 1) of all frauds among the oddest share t of all payments.
    private func calibration(_ oddities: [Float]) -> Isotonic {
        let sorted = oddities.sorted()
        let power = 1 / assumedArea - 1
        var scores: [Float] = []
        var shares: [Float] = []
        for tail in [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005] {
            let place = min(Int(Double(sorted.count) * (1 - tail)), sorted.count - 1)
            let share = Float(min(assumedShare * power * pow(tail, power - 1), 0.5))
            guard sorted[place] > (scores.last ?? -1) else { continue }
            scores.append(sorted[place])
            shares.append(share)
        }
        return scores.isEmpty ? .identity : Isotonic(scores: scores, shares: shares)
    }

    private func policy(_ probabilities: [Float], _ minors: [Int64]) -> DecisionPolicy {
        var policy = DecisionPolicy()
        // Nobody is held or refused on the word of a forest.
        policy.reviewCost = 1e12
        policy.blockCost = 1e12
        let capacity = Int(Double(minors.count) * proofsPerMille / 1_000)
        func proofs(_ policy: DecisionPolicy) -> Int {
            zip(probabilities, minors).count { policy.verdict($0, minor: $1) == .stepUp }
        }
        guard proofs(policy) > capacity else { return policy }
        var (low, high) = (policy.stepUpCost, 1e9)
        for _ in 0..<50 {
            policy.stepUpCost = (low + high) / 2
            if proofs(policy) > capacity { low = policy.stepUpCost } else { high = policy.stepUpCost }
        }
        policy.stepUpCost = high
        return policy
    }

    private func references(_ matrix: FeatureMatrix, _ walker: FlatForest) -> [TrainedModel.Reference] {
        var generator = SplitMix(state: seed)
        return (0..<ModelTrainer.referenceRows).map { _ in
            let row = Array(matrix.row(Int(generator.next() % UInt64(matrix.rows))))
            return TrainedModel.Reference(row: row, margin: walker.margin(row))
        }
    }
}
