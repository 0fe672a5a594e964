/// How well scores put frauds before genuine payments.
public enum Metrics {
    /// Area under the ROC curve; ties count half.
    public static func auc(_ scores: [Float], _ labels: [Bool]) -> Double {
        let frauds = Double(labels.count { $0 })
        let genuine = Double(labels.count) - frauds
        guard frauds > 0, genuine > 0 else { return .nan }
        var above = 0.0
        var area = 0.0
        for group in groups(scores, labels) {
            area += Double(group.genuine) * (above + Double(group.frauds) / 2)
            above += Double(group.frauds)
        }
        return area / (frauds * genuine)
    }

    /// Average precision: the precision at each threshold, weighted by the recall it adds.
    public static func averagePrecision(_ scores: [Float], _ labels: [Bool]) -> Double {
        let frauds = Double(labels.count { $0 })
        guard frauds > 0 else { return .nan }
        var (found, seen, sum) = (0.0, 0.0, 0.0)
        for group in groups(scores, labels) {
            found += Double(group.frauds)
            seen += Double(group.frauds + group.genuine)
            sum += Double(group.frauds) / frauds * found / seen
        }
        return sum
    }

    /// The greatest share of frauds found at a threshold whose precision is at least `precision`.
    public static func recall(atPrecision precision: Double, _ scores: [Float], _ labels: [Bool]) -> Double {
        let frauds = Double(labels.count { $0 })
        guard frauds > 0 else { return .nan }
        var (found, seen, best) = (0.0, 0.0, 0.0)
        for group in groups(scores, labels) {
            found += Double(group.frauds)
            seen += Double(group.frauds + group.genuine)
            if found / seen >= precision { best = found / frauds }
        }
        return best
    }

    /// Mean over the days of the share of compromised cards among the `top` cards of the day's highest scores. Cards that
    /// were found leave the days after.
    public static func cardPrecision(
        top: Int, scores: [Float], labels: [Bool], cards: [Int64], days: [Int]
    ) -> Double {
        var found: Set<Int64> = []
        var precisions: [Double] = []
        for (_, rows) in Dictionary(grouping: scores.indices, by: { days[$0] }).sorted(by: { $0.key < $1.key }) {
            var best: [Int64: (score: Float, isFraud: Bool)] = [:]
            for row in rows where !found.contains(cards[row]) {
                let known = best[cards[row]] ?? (-.infinity, false)
                best[cards[row]] = (max(known.score, scores[row]), known.isFraud || labels[row])
            }
            let ranked = best.sorted { ($0.value.score, $1.key) > ($1.value.score, $0.key) }
            let hits = ranked.prefix(top).filter(\.value.isFraud).map(\.key)
            precisions.append(Double(hits.count) / Double(top))
            found.formUnion(hits)
        }
        return precisions.isEmpty ? .nan : precisions.reduce(0, +) / Double(precisions.count)
    }

    /// Mean squared difference between probability and outcome.
    public static func brier(_ probabilities: [Float], _ labels: [Bool]) -> Double {
        guard !labels.isEmpty else { return .nan }
        let sum = zip(probabilities, labels).reduce(0.0) { sum, pair in
            let difference = Double(pair.0) - (pair.1 ? 1 : 0)
            return sum + difference * difference
        }
        return sum / Double(labels.count)
    }

    private struct Group {
        var frauds = 0
        var genuine = 0
    }

    /// Rows of one score together, from the highest.
    private static func groups(_ scores: [Float], _ labels: [Bool]) -> [Group] {
        let order = scores.indices.sorted { scores[$0] > scores[$1] }
        var groups: [Group] = []
        var last = Float.nan
        for row in order {
            if groups.isEmpty || scores[row] != last { groups.append(Group()) }
            last = scores[row]
            if labels[row] { groups[groups.count - 1].frauds += 1 } else { groups[groups.count - 1].genuine += 1 }
        }
        return groups
    }
}
