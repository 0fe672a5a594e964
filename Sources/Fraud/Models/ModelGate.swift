/// Whether a newly trained model may take the champion's place: on the last weeks it must be no worse.
public struct ModelGate: Sendable, Hashable {
    public let champion: Double?
    public let candidate: Double
    /// Frauds on the rows that were compared; with too few nothing is said.
    public let frauds: Int

    public static let fraudsMin = 20

    public var isOpen: Bool { frauds >= Self.fraudsMin && candidate >= (champion ?? 0) }

    public init(champion: Double?, candidate: Double, frauds: Int) {
        self.champion = champion
        self.candidate = candidate
        self.frauds = frauds
    }

    /// By average precision on rows that neither model was trained on.
    public init(champion: Scorer?, candidate: Scorer, matrix: FeatureMatrix, labels: [Bool]) {
        self.init(
            champion: champion.map { Metrics.averagePrecision($0.rawProbabilities(matrix), labels) },
            candidate: Metrics.averagePrecision(candidate.rawProbabilities(matrix), labels),
            frauds: labels.count { $0 })
    }
}
