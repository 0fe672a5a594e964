/// Columns of many payments, row after row, as XGBoost takes them.
public struct FeatureMatrix: Sendable {
    public let columns: Int
    public private(set) var values: ContiguousArray<Float>

    public init(rows: Int, columns: Int) {
        self.columns = columns
        values = ContiguousArray(repeating: .nan, count: rows * columns)
    }

    public var rows: Int { columns == 0 ? 0 : values.count / columns }

    public mutating func withRow<T>(_ row: Int, _ body: (UnsafeMutableBufferPointer<Float>) -> T) -> T {
        let (start, end) = (row * columns, (row + 1) * columns)
        return values.withUnsafeMutableBufferPointer { body(UnsafeMutableBufferPointer(rebasing: $0[start..<end])) }
    }

    mutating func append(_ row: [Float]) { values.append(contentsOf: row) }

    public func row(_ row: Int) -> ArraySlice<Float> { ArraySlice(values[(row * columns)..<((row + 1) * columns)]) }

    /// Some rows, in the given order.
    public func picking(_ rows: some Collection<Int>) -> FeatureMatrix {
        var picked = FeatureMatrix(rows: 0, columns: columns)
        picked.values.reserveCapacity(rows.count * columns)
        for row in rows { picked.values.append(contentsOf: values[(row * columns)..<((row + 1) * columns)]) }
        return picked
    }
}
