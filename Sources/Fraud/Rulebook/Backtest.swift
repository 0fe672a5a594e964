/// What a rule would have done over history: looked at before it is put in force.
public struct Backtest: Sendable, Hashable {
    public let rule: String
    public var hits = 0
    public var frauds = 0
    public var fraudMinor: Int64 = 0
    public var genuineMinor: Int64 = 0

    public var falseAlarms: Int { hits - frauds }
    public var precision: Double { hits == 0 ? 0 : Double(frauds) / Double(hits) }

    public static func run(
        _ book: Rulebook, _ table: TransactionTable, _ features: FeatureTable, rows: Range<Int>,
        scorer: Scorer? = nil
    ) -> [Backtest] {
        var results = book.rules.map { Backtest(rule: $0.name) }
        let needsOddity = scorer != nil && book.columns.contains("oddity")
        for row in rows {
            let values = Array(features.picking(CollectionOfOne(row)).values)
            let probability = scorer?.probability(values) ?? .nan
            let oddity = needsOddity ? scorer?.oddity(values) ?? .nan : .nan
            let all = values.map(Double.init) + [Double(probability), Double(oddity)]
            for (index, rule) in book.rules.enumerated() where rule.condition.holds(all) {
                results[index].hits += 1
                if table.isFraud[row] {
                    results[index].frauds += 1
                    results[index].fraudMinor += table.minor[row]
                } else {
                    results[index].genuineMinor += table.minor[row]
                }
            }
        }
        return results
    }
}
