/// A model as it is kept: trees, calibration, policy, where it comes from, and rows it must reproduce.
public struct TrainedModel: Sendable {
    /// Where a model comes from: enough to train it again.
    public struct Origin: Sendable, Hashable {
        /// Of the rows and labels that it was trained on.
        public var dataFingerprint: String
        public var parameters: TrainingParameters
        public var rounds: Int
        public var rows: Int
        public var frauds: Int
        /// Days since 1970; `to` is not part of it.
        public var from: Int
        public var to: Int
        public var library: String
    }

    /// On the last days, by a model that had not seen them.
    public struct Figures: Sendable, Hashable {
        public var auc: Double
        public var averagePrecision: Double
        public var recallAtPrecision99: Double
        public var brier: Double
        public var rows: Int
        public var frauds: Int
    }

    /// A row and what XGBoost itself said of it.
    public struct Reference: Sendable, Hashable {
        public var row: [Float]
        public var margin: Float
    }

    public var columns: [String]
    public var labelDelaySeconds: Int64
    public var featureVersion: String
    public var origin: Origin
    public var figures: Figures
    public var calibration: Isotonic
    public var policy: DecisionPolicy
    /// XGBoost's own JSON; empty in the model of a bank without labels, where the isolation forest scores.
    public var trees: [UInt8]
    public var references: [Reference]
    /// Deciles of each column and of the probability on the training data: what drift is measured against.
    public var profile: DriftProfile
    var isolation: IsolationForest

    /// Whether it was made without any label.
    public var isUnsupervised: Bool { trees.isEmpty }
}
