internal import Evidence
internal import Foundation
internal import Fraud
internal import Postgres

/// Trains a candidate and lets it challenge the champion only when it is no worse on days that neither has seen.
public enum FraudRetraining {
    /// Days at the end of the history that decide.
    static let gateDays = 7

    /// - Returns: what happened in words, and whether the gate opened.
    public static func run(
        folder: String, trainDays: Int, until: String?, seed: Int, dataDirectory: String
    ) async throws -> (lines: [String], isOpen: Bool) {
        let data = DataDirectory(dataDirectory)
        return try await BankDatabase.with(data) { database in
            let desk = try await FraudDeskService.open(database, data: data).desk
            let table = try HandbookReader.read(folder: folder)
            guard table.count > 0 else {
                throw FraudProblem.make(
                    "fraud_data_unreadable", "there are no transactions", "Give a folder that has some.")
            }
            let end = try until.map { try HandbookProtocol.day($0) } ?? (table.day(table.count - 1) + 1)
            let gate = end - gateDays
            let features = try FeatureTable(
                desk.plan, over: table, held: table.rows(from: gate - trainDays, to: end))
            var trainer = ModelTrainer()
            trainer.parameters.seed = seed
            let model = try trainer.train(table, features: features, days: (gate - trainDays)..<gate)
            let bytes = try ModelFile.sign(model, with: SigningKey.open(path: data.evidenceKey).key)
            let candidate = try ModelFile.open(bytes, trusted: desk.trusted, plan: desk.plan)
            let rows = table.rows(from: gate, to: end)
            let verdict = ModelGate(
                champion: desk.current.champion?.scorer, candidate: candidate, matrix: features.picking(rows),
                labels: rows.map { table.isFraud[$0] })
            var lines = [
                String(
                    format: "candidate    AP %.4f on the last %d days, %d frauds", verdict.candidate, gateDays,
                    verdict.frauds),
                "champion     " + (verdict.champion.map { "AP \(String(format: "%.4f", $0))" } ?? "none"),
            ]
            guard verdict.isOpen else {
                return (lines + ["the candidate stays out: it is worse, or too few frauds are known"], false)
            }
            let id = try await desk.registry.add(bytes, actor: "retraining")
            try await desk.registry.challenge(id, actor: "retraining")
            lines.append(
                "model        \(id) scores in the shadow; make it the champion with: digitalbank fraud promote \(id)")
            return (lines, true)
        }
    }
}
