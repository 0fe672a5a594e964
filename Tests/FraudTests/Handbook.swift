import Foundation
import Synchronization

@testable import Fraud

/// The handbook's transactions, which stand beside the repository and are not part of it.
enum Handbook {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/data/handbook").path

    static let isThere = FileManager.default.fileExists(atPath: folder + "/transactions.csv.gz")
    static let absent = "the handbook's transactions are not in ../shared/data/handbook"

    /// Read once for all suites.
    static let whole: Result<TransactionTable, FraudError> = Result { () throws(FraudError) in
        try HandbookReader.read(folder: folder)
    }

    /// The first days of them: enough to train on, and read in a moment.
    static func table(days: Int) throws -> TransactionTable {
        let whole = try whole.get()
        guard whole.count > 0 else { return whole }
        return whole.prefix(whole.rows(from: whole.day(0), to: whole.day(0) + days).upperBound)
    }

    static func definition() throws -> FeatureDefinition { try FeatureDefinition.shipped() }

    /// One trained model and its data for all suites: 40 days of history, then 14 to train on.
    static let trained: Result<Trained, any Error> = Result {
        let table = try Self.table(days: 54)
        let plan = try FeaturePlan(definition(), set: "own")
        let first = table.day(0)
        let held = table.rows(from: first + 33, to: first + 54)
        let features = try FeatureTable(plan, over: table, held: held)
        let trainer = ModelTrainer(
            parameters: TrainingParameters(rounds: 120, learningRate: 0.1, bins: 256, patience: 20))
        let model = try trainer.train(table, features: features, days: (first + 33)..<(first + 47))
        return Trained(table: table, plan: plan, features: features, model: model, trainer: trainer, first: first)
    }

    struct Trained: Sendable {
        let table: TransactionTable
        let plan: FeaturePlan
        let features: FeatureTable
        let model: TrainedModel
        let trainer: ModelTrainer
        let first: Int

        /// Rows of a week that the model has not seen.
        var unseen: Range<Int> { table.rows(from: first + 47, to: first + 54) }
    }
}

extension TransactionTable {
    func prefix(_ rows: Int) -> TransactionTable {
        var table = TransactionTable()
        table.id = ContiguousArray(id[..<rows])
        table.time = ContiguousArray(time[..<rows])
        table.customer = ContiguousArray(customer[..<rows])
        table.terminal = ContiguousArray(terminal[..<rows])
        table.minor = ContiguousArray(minor[..<rows])
        table.isFraud = ContiguousArray(isFraud[..<rows])
        table.scenario = ContiguousArray(scenario[..<rows])
        return table
    }
}

/// Bits, so that two values that are not a number are equal.
func bits(_ row: some Sequence<Float>) -> [UInt32] { row.map(\.bitPattern) }
