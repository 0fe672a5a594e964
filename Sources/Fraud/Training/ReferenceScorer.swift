internal import CXGBoost

/// The same model inside XGBoost itself: the yardstick of benchmarks. Never in service.
public final class ReferenceScorer {
    private let booster: Booster
    private let columns: Int

    public init(_ scorer: Scorer) throws(FraudError) {
        booster = try Booster.load(scorer.model.trees)
        columns = scorer.model.columns.count
    }

    /// One row by `XGBoosterPredictFromDense`, as a service in C would ask.
    public func probability(_ row: [Float]) throws(FraudError) -> Float { try booster.predictDense(row) }

    public func probabilities(_ matrix: FeatureMatrix) throws(FraudError) -> [Float] {
        try booster.predict(TrainingMatrix(matrix))
    }

    /// The columns' contributions and, last, the expected value.
    public func contributions(_ row: [Float]) throws(FraudError) -> [Float] {
        var matrix = FeatureMatrix(rows: 1, columns: columns)
        matrix.withRow(0) { for column in row.indices { $0[column] = row[column] } }
        return try booster.predict(TrainingMatrix(matrix), .contributions)
    }
}

extension Booster {
    func predictDense(_ row: [Float]) throws(FraudError) -> Float {
        defer { withExtendedLifetime(self) {} }
        var shape: UnsafePointer<bst_ulong>?
        var dimensions: bst_ulong = 0
        var values: UnsafePointer<Float>?
        let status = row.withUnsafeBufferPointer { row in
            let place = UInt(bitPattern: row.baseAddress)
            let array = "{\"data\":[\(place),true],\"shape\":[1,\(row.count)],\"typestr\":\"<f4\",\"version\":3}"
            let config =
                "{\"type\":0,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":false,"
                + "\"missing\":NaN,\"cache_id\":0}"
            return XGBoosterPredictFromDense(handle, array, config, nil, &shape, &dimensions, &values)
        }
        guard status == 0, let values else { throw XGBoostLibrary.failure("XGBoosterPredictFromDense") }
        return values[0]
    }
}
