/// A calibration: the best rising step function from scores to the share of frauds, by pooling adjacent violators,
/// joined by straight lines.
public struct Isotonic: Sendable, Hashable {
    /// Rising, of equal length; never empty.
    public let scores: [Float]
    public let shares: [Float]

    /// Leaves every score as it is.
    public static let identity = Isotonic(scores: [0, 1], shares: [0, 1])

    init(scores: [Float], shares: [Float]) {
        self.scores = scores
        self.shares = shares
    }

    /// Fits scores of rows that the model has not been trained on.
    public init(fitting scores: [Float], _ labels: [Bool]) {
        struct Pool {
            var score: Double
            var frauds: Double
            var rows: Double
        }
        var pools: [Pool] = []
        for row in scores.indices.sorted(by: { scores[$0] < scores[$1] }) {
            pools.append(Pool(score: Double(scores[row]), frauds: labels[row] ? 1 : 0, rows: 1))
            while pools.count > 1 {
                let (low, high) = (pools[pools.count - 2], pools[pools.count - 1])
                guard low.frauds * high.rows >= high.frauds * low.rows else { break }
                pools.removeLast(2)
                pools.append(
                    Pool(
                        score: (low.score * low.rows + high.score * high.rows) / (low.rows + high.rows),
                        frauds: low.frauds + high.frauds, rows: low.rows + high.rows))
            }
        }
        guard !pools.isEmpty else {
            self = .identity
            return
        }
        // Half a fraud more or less keeps a share from being certain.
        self.scores = pools.map { Float($0.score) }
        self.shares = pools.map { Float(min(max($0.frauds / $0.rows, 0.5 / ($0.rows + 1)), 1 - 0.5 / ($0.rows + 1))) }
            .reduce(into: []) { rising, share in rising.append(max(rising.last ?? 0, share)) }
    }

    public func probability(_ score: Float) -> Float {
        guard score > scores[0] else { return shares[0] }
        guard let last = scores.last, score < last else { return shares[shares.count - 1] }
        var low = 0
        var high = scores.count - 1
        while high - low > 1 {
            let middle = (low + high) / 2
            if scores[middle] <= score { low = middle } else { high = middle }
        }
        let width = scores[high] - scores[low]
        guard width > 0 else { return shares[high] }
        return shares[low] + (shares[high] - shares[low]) * (score - scores[low]) / width
    }
}
