internal import Postgres

/// OData's functions, each with the kinds it takes.
extension Compiler {
    mutating func call(_ name: String, _ arguments: [ODataExpression]) throws(ODataProblem) -> Piece {
        guard arguments.count <= 3 else { throw .invalid("\(name) has too many arguments") }
        var pieces: [Piece] = []
        for argument in arguments { pieces.append(try piece(argument)) }
        let isNullable = pieces.contains(where: \.isNullable)
        let a = pieces.first?.sql ?? ""
        let b = pieces.dropFirst().first?.sql ?? ""
        func need(_ kinds: Piece.Kind...) throws(ODataProblem) {
            let fits =
                kinds.count == pieces.count && zip(kinds, pieces).allSatisfy { $0 == $1.kind || $1.kind == .null }
            guard fits else { throw .invalid("\(name) takes: \(kinds.map { "\($0)" }.joined(separator: ", "))") }
        }
        switch name {
        case "contains":
            try need(.text, .text)
            return truth("strpos(\(fragment: a), \(fragment: b)) > 0", isNullable)
        case "startswith":
            try need(.text, .text)
            return truth("starts_with(\(fragment: a), \(fragment: b))", isNullable)
        case "endswith":
            try need(.text, .text)
            return truth("right(\(fragment: a), length(\(fragment: b))) = \(fragment: b)", isNullable)
        case "length":
            try need(.text)
            return Piece("length(\(fragment: a))::bigint", .integer, isNullable: isNullable)
        case "indexof":
            try need(.text, .text)
            return Piece("(strpos(\(fragment: a), \(fragment: b)) - 1)::bigint", .integer, isNullable: isNullable)
        case "substring": return try substring(pieces, isNullable)
        case "tolower", "toupper", "trim":
            try need(.text)
            let function: Statement = name == "tolower" ? "lower" : name == "toupper" ? "upper" : "btrim"
            return Piece("\(fragment: function)(\(fragment: a))", .text, isNullable: isNullable)
        case "concat":
            try need(.text, .text)
            return Piece("(\(fragment: a) || \(fragment: b))", .text, isNullable: isNullable)
        case "round", "floor", "ceiling": return try rounded(name, pieces, isNullable)
        case "year", "month", "day", "hour", "minute", "second": return try part(name, pieces, isNullable)
        case "date":
            try need(.timestamp)
            return Piece("(\(fragment: a) at time zone 'UTC')::date", .date, isNullable: isNullable)
        case "now":
            try need()
            return Piece("now()", .timestamp, isNullable: false)
        default: throw .unsupported("the function \(name)")
        }
    }

    private func truth(_ test: Statement, _ isNullable: Bool) -> Piece {
        Piece(isNullable ? "coalesce(\(fragment: test), false)" : "(\(fragment: test))", .bool, isNullable: false)
    }

    private func substring(_ pieces: [Piece], _ isNullable: Bool) throws(ODataProblem) -> Piece {
        guard (2...3).contains(pieces.count), pieces[0].kind == .text,
            pieces.dropFirst().allSatisfy({ $0.kind == .integer })
        else { throw .invalid("substring takes: text, integer and perhaps integer") }
        let from: Statement = "greatest(\(fragment: pieces[1].sql), 0)::integer + 1"
        let sql: Statement =
            pieces.count == 2
            ? "substr(\(fragment: pieces[0].sql), \(fragment: from))"
            : "substr(\(fragment: pieces[0].sql), \(fragment: from), greatest(\(fragment: pieces[2].sql), 0)::integer)"
        return Piece(sql, .text, isNullable: isNullable)
    }

    private func rounded(_ name: String, _ pieces: [Piece], _ isNullable: Bool) throws(ODataProblem) -> Piece {
        guard pieces.count == 1, pieces[0].kind.isNumber else { throw .invalid("\(name) takes a number") }
        // Half away from zero, which PostgreSQL's round of numeric does and that of doubles does not.
        let number: Statement = "\(fragment: pieces[0].sql)::numeric"
        switch name {
        case "round": return Piece("round(\(fragment: number))", .decimal, isNullable: isNullable)
        case "floor": return Piece("floor(\(fragment: number))", .decimal, isNullable: isNullable)
        default: return Piece("ceil(\(fragment: number))", .decimal, isNullable: isNullable)
        }
    }

    private func part(_ name: String, _ pieces: [Piece], _ isNullable: Bool) throws(ODataProblem) -> Piece {
        guard pieces.count == 1, let piece = pieces.first, piece.kind == .timestamp || piece.kind == .date,
            piece.kind == .timestamp || ["year", "month", "day"].contains(name)
        else { throw .invalid("\(name) takes a moment or a date") }
        let value: Statement =
            piece.kind == .date ? piece.sql : "(\(fragment: piece.sql) at time zone 'UTC')"
        let field: Statement
        switch name {
        case "year": field = "year"
        case "month": field = "month"
        case "day": field = "day"
        case "hour": field = "hour"
        case "minute": field = "minute"
        default: field = "second"
        }
        return Piece(
            "trunc(extract(\(fragment: field) from \(fragment: value)))::bigint", .integer, isNullable: isNullable)
    }
}
