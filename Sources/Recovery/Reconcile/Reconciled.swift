/// What the reconciliation found and did.
struct Reconciled: Codable, Sendable, Equatable {
    /// Grouped by rule and table, with masked samples.
    var findings: [DataFinding] = []
    /// Rows by what was done to them.
    var tampered: [String: Int64] = [:]
    var proposedRepairs: Int64 = 0
    var certainRepairs: Int64 = 0
    var appliedRepairs: Int64 = 0
    /// Repairs that could not be applied, and why.
    var refusedRepairs: [String: String] = [:]
    var attack: AttackPeriod?
    /// Seconds by rule.
    var seconds: [String: Double] = [:]
    /// Rows in `findings.jsonl`.
    var rowFindings: Int64 = 0
}
