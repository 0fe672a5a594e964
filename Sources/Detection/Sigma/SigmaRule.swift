/// A Sigma rule, ready to run: https://sigmahq.io/sigma-specification
struct SigmaRule: Sendable {
    /// All tests of one field: any of the values, or all of them.
    struct FieldTest: Sendable {
        let field: SigmaField
        let tests: [SigmaTest]
        let needsAll: Bool

        func matches(_ event: LogEvent) -> Bool {
            field.with(event) { text in
                needsAll ? tests.allSatisfy { $0.matches(text) } : tests.contains { $0.matches(text) }
            }
        }

        /// One of these stands in every line that matches; nil: nothing is sure.
        var literals: [String]? {
            let found = tests.map(\.literal)
            if needsAll { return found.compactMap { $0 }.max { $0.count < $1.count }.map { [$0] } }
            let sure = found.compactMap { $0 }
            return sure.count == tests.count && !sure.isEmpty ? sure : nil
        }
    }

    /// A list of maps: any of them; a map: all its fields.
    struct Selection: Sendable {
        let alternatives: [[FieldTest]]

        func matches(_ event: LogEvent) -> Bool {
            alternatives.contains { $0.allSatisfy { $0.matches(event) } }
        }

        var literals: [String]? {
            var all: [String] = []
            for fields in alternatives {
                guard let best = fields.compactMap(\.literals).max(by: { Self.worth($0) < Self.worth($1) }) else {
                    return nil
                }
                all += best
            }
            return all
        }

        private static func worth(_ literals: [String]) -> Int { literals.map(\.count).min() ?? 0 }
    }

    indirect enum Condition: Sendable {
        case selection(String)
        case not(Condition)
        case and([Condition])
        case or([Condition])
        /// `1 of`, `all of`, with the names that the pattern stands for.
        case some([String], atLeast: Int)
    }

    let id: String
    let name: String?
    let rule: Rule
    let sources: Set<UInt8>
    let selections: [String: Selection]
    let condition: Condition
    /// Only for correlations: raises nothing alone.
    var isSilent = false

    func matches(_ event: LogEvent) -> Bool { evaluate(condition, event) }

    private func evaluate(_ condition: Condition, _ event: LogEvent) -> Bool {
        switch condition {
        case .selection(let name): selections[name]?.matches(event) ?? false
        case .not(let inner): !evaluate(inner, event)
        case .and(let parts): parts.allSatisfy { evaluate($0, event) }
        case .or(let parts): parts.contains { evaluate($0, event) }
        case .some(let names, let least): names.count(where: { selections[$0]?.matches(event) ?? false }) >= least
        }
    }

    var literals: [String]? { literals(of: condition) }

    private func literals(of condition: Condition) -> [String]? {
        switch condition {
        case .selection(let name): return selections[name]?.literals
        case .not: return nil
        case .and(let parts):
            return parts.compactMap { literals(of: $0) }.max {
                ($0.map(\.count).min() ?? 0) < ($1.map(\.count).min() ?? 0)
            }
        case .or(let parts): return union(parts.map { literals(of: $0) })
        case .some(let names, let least):
            let all = names.map { selections[$0]?.literals }
            return least >= names.count ? all.compactMap { $0 }.first : union(all)
        }
    }

    private func union(_ lists: [[String]?]) -> [String]? {
        var all: [String] = []
        for list in lists {
            guard let list else { return nil }
            all += list
        }
        return all
    }
}

/// A Sigma correlation: events of other rules, counted or in order, by group.
struct SigmaCorrelation: Sendable {
    enum Kind: Sendable { case eventCount, valueCount(SigmaField), temporal, ordered }

    let rule: Rule
    let kind: Kind
    /// Ids or names of the rules whose events count.
    let parts: [String]
    let groupBy: [SigmaField]
    let span: Int64
    let comparison: SigmaTest.Comparison
    let threshold: Int
}
