/// What one request of a role may cost: `anon=1000:100000` is a thousand rows and a hundred thousand units of the
/// planner's estimate.
public struct RoleCeiling: Sendable, Hashable {
    public let role: String
    /// 0 is no limit; nil leaves what was set.
    public let rows: Int64?
    public let cost: Double?

    /// Nil for a text of another form: `ROLE=ROWS`, `ROLE=ROWS:COST`, `ROLE=:COST`.
    public init?(_ text: String) {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { return nil }
        let figures = parts[1].split(separator: ":", omittingEmptySubsequences: false)
        guard (1...2).contains(figures.count), !parts[1].isEmpty, parts[1] != ":" else { return nil }
        role = String(parts[0])
        guard figures[0].isEmpty || Int64(figures[0]).map({ $0 >= 0 }) == true else { return nil }
        rows = Int64(figures[0])
        guard figures.count == 2 else {
            cost = nil
            return
        }
        guard let cost = Double(figures[1]), cost.isFinite, cost >= 0 else { return nil }
        self.cost = cost
    }
}
