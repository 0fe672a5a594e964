/// Reads common expressions by the strength of their operators. Bounded: so many nodes, so deep.
struct ExpressionParser {
    static let depthMax = 40
    static let nodesMax = 400

    var lexer: Lexer
    private var nodes = 0

    init(_ text: String) throws(ODataProblem) { lexer = try Lexer(text) }

    static func expression(_ text: String) throws(ODataProblem) -> ODataExpression {
        var parser = try ExpressionParser(text)
        let expression = try parser.expression()
        try parser.expectEnd()
        return expression
    }

    func expectEnd() throws(ODataProblem) {
        guard lexer.token == .end else { throw .invalid("text behind the end of the expression", at: lexer.start) }
    }

    mutating func expression() throws(ODataProblem) -> ODataExpression { try binary(above: 0, depth: 0) }

    private mutating func count(_ depth: Int) throws(ODataProblem) {
        nodes += 1
        guard nodes <= Self.nodesMax else { throw .invalid("an expression has at most \(Self.nodesMax) parts") }
        guard depth <= Self.depthMax else { throw .invalid("an expression is at most \(Self.depthMax) levels deep") }
    }

    private mutating func binary(above strength: Int, depth: Int) throws(ODataProblem) -> ODataExpression {
        var left = try unary(depth: depth)
        while lexer.hasSpace, case .word(let word) = lexer.token {
            let word = word.lowercased()
            if word == "in" {
                // Stronger than all others: `not a in (…)` denies the whole.
                try lexer.advance()
                left = .within(left, try list(depth: depth))
                continue
            }
            if word == "has" { throw .unsupported("has") }
            guard let known = BinaryOperator(rawValue: word) else { return left }
            guard known.strength > strength else { return left }
            let place = lexer.start
            try lexer.advance()
            guard lexer.hasSpace || lexer.token == .symbol(UInt8(ascii: "(")) else {
                throw .invalid("\(word) lacks what it works on", at: place)
            }
            try count(depth)
            left = .binary(known, left, try binary(above: known.strength, depth: depth + 1))
        }
        return left
    }

    private static let constants: [String: Literal] = ["null": .null, "true": .bool(true), "false": .bool(false)]

    private mutating func list(depth: Int) throws(ODataProblem) -> [ODataExpression] {
        try lexer.expect("(")
        var values: [ODataExpression] = []
        if try lexer.take(")") { return values }
        repeat {
            try count(depth)
            switch lexer.token {
            case .literal(let literal): values.append(.literal(literal))
            case .word(let word):
                guard let literal = Self.constants[word.lowercased()] else { fallthrough }
                values.append(.literal(literal))
            default: throw .invalid("a list of `in` holds constants", at: lexer.start)
            }
            try lexer.advance()
        } while try lexer.take(",")
        try lexer.expect(")")
        return values
    }

    private mutating func unary(depth: Int) throws(ODataProblem) -> ODataExpression {
        try count(depth)
        if case .word(let word) = lexer.token, word.lowercased() == "not" {
            try lexer.advance()
            return .not(try binary(above: 6, depth: depth + 1))
        }
        if try lexer.take("-") { return .negate(try unary(depth: depth + 1)) }
        if try lexer.take("(") {
            let inner = try binary(above: 0, depth: depth + 1)
            try lexer.expect(")")
            return inner
        }
        switch lexer.token {
        case .literal(let literal):
            try lexer.advance()
            return .literal(literal)
        case .alias(let name):
            try lexer.advance()
            return .alias(name)
        case .word(let word):
            let place = lexer.start
            try lexer.advance()
            return try named(word, at: place, depth: depth)
        case .symbol, .end: throw .invalid("a value is missing", at: lexer.start)
        }
    }

    private mutating func named(_ word: String, at place: Int, depth: Int) throws(ODataProblem) -> ODataExpression {
        if let constant = Self.constants[word.lowercased()] { return .literal(constant) }
        switch word {
        case "INF", "NaN": throw .unsupported(word)
        case "any", "all": throw .unsupported("\(word)()")
        default: break
        }
        if word.hasPrefix("$") { throw .unsupported(word) }
        if lexer.token == .symbol(UInt8(ascii: "(")), !lexer.hasSpace {
            try lexer.advance()
            var arguments: [ODataExpression] = []
            if try lexer.take(")") { return .call(word, []) }
            repeat { arguments.append(try binary(above: 0, depth: depth + 1)) } while try lexer.take(",")
            try lexer.expect(")")
            return .call(word, arguments)
        }
        if case .literal(.text) = lexer.token, !lexer.hasSpace { throw .unsupported("a constant of the type \(word)") }
        return .path(try path(from: word))
    }

    /// The rest of `client/segment`.
    mutating func path(from first: String) throws(ODataProblem) -> [String] {
        var parts = [first]
        while lexer.token == .symbol(UInt8(ascii: "/")) {
            try lexer.advance()
            let part = try lexer.anyWord("a name")
            if part == "any" || part == "all" { throw .unsupported("\(part)()") }
            parts.append(part)
        }
        guard parts.count <= 2 else { throw .unsupported("a path over more than one link") }
        return parts
    }
}
