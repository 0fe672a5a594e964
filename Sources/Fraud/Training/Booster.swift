internal import CXGBoost

/// A model inside XGBoost: for training, and as the reference that our own walker is compared with.
final class Booster {
    let handle: BoosterHandle

    private init(handle: BoosterHandle) { self.handle = handle }

    deinit { XGBoosterFree(handle) }

    /// Trains. With a validation set and patience, keeps the rounds up to the best one.
    static func train(
        _ matrix: TrainingMatrix, _ parameters: TrainingParameters, validation: TrainingMatrix? = nil
    ) throws(FraudError) -> (booster: Booster, rounds: Int) {
        var made: BoosterHandle?
        let known: [DMatrixHandle?] = validation.map { [matrix.handle, $0.handle] } ?? [matrix.handle]
        guard XGBoosterCreate(known, bst_ulong(known.count), &made) == 0, let made else {
            throw XGBoostLibrary.failure("XGBoosterCreate")
        }
        let booster = Booster(handle: made)
        // Swift may let go of an object after its last use, which is before the library is done with its handle.
        defer { withExtendedLifetime((booster, matrix, validation)) {} }
        for (name, value) in parameters.settings { try booster.set(name, value) }
        var best = (round: 0, loss: Double.infinity)
        for round in 0..<parameters.rounds {
            try Task.checkedCancellation()
            guard XGBoosterUpdateOneIter(made, Int32(round), matrix.handle) == 0 else {
                throw XGBoostLibrary.failure("XGBoosterUpdateOneIter")
            }
            guard let validation, parameters.patience > 0 else { continue }
            let loss = try booster.loss(validation, round)
            if loss < best.loss { best = (round + 1, loss) }
            if round + 1 - best.round >= parameters.patience { break }
        }
        guard best.round > 0 else { return (booster, parameters.rounds) }
        var sliced: BoosterHandle?
        guard XGBoosterSlice(made, 0, Int32(best.round), 1, &sliced) == 0, let sliced else {
            throw XGBoostLibrary.failure("XGBoosterSlice")
        }
        return (Booster(handle: sliced), best.round)
    }

    static func load(_ bytes: [UInt8]) throws(FraudError) -> Booster {
        var made: BoosterHandle?
        guard XGBoosterCreate(nil, 0, &made) == 0, let made else { throw XGBoostLibrary.failure("XGBoosterCreate") }
        let booster = Booster(handle: made)
        guard bytes.withUnsafeBytes({ XGBoosterLoadModelFromBuffer(made, $0.baseAddress, bst_ulong($0.count)) }) == 0
        else { throw XGBoostLibrary.failure("XGBoosterLoadModelFromBuffer") }
        try booster.set("nthread", "1")
        return booster
    }

    /// The model as XGBoost's JSON.
    func saved() throws(FraudError) -> [UInt8] {
        defer { withExtendedLifetime(self) {} }
        var length: bst_ulong = 0
        var text: UnsafePointer<CChar>?
        guard XGBoosterSaveModelToBuffer(handle, "{\"format\":\"json\"}", &length, &text) == 0, let text else {
            throw XGBoostLibrary.failure("XGBoosterSaveModelToBuffer")
        }
        return text.withMemoryRebound(to: UInt8.self, capacity: Int(length)) {
            Array(UnsafeBufferPointer(start: $0, count: Int(length)))
        }
    }

    enum Output: Int { case probability = 0, margin = 1, contributions = 2 }

    func predict(_ matrix: TrainingMatrix, _ output: Output = .probability) throws(FraudError) -> [Float] {
        defer { withExtendedLifetime((self, matrix)) {} }
        let config =
            "{\"type\":\(output.rawValue),\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,"
            + "\"strict_shape\":false}"
        var shape: UnsafePointer<bst_ulong>?
        var dimensions: bst_ulong = 0
        var values: UnsafePointer<Float>?
        guard
            XGBoosterPredictFromDMatrix(handle, matrix.handle, config, &shape, &dimensions, &values) == 0,
            let shape, let values
        else { throw XGBoostLibrary.failure("XGBoosterPredictFromDMatrix") }
        let count = (0..<Int(dimensions)).reduce(1) { $0 * Int(shape[$1]) }
        return Array(UnsafeBufferPointer(start: values, count: count))
    }

    private func set(_ name: String, _ value: String) throws(FraudError) {
        guard XGBoosterSetParam(handle, name, value) == 0 else { throw XGBoostLibrary.failure("XGBoosterSetParam") }
    }

    /// Log loss on a set: XGBoost's answer reads `[0]	set-logloss:0.1	set-aucpr:0.5`.
    private func loss(_ matrix: TrainingMatrix, _ round: Int) throws(FraudError) -> Double {
        defer { withExtendedLifetime((self, matrix)) {} }
        var text: UnsafePointer<CChar>?
        var handles: [DMatrixHandle?] = [matrix.handle]
        let status = "set".withCString { name in
            var names: [UnsafePointer<CChar>?] = [name]
            return XGBoosterEvalOneIter(handle, Int32(round), &handles, &names, 1, &text)
        }
        guard status == 0, let text else { throw XGBoostLibrary.failure("XGBoosterEvalOneIter") }
        let words = String(cString: text).split(separator: "\t")
        guard let value = words.first(where: { $0.hasPrefix("set-logloss:") }), let loss = Double(value.dropFirst(12))
        else { throw FraudError.library("XGBoosterEvalOneIter", String(cString: text)) }
        return loss
    }
}

extension Task where Success == Never, Failure == Never {
    /// Training stops between two rounds when its task was cancelled.
    static func checkedCancellation() throws(FraudError) {
        if isCancelled {
            throw FraudError(
                code: "fraud_training_cancelled", message: "training was cancelled",
                hint: "Start it again with: digitalbank fraud train")
        }
    }
}
