/// Reads a rule's condition; an error says what it stumbled over.
struct ExpressionParser {
    private static let depthMax = 32
    private static let lengthMax = 2_000

    private let tokens: [Substring]
    private let columns: [String: Int]
    private var position = 0

    static func parse(_ text: String, columns: [String: Int]) throws(FraudError) -> Expression {
        guard text.utf8.count <= lengthMax else { throw FraudError.rule("a condition is over \(lengthMax) bytes") }
        var parser = ExpressionParser(tokens: try split(text), columns: columns)
        let expression = try parser.either(depth: 0)
        guard parser.position == parser.tokens.count else {
            throw FraudError.rule("\"\(parser.tokens[parser.position])\" is too much in \"\(text)\"")
        }
        return expression
    }

    private init(tokens: [Substring], columns: [String: Int]) {
        self.tokens = tokens
        self.columns = columns
    }

    private static func split(_ text: String) throws(FraudError) -> [Substring] {
        var tokens: [Substring] = []
        var rest = Substring(text)
        while let first = rest.first {
            if first.isWhitespace {
                rest = rest.dropFirst()
                continue
            }
            let word = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == ".") }
            if !word.isEmpty {
                tokens.append(word)
                rest = rest.dropFirst(word.count)
                continue
            }
            guard
                let sign = ["<=", ">=", "==", "!=", "<", ">", "+", "-", "*", "/", "(", ")"].first(where: rest.hasPrefix)
            else { throw FraudError.rule("\"\(first)\" stands in a condition") }
            tokens.append(rest.prefix(sign.count))
            rest = rest.dropFirst(sign.count)
        }
        return tokens
    }

    private mutating func take(_ words: Set<Substring>) -> Substring? {
        guard position < tokens.count, words.contains(tokens[position]) else { return nil }
        defer { position += 1 }
        return tokens[position]
    }

    private mutating func either(depth: Int) throws(FraudError) -> Expression {
        guard depth < Self.depthMax else { throw FraudError.rule("a condition has over \(Self.depthMax) levels") }
        var left = try both(depth: depth)
        while take(["or"]) != nil { left = .either(left, try both(depth: depth)) }
        return left
    }

    private mutating func both(depth: Int) throws(FraudError) -> Expression {
        var left = try negated(depth: depth)
        while take(["and"]) != nil { left = .both(left, try negated(depth: depth)) }
        return left
    }

    private mutating func negated(depth: Int) throws(FraudError) -> Expression {
        guard depth < Self.depthMax else { throw FraudError.rule("a condition has over \(Self.depthMax) levels") }
        if take(["not"]) != nil { return .not(try negated(depth: depth + 1)) }
        let left = try sum(depth: depth)
        guard let sign = take(["<", "<=", ">", ">=", "==", "!="]),
            let known = Expression.Operator(rawValue: String(sign))
        else { return left }
        return .comparison(known, left, try sum(depth: depth))
    }

    private mutating func sum(depth: Int) throws(FraudError) -> Expression {
        var left = try product(depth: depth)
        while let sign = take(["+", "-"]) {
            left = .arithmetic(sign == "+" ? .add : .subtract, left, try product(depth: depth))
        }
        return left
    }

    private mutating func product(depth: Int) throws(FraudError) -> Expression {
        var left = try atom(depth: depth)
        while let sign = take(["*", "/"]) {
            left = .arithmetic(sign == "*" ? .multiply : .divide, left, try atom(depth: depth))
        }
        return left
    }

    private mutating func atom(depth: Int) throws(FraudError) -> Expression {
        guard depth < Self.depthMax else { throw FraudError.rule("a condition has over \(Self.depthMax) levels") }
        guard position < tokens.count else { throw FraudError.rule("a condition ends too early") }
        if take(["("]) != nil {
            let inner = try either(depth: depth + 1)
            guard take([")"]) != nil else { throw FraudError.rule("a bracket is not closed") }
            return inner
        }
        if take(["-"]) != nil { return .arithmetic(.subtract, .number(0), try atom(depth: depth + 1)) }
        let word = tokens[position]
        position += 1
        if let number = Double(word), number.isFinite { return .number(number) }
        guard let column = columns[String(word)] else { throw FraudError.rule("there is no column \"\(word)\"") }
        return .column(column)
    }
}
