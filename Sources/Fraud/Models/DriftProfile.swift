internal import Glibc

/// How columns and scores were spread when a model was trained, and how far they have gone since.
public struct DriftProfile: Sendable, Hashable {
    /// One column: borders between parts, and the share of rows in each part; the last part is the missing values.
    public struct Column: Sendable, Hashable {
        public var name: String
        public var borders: [Float]
        public var shares: [Double]

        init(name: String, borders: [Float], shares: [Double]) {
            self.name = name
            self.borders = borders
            self.shares = shares
        }

        /// Ten parts with as many rows each, as far as equal values allow.
        init(name: String, values: [Float]) {
            self.name = name
            let sorted = values.filter { !$0.isNaN }.sorted()
            var borders: [Float] = []
            if !sorted.isEmpty {
                for part in 1..<10 {
                    let border = sorted[sorted.count * part / 10]
                    if border > (borders.last ?? sorted[0]) { borders.append(border) }
                }
            }
            self.borders = borders
            shares = []
            shares = Self.shares(values, borders)
        }

        static func shares(_ values: some Collection<Float>, _ borders: [Float]) -> [Double] {
            var counts = [Double](repeating: 0, count: borders.count + 2)
            for value in values {
                let part = value.isNaN ? borders.count + 1 : borders.firstIndex { value < $0 } ?? borders.count
                counts[part] += 1
            }
            return counts.map { $0 / Double(max(values.count, 1)) }
        }

        /// The population stability index: below 0.1 nothing, over 0.25 a shift to look at.
        public func stabilityIndex(of values: some Collection<Float>) -> Double {
            guard !values.isEmpty else { return 0 }
            let least = 0.0001
            return zip(shares, Self.shares(values, borders)).reduce(0) { sum, pair in
                let (before, now) = (max(pair.0, least), max(pair.1, least))
                return sum + (now - before) * log(now / before)
            }
        }
    }

    public var columns: [Column]
    public var score: Column

    /// Over this an alarm is raised.
    public static let alarm = 0.25

    init(columns: [Column], score: Column) {
        self.columns = columns
        self.score = score
    }

    init(_ matrix: FeatureMatrix, names: [String], probabilities: [Float]) {
        columns = names.enumerated().map { index, name in
            Column(name: name, values: (0..<matrix.rows).map { matrix.values[$0 * matrix.columns + index] })
        }
        score = Column(name: "score", values: probabilities)
    }

    /// Each column's index, the greatest first.
    public func drift(_ matrix: FeatureMatrix, probabilities: [Float]) -> [(name: String, index: Double)] {
        guard matrix.columns == columns.count else { return [] }
        var found = columns.enumerated().map { index, column in
            (
                name: column.name,
                index: column.stabilityIndex(of: (0..<matrix.rows).map { matrix.values[$0 * matrix.columns + index] })
            )
        }
        found.append((name: score.name, index: score.stabilityIndex(of: probabilities)))
        return found.sorted { ($0.index, $1.name) > ($1.index, $0.name) }
    }
}
