internal import Web

/// Why a condition or a template can not be read.
struct TextProblem: Error, Hashable {
    let words: String
}

/// Reads a `Condition`. Length and nesting are bounded.
struct ConditionParser {
    private enum Token: Hashable {
        case word(String)
        case value(JSON)
        case symbol(String)
    }

    private static let lengthMax = 2000
    private static let depthMax = 32

    private let tokens: [Token]
    private var position = 0

    static func parse(_ text: String) throws(TextProblem) -> Condition {
        guard text.utf8.count <= lengthMax else { throw TextProblem(words: "a condition of over \(lengthMax) bytes") }
        var parser = ConditionParser(tokens: try tokens(of: text))
        let condition = try parser.either(depth: 0)
        guard parser.position == parser.tokens.count else { throw TextProblem(words: "\(text): text behind its end") }
        return condition
    }

    private init(tokens: [Token]) { self.tokens = tokens }

    private static func tokens(of text: String) throws(TextProblem) -> [Token] {
        var tokens: [Token] = []
        var rest = Substring(text)
        while let first = rest.first {
            if first.isWhitespace {
                rest = rest.dropFirst()
            } else if first == "'" {
                let body = rest.dropFirst()
                guard let end = body.firstIndex(of: "'") else {
                    throw TextProblem(words: "\(text): a ' without its end")
                }
                tokens.append(.value(.string(String(body[..<end]))))
                rest = body[body.index(after: end)...]
            } else if let symbol = ["<=", ">=", "!=", "=", "<", ">", "(", ")", ","].first(where: rest.hasPrefix) {
                tokens.append(.symbol(symbol))
                rest = rest.dropFirst(symbol.count)
            } else {
                let word = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) }
                guard !word.isEmpty else { throw TextProblem(words: "\(text): nothing begins with \(first)") }
                rest = rest[word.endIndex...]
                if word.first?.isNumber == true || word.first == "-" {
                    guard let number = try? JSONReader.read(String(word)), number.double != nil else {
                        throw TextProblem(words: "\(text): \(word) is no number")
                    }
                    tokens.append(.value(number))
                } else {
                    tokens.append(.word(String(word)))
                }
            }
        }
        return tokens
    }

    private var current: Token? { position < tokens.count ? tokens[position] : nil }

    private mutating func take(_ token: Token) -> Bool {
        guard current == token else { return false }
        position += 1
        return true
    }

    private mutating func either(depth: Int) throws(TextProblem) -> Condition {
        guard depth < Self.depthMax else { throw TextProblem(words: "a condition that is nested too deep") }
        var left = try both(depth: depth)
        while take(.word("or")) { left = .either(left, try both(depth: depth)) }
        return left
    }

    private mutating func both(depth: Int) throws(TextProblem) -> Condition {
        var left = try single(depth: depth)
        while take(.word("and")) { left = .both(left, try single(depth: depth)) }
        return left
    }

    private mutating func single(depth: Int) throws(TextProblem) -> Condition {
        guard depth < Self.depthMax else { throw TextProblem(words: "a condition that is nested too deep") }
        if take(.word("not")) { return .not(try single(depth: depth + 1)) }
        if take(.symbol("(")) {
            let inner = try either(depth: depth + 1)
            guard take(.symbol(")")) else { throw TextProblem(words: "a ) is missing") }
            return inner
        }
        let left = try operand()
        if take(.word("exists")) {
            guard case .path(let path) = left else { throw TextProblem(words: "exists belongs behind a field") }
            return .exists(path)
        }
        if take(.word("contains")) { return .compare(left, .contains, try operand()) }
        if take(.word("in")) { return .isOneOf(left, try list()) }
        guard case .symbol(let symbol)? = current, let how = Condition.Comparison(rawValue: symbol) else {
            if case .value(.bool(let value)) = left { return .constant(value) }
            throw TextProblem(words: "a comparison is missing behind a field")
        }
        position += 1
        return .compare(left, how, try operand())
    }

    private mutating func list() throws(TextProblem) -> [Condition.Operand] {
        guard take(.symbol("(")) else { throw TextProblem(words: "a list stands in parentheses") }
        var list = [try operand()]
        while take(.symbol(",")) { list.append(try operand()) }
        guard take(.symbol(")")) else { throw TextProblem(words: "a ) is missing") }
        return list
    }

    private mutating func operand() throws(TextProblem) -> Condition.Operand {
        defer { position += 1 }
        switch current {
        case .value(let value): return .value(value)
        case .word("true"): return .value(true)
        case .word("false"): return .value(false)
        case .word("null"): return .value(.null)
        case .word(let word):
            guard !["and", "or", "not", "in", "contains", "exists"].contains(word), let path = JSONPath(word) else {
                throw TextProblem(words: "\(word) is no field")
            }
            return .path(path)
        default: throw TextProblem(words: "a field or a value is missing")
        }
    }
}
