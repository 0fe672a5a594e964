internal import Cryptography

/// Trains a model from history: chooses the rounds and the calibration on the last days, then trains on all of them.
public struct ModelTrainer: Sendable {
    public var parameters: TrainingParameters
    /// Last days of the training that choose rounds, calibration and policy.
    public var validationDays: Int
    public var policy: DecisionPolicy
    public var reviewsPerDay: Int

    public init(
        parameters: TrainingParameters = TrainingParameters(rounds: 600, patience: 40), validationDays: Int = 7,
        policy: DecisionPolicy = DecisionPolicy(), reviewsPerDay: Int = 100
    ) {
        self.parameters = parameters
        self.validationDays = validationDays
        self.policy = policy
        self.reviewsPerDay = reviewsPerDay
    }

    static let referenceRows = 200
    /// Of a thousand payments so many may be asked for one more proof.
    static let proofsPerMille = 20

    /// - Parameter days: days since 1970 whose labels are known.
    public func train(
        _ table: TransactionTable, features: FeatureTable, days: Range<Int>
    ) throws(FraudError) -> TrainedModel {
        let rows = table.rows(from: days.lowerBound, to: days.upperBound)
        return try train(
            Examples(table, features, rows: rows), plan: features.plan, from: days.lowerBound, to: days.upperBound)
    }

    /// - Parameters:
    ///   - examples: in the order of days, from `from` up to but without `to`, all labels known.
    public func train(
        _ examples: Examples, plan: FeaturePlan, from: Int, to: Int
    ) throws(FraudError) -> TrainedModel {
        guard to - from > validationDays, validationDays > 0 else {
            throw FraudError.request("training takes more days than the \(validationDays) of its validation")
        }
        let split = examples.days.firstIndex { $0 >= to - validationDays } ?? examples.days.count
        let early = examples.slice(0..<split)
        let late = examples.slice(split..<examples.days.count)
        let earlyFrauds = early.labels.count { $0 }
        let lateFrauds = late.labels.count { $0 }
        guard earlyFrauds >= 10, lateFrauds >= 10 else {
            throw FraudError(
                code: "fraud_labels_too_few",
                message: "\(earlyFrauds) frauds to train on and \(lateFrauds) to validate with: at least 10 each",
                hint: "Score with the forest that needs no labels until enough frauds are known.")
        }
        let unseen = UnseenTime(columns: plan.names, labelDelaySeconds: plan.labelDelaySeconds)
        let chosen = try choose(early, late, unseen)
        var final = parameters
        final.rounds = chosen.rounds
        final.patience = 0
        let matrix = examples.matrix
        let (booster, _) = try Booster.train(try Self.training(examples), final)
        let probabilities = unseen.adjusted(try booster.predict(TrainingMatrix(matrix)), matrix)
            .map(chosen.calibration.probability)
        return TrainedModel(
            columns: plan.names, labelDelaySeconds: plan.labelDelay / Span.second, featureVersion: plan.version,
            origin: .init(
                dataFingerprint: try Self.fingerprint(matrix, examples.labels), parameters: parameters,
                rounds: chosen.rounds, rows: examples.days.count, frauds: earlyFrauds + lateFrauds, from: from, to: to,
                library: XGBoostLibrary.version),
            figures: chosen.figures, calibration: chosen.calibration, policy: chosen.policy,
            trees: try booster.saved(), references: try Self.references(matrix, booster, seed: parameters.seed),
            profile: DriftProfile(matrix, names: plan.names, probabilities: probabilities),
            isolation: IsolationForest(fitting: matrix, seed: UInt64(bitPattern: Int64(parameters.seed))))
    }

    private struct Choice {
        var rounds: Int
        var calibration: Isotonic
        var policy: DecisionPolicy
        var figures: TrainedModel.Figures
    }

    private func choose(
        _ early: Examples, _ late: Examples, _ unseen: UnseenTime
    ) throws(FraudError) -> Choice {
        let validation = try Self.training(late)
        let trained = try Booster.train(try Self.training(early), parameters, validation: validation)
        let scores = unseen.adjusted(try trained.booster.predict(validation), late.matrix)
        let calibration = Isotonic(fitting: scores, late.labels)
        let probabilities = scores.map(calibration.probability)
        return Choice(
            rounds: trained.rounds, calibration: calibration,
            policy: policy.fitted(
                reviewsPerDay: reviewsPerDay, proofsPerMille: Self.proofsPerMille, probabilities: probabilities,
                minors: late.minors, days: validationDays),
            figures: .init(
                auc: Metrics.auc(scores, late.labels),
                averagePrecision: Metrics.averagePrecision(scores, late.labels),
                recallAtPrecision99: Metrics.recall(atPrecision: 0.99, scores, late.labels),
                brier: Metrics.brier(probabilities, late.labels), rows: late.labels.count,
                frauds: late.labels.count { $0 }))
    }

    private static func training(_ examples: Examples) throws(FraudError) -> TrainingMatrix {
        try TrainingMatrix(examples.matrix, labels: examples.labels.map { $0 ? 1 : 0 })
    }

    /// Rows of the data and rows full of holes, with XGBoost's own word on them.
    private static func references(
        _ matrix: FeatureMatrix, _ booster: Booster, seed: Int
    ) throws(FraudError) -> [TrainedModel.Reference] {
        var generator = SplitMix(state: UInt64(bitPattern: Int64(seed)))
        var rows: [[Float]] = []
        for index in 0..<referenceRows {
            var row = Array(matrix.row(Int(generator.next() % UInt64(matrix.rows))))
            if index % 4 == 0 {
                for column in row.indices where generator.next() % 3 == 0 { row[column] = .nan }
            }
            rows.append(row)
        }
        var picked = FeatureMatrix(rows: rows.count, columns: matrix.columns)
        for (index, row) in rows.enumerated() {
            picked.withRow(index) { for column in row.indices { $0[column] = row[column] } }
        }
        let margins = try booster.predict(TrainingMatrix(picked), .margin)
        return zip(rows, margins).map { TrainedModel.Reference(row: $0, margin: $1) }
    }

    static func fingerprint(_ matrix: FeatureMatrix, _ labels: [Bool]) throws(FraudError) -> String {
        do {
            var hash = try SHA256()
            matrix.values.withUnsafeBytes { hash.update($0) }
            hash.update(labels.map { $0 ? 1 : 0 })
            return hash.finalize().hex
        } catch {
            throw FraudError.library("SHA-256", error.message)
        }
    }
}
