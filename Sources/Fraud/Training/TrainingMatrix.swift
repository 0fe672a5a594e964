internal import CXGBoost

/// A matrix inside XGBoost, with labels and weights when it is for training.
final class TrainingMatrix {
    let handle: DMatrixHandle
    let rows: Int

    init(_ matrix: FeatureMatrix, labels: [Float]? = nil, weights: [Float]? = nil, threads: Int32 = 1)
        throws(FraudError)
    {
        rows = matrix.rows
        var made: DMatrixHandle?
        let status = matrix.values.withUnsafeBufferPointer {
            XGDMatrixCreateFromMat_omp(
                $0.baseAddress, bst_ulong(matrix.rows), bst_ulong(matrix.columns), .nan, &made, threads)
        }
        guard status == 0, let made else { throw XGBoostLibrary.failure("XGDMatrixCreateFromMat") }
        handle = made
        if let labels { try set("label", labels) }
        if let weights { try set("weight", weights) }
    }

    deinit { XGDMatrixFree(handle) }

    private func set(_ field: String, _ values: [Float]) throws(FraudError) {
        guard XGDMatrixSetFloatInfo(handle, field, values, bst_ulong(values.count)) == 0 else {
            throw XGBoostLibrary.failure("XGDMatrixSetFloatInfo")
        }
    }
}

enum XGBoostLibrary {
    static func failure(_ call: String) -> FraudError {
        FraudError.library(call, XGBGetLastError().map { String(cString: $0) } ?? "no reason given")
    }

    static var version: String {
        var (major, minor, patch): (Int32, Int32, Int32) = (0, 0, 0)
        XGBoostVersion(&major, &minor, &patch)
        return "\(major).\(minor).\(patch)"
    }
}

/// The library that trains.
public enum FraudLibrary {
    public static var version: String { XGBoostLibrary.version }
}
