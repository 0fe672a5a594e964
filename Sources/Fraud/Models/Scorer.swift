/// A model in service. It never changes, so any number of threads may score with it at once, without a lock.
public final class Scorer: Sendable {
    public let model: TrainedModel
    public let plan: FeaturePlan
    let forest: FlatForest
    /// Nil in a model without labels.
    private let leafTables: LeafTables?
    private let isolation: FlatForest?
    private let unseen: UnseenTime

    /// Refuses a model that does not say of its reference rows what XGBoost said, to the last bit.
    init(_ model: TrainedModel, plan: FeaturePlan) throws(FraudError) {
        let trees = model.isUnsupervised ? model.isolation.model : try TreeModel(json: model.trees)
        guard trees.features == model.columns.count else {
            throw FraudError.model("its trees know \(trees.features) columns, its list \(model.columns.count)")
        }
        guard !trees.trees.isEmpty else { throw FraudError.model("it has no trees") }
        let forest = FlatForest(trees)
        guard !model.references.isEmpty else { throw FraudError.model("it has no reference rows") }
        for reference in model.references {
            guard reference.row.count == trees.features,
                forest.margin(reference.row).bitPattern == reference.margin.bitPattern
            else { throw FraudError.model("it does not reproduce its reference rows: another XGBoost wrote it") }
        }
        self.model = model
        self.plan = plan
        self.forest = forest
        leafTables = model.isUnsupervised ? nil : try LeafTables(trees)
        unseen = UnseenTime(columns: model.columns, labelDelaySeconds: model.labelDelaySeconds)
        isolation = model.isolation.trees.isEmpty ? nil : FlatForest(model.isolation.model)
    }

    /// A model that this process has just trained itself; files are opened by `ModelFile`, which asks for a signature.
    public static func trusted(_ model: TrainedModel, _ plan: FeaturePlan) throws(FraudError) -> Scorer {
        try Scorer(model, plan: plan)
    }

    /// Log odds; without labels the length of the ways through all trees.
    public func margin(_ row: UnsafeBufferPointer<Float>) -> Float { forest.margin(row) }

    /// The calibrated probability of fraud.
    public func probability(_ row: [Float]) -> Float {
        guard !model.isUnsupervised else { return model.calibration.probability(oddity(row)) }
        return model.calibration.probability(unseen.adjusted(forest.probability(row)) { row[$0] })
    }

    public func probabilities(_ matrix: FeatureMatrix) -> [Float] {
        rawProbabilities(matrix).map(model.calibration.probability)
    }

    /// XGBoost's own probabilities with `UnseenTime`, not calibrated; without labels the oddities.
    public func rawProbabilities(_ matrix: FeatureMatrix) -> [Float] {
        guard model.isUnsupervised else { return unseen.adjusted(forest.probabilities(matrix), matrix) }
        return (0..<matrix.rows).map { oddity(Array(matrix.row($0))) }
    }

    /// How odd the payment is, without any label: 0.5 is usual.
    public func oddity(_ row: [Float]) -> Float {
        guard let isolation else { return 0 }
        return IsolationForest.score(total: isolation.margin(row), trees: model.isolation.trees.count)
    }

    /// What each column adds: to the log odds, or without labels to the oddity.
    public func contributions(_ row: [Float]) -> [Float] {
        leafTables?.contributions(row) ?? OddityReasons(forest: model.isolation).contributions(row)
    }

    public func reasons(_ row: [Float], count: Int = 3) -> [Reason] {
        Reasons.top(count, row: row, contributions: contributions(row), columns: plan.columns)
    }
}
