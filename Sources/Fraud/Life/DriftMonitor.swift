internal import Postgres

/// Measures how far payments have gone from what the champion was trained on, and keeps it where figures are read.
public struct DriftMonitor: Sendable {
    public static let paymentsMax = 10_000
    /// With fewer payments a stability index says nothing.
    public static let paymentsMin = 500

    private let desk: FraudDesk

    public init(desk: FraudDesk) { self.desk = desk }

    /// Measures and keeps; says how many payments it was measured on, nil without a champion.
    @discardableResult
    public func measure() async throws -> Int? {
        guard let champion = desk.current.champion else { return nil }
        let store = DriftStore(database: desk.database)
        let rows = try await store.recentColumns(version: desk.version, limit: Self.paymentsMax)
            .compactMap(FraudDesk.row).filter { $0.count == desk.plan.columns.count }
        var figures = [DriftStore.Figure(measure: "paiements", value: Double(rows.count))]
        if rows.count >= Self.paymentsMin {
            var matrix = FeatureMatrix(rows: rows.count, columns: desk.plan.columns.count)
            for (index, row) in rows.enumerated() {
                matrix.withRow(index) { for column in row.indices { $0[column] = row[column] } }
            }
            let drift = champion.scorer.model.profile.drift(
                matrix, probabilities: champion.scorer.probabilities(matrix))
            for column in drift {
                let isScore = column.name == "score"
                figures.append(
                    .init(
                        measure: isScore ? "score_psi" : "psi", column: isScore ? "" : column.name,
                        value: column.index))
            }
        }
        let outcome = try await store.outcome(model: champion.id, labelDelaySeconds: desk.plan.labelDelay / Span.second)
        figures.append(.init(measure: "fraudes", value: Double(outcome.frauds)))
        if outcome.promised > 0 {
            figures.append(.init(measure: "calibration", value: Double(outcome.frauds) / outcome.promised))
        }
        if let share = outcome.alertShare { figures.append(.init(measure: "alertes", value: share)) }
        if let before = outcome.alertShareBefore { figures.append(.init(measure: "alertes_avant", value: before)) }
        let kept = figures
        try await desk.database.transaction { tx in
            try await DriftStore(database: tx).keep(kept, model: champion.id)
        }
        return rows.count
    }

    /// Whether this server's turn has come: of many servers one measures, and not more often than every so many seconds.
    public func turn(_ work: FraudWork, holder: String, everySeconds: Int64) async throws -> Bool {
        try await DriftStore(database: desk.database).takeLease(
            work.rawValue, holder: holder, seconds: work.seconds, everySeconds: everySeconds)
    }

    public func done(_ work: FraudWork, holder: String, result: String?) async throws {
        try await DriftStore(database: desk.database).returnLease(work.rawValue, holder: holder, result: result)
    }
}

/// What one server of many does.
public enum FraudWork: String, Sendable {
    case drift = "derive"
    case retraining = "reentrainement"

    /// How long one may take before another server may begin it.
    var seconds: Int64 { self == .drift ? 300 : 4 * 3_600 }
}
