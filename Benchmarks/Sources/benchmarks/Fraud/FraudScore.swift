import Cryptography
import Foundation
import Fraud

/// One payment's score, alone, with its reasons and in lots, against XGBoost's own C API on the same model.
struct FraudScore: Benchmark {
    let name = "fraud-score"
    let title = "Fraud scores"
    let explanation = """
        A model trained on the handbook's 28 days up to 2018-07-31 (35 columns), read from its signed file. One row at a
        time, features in hand, calibrated; then with all its reasons; then 58,000 rows on one thread. The yardstick of
        each is XGBoost's C API (XGBoosterPredictFromDense, SHAP through a DMatrix, predict on a DMatrix with its making).
        Times are the median of 20,000 calls (2,000 with reasons).
        """

    func rounds(_ context: Context) -> String { "\(context.rounds) rounds" }

    func run(_ context: Context) async throws -> [Row] {
        let stage = try Stage()
        let single = try await context.alternate([
            Side(what: "one score, XGBoost's C API", unit: "us") {
                try stage.median(20_000) { _ = try stage.reference.probability($0) }
            },
            Side(what: "one score, ours (bar: 2 us)", unit: "us", bar: .atMost(0.1)) {
                stage.median(20_000) { _ = stage.scorer.probability($0) }
            },
        ])
        let reasons = try await context.alternate([
            Side(what: "one score's SHAP values, XGBoost's C API", unit: "us") {
                try stage.median(2_000) { _ = try stage.reference.contributions($0) }
            },
            Side(what: "one score with reasons, ours (bar: 60 us)", unit: "us", bar: .atMost(0.27)) {
                stage.median(2_000) {
                    _ = stage.scorer.probability($0)
                    _ = stage.scorer.reasons($0)
                }
            },
        ])
        let batch = try await context.alternate([
            Side(what: "batch, XGBoost's predict, 1 thread", unit: "rows/s") {
                try stage.rate { _ = try stage.reference.probabilities(stage.matrix) }
            },
            Side(what: "batch, ours, 1 thread", unit: "rows/s", bar: .atLeast(1.5)) {
                stage.rate { _ = stage.scorer.rawProbabilities(stage.matrix) }
            },
        ])
        return single + reasons + batch
    }

    /// The model and a week that it has not seen.
    final class Stage: @unchecked Sendable {
        // SAFETY: used by one measurement at a time.
        let scorer: Scorer
        let reference: ReferenceScorer
        let matrix: FeatureMatrix
        private let rows: [[Float]]

        init() throws {
            let folder = "../../shared/data/handbook"
            guard FileManager.default.fileExists(atPath: folder) else {
                throw BenchmarkError(description: "the handbook's transactions are not in \(folder)")
            }
            let table = try HandbookReader.read(folder: folder)
            let plan = try FeaturePlan(.read(path: "../Sources/Fraud/Rules/features.yml"), set: "own")
            let end = try HandbookProtocol.day("2018-08-01")
            let held = table.rows(from: end - 28, to: end + 7)
            let features = try FeatureTable(plan, over: table, held: held)
            let model = try ModelTrainer().train(table, features: features, days: (end - 28)..<end)
            let key = try Ed25519.PrivateKey()
            scorer = try ModelFile.open(ModelFile.sign(model, with: key), trusted: [key.publicKey], plan: plan)
            reference = try ReferenceScorer(scorer)
            let unseen = table.rows(from: end, to: end + 7)
            matrix = features.picking(unseen.prefix(58_000))
            rows = unseen.prefix(20_000).map { Array(features.picking([$0]).values) }
        }

        /// Microseconds.
        func median(_ count: Int, _ body: ([Float]) throws -> Void) rethrows -> Double {
            let clock = ContinuousClock()
            var times: [Double] = []
            times.reserveCapacity(count)
            for index in 0..<count {
                let row = rows[index % rows.count]
                let start = clock.now
                try body(row)
                times.append(Double((clock.now - start).components.attoseconds) / 1e12)
            }
            return times.median ?? .nan
        }

        func rate(_ body: () throws -> Void) rethrows -> Double {
            let clock = ContinuousClock()
            let start = clock.now
            try body()
            let elapsed = (clock.now - start).components
            return Double(matrix.rows) / (Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18)
        }
    }
}
