internal import Postgres

/// `balance=gt.100,kind=in.(a,b)`: conditions on columns, all of which must hold.
struct ChangeFilter: Sendable, Hashable {
    enum Operation: String, Sendable, CaseIterable {
        case eq, neq, lt, lte, gt, gte, like, ilike, match, imatch, isdistinct
        case `in`, `is`
    }

    enum Value: Sendable, Hashable {
        case text(String)
        case list([String])
        case word(Word)
    }

    enum Word: String, Sendable {
        case null, unknown
        case yes = "true"
        case no = "false"
    }

    struct Condition: Sendable, Hashable {
        let column: String
        let isNegated: Bool
        let operation: Operation
        let value: Value
    }

    private(set) var conditions: [Condition] = []

    var isEmpty: Bool { conditions.isEmpty }
    var columns: Set<String> { Set(conditions.map(\.column)) }

    /// The regular expressions in it.
    var patterns: [String] {
        conditions.compactMap { condition in
            guard condition.operation == .match || condition.operation == .imatch,
                case .text(let text) = condition.value
            else { return nil }
            return text
        }
    }

    private static let bytesMax = 10_000
    private static let listMax = 100

    init(_ text: String, conditionsMax: Int) throws(Refusal) {
        guard !text.isEmpty else { return }
        guard text.utf8.count <= Self.bytesMax else {
            throw Refusal("InvalidFilter", "longer than \(Self.bytesMax) bytes")
        }
        var parts: [String] = []
        for part in Self.split(text[...]) {
            // A comma that no condition follows belongs to the value before it.
            if let last = parts.indices.last, Self.heads(part) == nil {
                parts[last] += "," + part
            } else {
                parts.append(String(part))
            }
        }
        guard parts.count <= conditionsMax else {
            throw Refusal("InvalidFilter", "more than \(conditionsMax) conditions")
        }
        for part in parts { conditions.append(try Self.condition(part)) }
    }

    /// At the commas outside of quotes and parentheses.
    private static func split(_ text: Substring) -> [Substring] {
        var parts: [Substring] = []
        var start = text.startIndex
        var depth = 0
        var isQuoted = false
        var isEscaped = false
        for index in text.indices {
            switch text[index] {
            case _ where isEscaped: isEscaped = false
            case "\\" where isQuoted: isEscaped = true
            case "\"": isQuoted.toggle()
            case "(" where !isQuoted: depth += 1
            case ")" where !isQuoted: depth -= 1
            case "," where !isQuoted && depth <= 0:
                parts.append(text[start..<index])
                start = text.index(after: index)
            default: break
            }
        }
        return parts + [text[start...]]
    }

    /// The column and the operator, with what follows it; nil when the text does not begin with them.
    private static func heads(
        _ part: Substring
    ) -> (column: Substring, isNegated: Bool, operation: Operation, rest: Substring)? {
        guard let equals = part.firstIndex(of: "="), equals > part.startIndex else { return nil }
        var rest = part[part.index(after: equals)...]
        let isNegated = rest.hasPrefix("not.")
        if isNegated { rest = rest.dropFirst(4) }
        guard let dot = rest.firstIndex(of: "."), let operation = Operation(rawValue: String(rest[..<dot])) else {
            return nil
        }
        return (part[..<equals], isNegated, operation, rest[rest.index(after: dot)...])
    }

    private static func condition(_ part: String) throws(Refusal) -> Condition {
        guard let (column, isNegated, operation, rest) = heads(part[...]) else {
            throw Refusal("InvalidFilter", "\(part.prefix(100)) is not column=operator.value")
        }
        guard column.utf8.count <= 63, !rest.utf8.contains(0), !column.utf8.contains(0) else {
            throw Refusal("InvalidFilter", "a name is longer than 63 bytes, or a zero byte stands in the filter")
        }
        let value: Value
        switch operation {
        case .in:
            guard rest.first == "(", rest.last == ")" else {
                throw Refusal("InvalidFilter", "in needs a list in parentheses")
            }
            let items = split(rest.dropFirst().dropLast()).map(unquoted)
            guard items.count <= listMax else {
                throw Refusal("InvalidFilter", "more than \(listMax) values in a list")
            }
            value = .list(items)
        case .is:
            guard let word = Word(rawValue: rest.lowercased()) else {
                throw Refusal("InvalidFilter", "is takes null, true, false or unknown")
            }
            value = .word(word)
        default: value = .text(unquoted(rest))
        }
        return Condition(column: String(column), isNegated: isNegated, operation: operation, value: value)
    }

    private static func unquoted(_ text: Substring) -> String {
        guard text.count >= 2, text.first == "\"", text.last == "\"" else { return String(text) }
        var out = ""
        var isEscaped = false
        for character in text.dropFirst().dropLast() {
            if !isEscaped, character == "\\" {
                isEscaped = true
                continue
            }
            isEscaped = false
            out.append(character)
        }
        return out
    }
}

extension ChangeFilter {
    /// The condition for the server: names quoted, values bound and read by the column's own type.
    var sql: Statement {
        var all: Statement = "true"
        for condition in conditions { all = "\(fragment: all) and (\(fragment: Self.sql(condition)))" }
        return all
    }

    private static func sql(_ condition: Condition) -> Statement {
        let plain = comparison(condition)
        return condition.isNegated ? "not (\(fragment: plain))" : plain
    }

    private static func comparison(_ condition: Condition) -> Statement {
        let name = condition.column
        switch condition.value {
        case .word(.null): return "\(identifier: name) is null"
        case .word(.yes): return "\(identifier: name) is true"
        case .word(.no): return "\(identifier: name) is false"
        case .word(.unknown): return "\(identifier: name) is unknown"
        case .list(let items): return "\(identifier: name) = any (\(SQLArray(items)))"
        case .text(let text):
            switch condition.operation {
            case .neq: return "\(identifier: name) <> \(text)"
            case .lt: return "\(identifier: name) < \(text)"
            case .lte: return "\(identifier: name) <= \(text)"
            case .gt: return "\(identifier: name) > \(text)"
            case .gte: return "\(identifier: name) >= \(text)"
            case .like: return "\(identifier: name)::text like \(text)"
            case .ilike: return "\(identifier: name)::text ilike \(text)"
            case .match: return "\(identifier: name)::text ~ \(text)"
            case .imatch: return "\(identifier: name)::text ~* \(text)"
            case .isdistinct: return "\(identifier: name) is distinct from \(text)"
            case .eq, .in, .is: return "\(identifier: name) = \(text)"
            }
        }
    }
}
