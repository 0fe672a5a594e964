/// Rows to learn from: columns as they were at the time of each payment, and what became of it.
public struct Examples: Sendable {
    public private(set) var matrix: FeatureMatrix
    public private(set) var labels: [Bool] = []
    public private(set) var minors: [Int64] = []
    /// Days since 1970.
    public private(set) var days: [Int] = []

    init(columns: Int) { matrix = FeatureMatrix(rows: 0, columns: columns) }

    init(matrix: FeatureMatrix, labels: [Bool], minors: [Int64], days: [Int]) {
        self.matrix = matrix
        self.labels = labels
        self.minors = minors
        self.days = days
    }

    /// Some rows of a history.
    public init(_ table: TransactionTable, _ features: FeatureTable, rows: Range<Int>) {
        self.init(
            matrix: features.picking(rows), labels: rows.map { table.isFraud[$0] },
            minors: rows.map { table.minor[$0] },
            days: rows.map { table.day($0) })
    }

    mutating func append(_ row: [Float], isFraud: Bool, minor: Int64, day: Int) {
        matrix.append(row)
        labels.append(isFraud)
        minors.append(minor)
        days.append(day)
    }

    func slice(_ rows: Range<Int>) -> Examples {
        Examples(
            matrix: matrix.picking(rows), labels: Array(labels[rows]), minors: Array(minors[rows]),
            days: Array(days[rows]))
    }

    /// In the order of days.
    var sorted: Examples {
        let order = days.indices.sorted { (days[$0], $0) < (days[$1], $1) }
        return Examples(
            matrix: matrix.picking(order), labels: order.map { labels[$0] }, minors: order.map { minors[$0] },
            days: order.map { days[$0] })
    }
}
