/// A Sigma rule, ready to run: https://sigmahq.io/sigma-specification
struct SigmaRule: Sendable {
    /// All tests of one field: any of the values, or all of them.
    struct FieldTest: Sendable {
        let field: SigmaField
        let tests: [SigmaTest]
        let needsAll: Bool
        /// The same tests where the field is a number, so that no text has to be made of it.
        private let numbers: [(comparison: SigmaTest.Comparison, limit: Int64)]?
        /// What it takes, roughly, in comparisons of a byte.
        let cost: Int

        init(field: SigmaField, tests: [SigmaTest], needsAll: Bool) {
            self.field = field
            self.tests = tests
            self.needsAll = needsAll
            let numbers = tests.compactMap(\.numeric)
            self.numbers = field.isNumber && numbers.count == tests.count ? numbers : nil
            cost = self.numbers == nil ? tests.reduce(field.cost) { $0 + $1.cost } : 1
        }

        func matches(_ event: LogEvent) -> Bool {
            if let numbers {
                guard let value = field.number(event) else { return false }
                return needsAll
                    ? numbers.allSatisfy { $0.comparison.holds(value, $0.limit) }
                    : numbers.contains { $0.comparison.holds(value, $0.limit) }
            }
            return field.with(event) { text in
                needsAll ? tests.allSatisfy { $0.matches(text) } : tests.contains { $0.matches(text) }
            }
        }

        /// One of these stands in every line that matches; nil: nothing is sure.
        var literals: [SigmaLiteral]? {
            guard let part = field.part else { return nil }
            let found = tests.map { $0.literal.map { SigmaLiteral(text: $0, part: part) } }
            if needsAll { return found.compactMap { $0 }.max { $0.length < $1.length }.map { [$0] } }
            let sure = found.compactMap { $0 }
            return sure.count == tests.count && !sure.isEmpty ? sure : nil
        }

        /// The status codes that can match.
        var statuses: StatusRange {
            guard field == .status, let numbers else { return .all }
            let ranges = numbers.map { StatusRange($0.comparison, $0.limit) }
            return needsAll ? .intersection(ranges) : .hull(ranges)
        }
    }

    /// A list of maps: any of them; a map: all its fields.
    struct Selection: Sendable {
        /// The cheapest tests first.
        let alternatives: [[FieldTest]]
        let cost: Int

        init(alternatives: [[FieldTest]]) {
            self.alternatives = alternatives.map { $0.sorted { $0.cost < $1.cost } }
            cost = self.alternatives.reduce(0) { $0 + ($1.first?.cost ?? 0) }
        }

        func matches(_ event: LogEvent) -> Bool {
            alternatives.contains { $0.allSatisfy { $0.matches(event) } }
        }

        var statuses: StatusRange {
            .hull(alternatives.map { fields in .intersection(fields.map(\.statuses)) })
        }

        var literals: [SigmaLiteral]? {
            var all: [SigmaLiteral] = []
            for fields in alternatives {
                guard let best = fields.compactMap(\.literals).max(by: { Self.worth($0) < Self.worth($1) }) else {
                    return nil
                }
                all += best
            }
            return all
        }

        private static func worth(_ literals: [SigmaLiteral]) -> Int { literals.map(\.length).min() ?? 0 }
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
    /// The condition with its selections in place, the cheapest first.
    private let check: Check
    /// Only for correlations: raises nothing alone.
    var isSilent = false

    private indirect enum Check: Sendable {
        case selection(Selection)
        case not(Check)
        case and([Check])
        case or([Check])
        case some([Selection], atLeast: Int)

        init(_ condition: Condition, _ selections: [String: Selection]) {
            func parts(_ conditions: [Condition]) -> [Check] {
                conditions.map { Check($0, selections) }.sorted { $0.cost < $1.cost }
            }
            switch condition {
            case .selection(let name): self = .selection(selections[name] ?? Selection(alternatives: []))
            case .not(let inner): self = .not(Check(inner, selections))
            case .and(let inner): self = .and(parts(inner))
            case .or(let inner): self = .or(parts(inner))
            case .some(let names, let least):
                self = .some(names.compactMap { selections[$0] }.sorted { $0.cost < $1.cost }, atLeast: least)
            }
        }

        var cost: Int {
            switch self {
            case .selection(let selection): selection.cost
            case .not(let inner): inner.cost
            case .and(let parts): parts.first?.cost ?? 0
            case .or(let parts): parts.reduce(0) { $0 + $1.cost }
            case .some(let selections, _): selections.first?.cost ?? 0
            }
        }

        func holds(_ event: LogEvent) -> Bool {
            switch self {
            case .selection(let selection): return selection.matches(event)
            case .not(let inner): return !inner.holds(event)
            case .and(let parts): return parts.allSatisfy { $0.holds(event) }
            case .or(let parts): return parts.contains { $0.holds(event) }
            case .some(let selections, let least):
                var count = 0
                for (index, selection) in selections.enumerated() {
                    if selection.matches(event) { count += 1 }
                    if count >= least { return true }
                    if count + selections.count - index - 1 < least { return false }
                }
                return least <= 0
            }
        }
    }

    init(
        id: String, name: String?, rule: Rule, sources: Set<UInt8>, selections: [String: Selection],
        condition: Condition
    ) {
        self.id = id
        self.name = name
        self.rule = rule
        self.sources = sources
        self.selections = selections
        self.condition = condition
        check = Check(condition, selections)
    }

    func matches(_ event: LogEvent) -> Bool { check.holds(event) }

    /// The status codes that a matching event can have.
    var statuses: StatusRange { statuses(of: condition) }

    private func statuses(of condition: Condition) -> StatusRange {
        switch condition {
        case .selection(let name): selections[name]?.statuses ?? .all
        case .and(let parts): .intersection(parts.map { statuses(of: $0) })
        case .or(let parts): .hull(parts.map { statuses(of: $0) })
        case .some(let names, let least):
            least >= names.count ? .intersection(names.map { selections[$0]?.statuses ?? .all }) : .all
        case .not: .all
        }
    }

    var literals: [SigmaLiteral]? { literals(of: condition) }

    private func literals(of condition: Condition) -> [SigmaLiteral]? {
        switch condition {
        case .selection(let name): return selections[name]?.literals
        case .not: return nil
        case .and(let parts):
            return parts.compactMap { literals(of: $0) }.max {
                ($0.map(\.length).min() ?? 0) < ($1.map(\.length).min() ?? 0)
            }
        case .or(let parts): return union(parts.map { literals(of: $0) })
        case .some(let names, let least):
            let all = names.map { selections[$0]?.literals }
            return least >= names.count ? all.compactMap { $0 }.first : union(all)
        }
    }

    private func union(_ lists: [[SigmaLiteral]?]) -> [SigmaLiteral]? {
        var all: [SigmaLiteral] = []
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
