internal import Yams

/// Correlations of Sigma 2: what they count, and how much is enough.
extension SigmaParser {
    func correlation(_ node: Node) throws(DetectionError) -> (SigmaCorrelation, isGenerating: Bool) {
        let (_, _, rule) = try header(node)
        guard let body = node["correlation"], let type = body["type"]?.string else {
            throw fail("the correlation has no type")
        }
        let parts = body["rules"]?.string.map { [$0] } ?? body["rules"]?.array().compactMap(\.string) ?? []
        guard !parts.isEmpty, parts.count <= 16 else { throw fail("a correlation takes 1 to 16 rules") }
        let groupBy = body["group-by"]?.string.map { [$0] } ?? body["group-by"]?.array().compactMap(\.string) ?? []
        guard let span = Self.span(body["timespan"]?.string ?? "") else {
            throw fail("the timespan is no number with s, m, h or d")
        }
        for key in body.mapping?.keys.compactMap(\.string) ?? [] where !Self.correlationKeys.contains(key) {
            throw fail("\(key) of a correlation is not known here")
        }
        let (comparison, threshold) = try self.threshold(body["condition"], type, parts.count)
        let kind: SigmaCorrelation.Kind
        switch type {
        case "event_count": kind = .eventCount
        case "value_count":
            guard let field = body["condition"]?["field"]?.string else {
                throw fail("value_count needs condition.field")
            }
            kind = .valueCount(SigmaField(name: field))
        case "temporal": kind = .temporal
        case "temporal_ordered": kind = .ordered
        default: throw fail("the correlation type \(type) is not known here")
        }
        guard (1...10_000).contains(threshold) else { throw fail("the threshold \(threshold) is not in 1 to 10000") }
        let made = SigmaCorrelation(
            rule: rule, kind: kind, parts: parts, groupBy: groupBy.map(SigmaField.init(name:)), span: span,
            comparison: comparison, threshold: threshold)
        return (made, body["generate"]?.bool ?? false)
    }

    private static func span(_ text: String) -> Int64? {
        guard let unit = text.last, let number = Int64(text.dropLast()), number > 0, number < 100_000 else {
            return nil
        }
        let seconds: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        return seconds[unit].map { $0 * number * Instant.second }
    }

    private static let correlationKeys: Set<String> = [
        "type", "rules", "group-by", "timespan", "condition", "generate",
    ]

    /// How many are needed. What is counted while it comes can be enough; that it stays few shows only afterwards.
    private func threshold(
        _ node: Node?, _ type: String, _ parts: Int
    ) throws(DetectionError) -> (SigmaTest.Comparison, Int) {
        let isTemporal = type.hasPrefix("temporal")
        guard let node else {
            guard isTemporal else { throw fail("\(type) needs a condition") }
            return (.greaterOrEqual, parts)
        }
        guard let mapping = node.mapping else { throw fail("the condition of a correlation is no mapping") }
        let known: [String: SigmaTest.Comparison] = ["gte": .greaterOrEqual, "gt": .greater, "eq": .equal]
        var found: (SigmaTest.Comparison, Int)?
        for (key, value) in mapping {
            let name = key.string ?? ""
            if name == "field", type == "value_count" { continue }
            guard !isTemporal else { throw fail("a condition of \(type) is not known here") }
            guard let comparison = known[name] else {
                throw fail("the condition \(name) of a correlation is not known here")
            }
            guard let number = value.int else { throw fail("\(name) of a condition is no number") }
            guard found == nil else { throw fail("a condition with two limits is not known here") }
            found = (comparison, number)
        }
        guard let found else {
            guard isTemporal else { throw fail("the condition has no gte, gt or eq") }
            return (.greaterOrEqual, parts)
        }
        return found
    }
}
