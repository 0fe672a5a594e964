internal import Web

/// A filter of a scenario: `event.statut = 'ouvert' and event.montant_max_minor >= 100000`.
///
/// Operators: `or`, `and`, `not`, `=`, `!=`, `<`, `<=`, `>`, `>=`, `in (…)`, `contains`, `exists`, parentheses.
/// Total: a
/// value that is missing equals only `null`, and no comparison of unlike things holds.
indirect enum Condition: Sendable, Hashable {
    case constant(Bool)
    case not(Condition)
    case both(Condition, Condition)
    case either(Condition, Condition)
    case exists(JSONPath)
    case compare(Operand, Comparison, Operand)
    case isOneOf(Operand, [Operand])

    enum Operand: Sendable, Hashable {
        case path(JSONPath)
        case value(JSON)

        func value(in root: JSON) -> JSON {
            switch self {
            case .path(let path): path.value(in: root) ?? .null
            case .value(let value): value
            }
        }
    }

    enum Comparison: String, Sendable {
        case equal = "="
        case unequal = "!="
        case less = "<"
        case lessOrEqual = "<="
        case greater = ">"
        case greaterOrEqual = ">="
        case contains

        func holds(_ left: JSON, _ right: JSON) -> Bool {
            switch self {
            case .equal: Self.areEqual(left, right)
            case .unequal: !Self.areEqual(left, right)
            case .contains:
                if let list = left.array {
                    list.contains { Self.areEqual($0, right) }
                } else if let text = left.string, let part = right.string {
                    part.isEmpty || text.contains(part)
                } else {
                    false
                }
            case .less, .lessOrEqual, .greater, .greaterOrEqual: isOrdered(left, right)
            }
        }

        private func isOrdered(_ left: JSON, _ right: JSON) -> Bool {
            if let a = left.integer, let b = right.integer { return holds(a, b) }
            if case .number = left, case .number = right, let a = left.double, let b = right.double {
                return holds(a, b)
            }
            // Texts are ordered as they stand: right for ISO 8601 times of one zone.
            if let a = left.string, let b = right.string { return holds(a, b) }
            if let a = left.double, let b = right.double { return holds(a, b) }
            return false
        }

        private func holds<Value: Comparable>(_ a: Value, _ b: Value) -> Bool {
            switch self {
            case .less: a < b
            case .lessOrEqual: a <= b
            case .greater: a > b
            case .greaterOrEqual: a >= b
            default: false
            }
        }

        private static func areEqual(_ a: JSON, _ b: JSON) -> Bool {
            if case .number = a, case .number = b { return a == b || a.double == b.double }
            return a == b
        }
    }

    func holds(in root: JSON) -> Bool {
        switch self {
        case .constant(let value): value
        case .not(let inner): !inner.holds(in: root)
        case .both(let a, let b): a.holds(in: root) && b.holds(in: root)
        case .either(let a, let b): a.holds(in: root) || b.holds(in: root)
        case .exists(let path): !(path.value(in: root) ?? .null).isNull
        case .compare(let a, let how, let b): how.holds(a.value(in: root), b.value(in: root))
        case .isOneOf(let a, let list):
            list.contains { Comparison.equal.holds(a.value(in: root), $0.value(in: root)) }
        }
    }

    /// Every path that it reads.
    var paths: [JSONPath] {
        switch self {
        case .constant: []
        case .not(let inner): inner.paths
        case .both(let a, let b), .either(let a, let b): a.paths + b.paths
        case .exists(let path): [path]
        case .compare(let a, _, let b): [a, b].flatMap(Self.paths)
        case .isOneOf(let a, let list): ([a] + list).flatMap(Self.paths)
        }
    }

    private static func paths(_ operand: Operand) -> [JSONPath] {
        if case .path(let path) = operand { [path] } else { [] }
    }
}
