internal import Postgres

/// A piece of SQL and what it gives.
struct Piece: Sendable {
    enum Kind: Hashable, Sendable {
        case null, bool, integer, decimal, double, text, date, timestamp

        var isNumber: Bool { self == .integer || self == .decimal || self == .double }

        var cast: Statement {
            switch self {
            case .null, .text: "text"
            case .bool: "boolean"
            case .integer: "bigint"
            case .decimal: "numeric"
            case .double: "double precision"
            case .date: "date"
            case .timestamp: "timestamptz"
            }
        }
    }

    let sql: Statement
    let kind: Kind
    let isNullable: Bool

    init(_ sql: Statement, _ kind: Kind, isNullable: Bool) {
        self.sql = sql
        self.kind = kind
        self.isNullable = isNullable
    }
}

extension ColumnType {
    var kind: Piece.Kind {
        switch self {
        case .bool: .bool
        case .int32, .int64: .integer
        case .double: .double
        case .decimal: .decimal
        case .text: .text
        case .date: .date
        case .timestamp: .timestamp
        }
    }
}

/// Turns expressions into SQL with bound values. Only columns of the model come out of it, each under its own name, quoted.
struct Compiler {
    /// What a path stands for.
    enum Source {
        /// A table as `f`, and what it leads to.
        case entity(Entity, Model)
        /// The columns of a grouping, as `q`.
        case grouped([String: Piece])
    }

    let source: Source
    var aliases: [String: ODataExpression] = [:]
    /// The links that were walked, in the order of their first use.
    private(set) var links: [Link] = []

    init(_ source: Source, aliases: [String: ODataExpression] = [:]) {
        self.source = source
        self.aliases = aliases
    }

    mutating func condition(_ expression: ODataExpression) throws(ODataProblem) -> Statement {
        let piece = try piece(expression)
        guard piece.kind == .bool || piece.kind == .null else { throw .invalid("a filter must be true or false") }
        return piece.sql
    }

    mutating func piece(_ expression: ODataExpression) throws(ODataProblem) -> Piece {
        switch expression {
        case .literal(let literal): return Self.constant(literal)
        case .path(let path): return try column(path)
        case .alias(let name):
            guard let value = aliases[name] else { throw .invalid("the parameter \(name) has no value") }
            guard case .literal(let literal) = value else { throw .invalid("the parameter \(name) is no constant") }
            return Self.constant(literal)
        case .call(let name, let arguments): return try call(name, arguments)
        case .not(let inner):
            let inner = try piece(inner)
            guard inner.kind == .bool else { throw .invalid("not needs what is true or false; use brackets") }
            return Piece("(not \(fragment: inner.sql))", .bool, isNullable: inner.isNullable)
        case .negate(let inner):
            let inner = try piece(inner)
            guard inner.kind.isNumber else { throw .invalid("- needs a number") }
            return Piece("(- \(fragment: inner.sql))", inner.kind, isNullable: inner.isNullable)
        case .binary(let known, let left, let right): return try binary(known, try piece(left), try piece(right))
        case .within(let value, let list):
            let left = try piece(value)
            let rights = try list.map { item throws(ODataProblem) in
                let right = try piece(item)
                try Self.check(left, right, "in")
                return right
            }
            var test: Statement = "false"
            for (index, right) in rights.filter({ $0.kind != .null }).enumerated() {
                test = index == 0 ? right.sql : "\(fragment: test), \(fragment: right.sql)"
            }
            if rights.contains(where: { $0.kind != .null }) { test = "\(fragment: left.sql) in (\(fragment: test))" }
            if rights.contains(where: { $0.kind == .null }) {
                test = "(coalesce(\(fragment: test), false) or \(fragment: left.sql) is null)"
            }
            return Piece(
                left.isNullable ? "coalesce(\(fragment: test), false)" : "(\(fragment: test))", .bool, isNullable: false
            )
        }
    }

    mutating func column(_ path: [String]) throws(ODataProblem) -> Piece {
        switch source {
        case .grouped(let columns):
            guard let piece = columns[path.joined(separator: "/")] else {
                throw .invalid("\(path.joined(separator: "/")) is no column of this result")
            }
            return piece
        case .entity(let entity, let model):
            if path.count == 1 {
                guard let column = entity.column(path[0]) else {
                    throw .invalid("\(entity.name) has no column \(path[0])")
                }
                return Piece("f.\(identifier: column.name)", column.type.kind, isNullable: column.isNullable)
            }
            let target = try walk(path[0], entity, model)
            guard let column = target.column(path[1]) else { throw .invalid("\(target.name) has no column \(path[1])") }
            return Piece(
                "\(identifier: Self.alias(path[0])).\(identifier: column.name)", column.type.kind,
                isNullable: column.isNullable)
        }
    }

    /// Notes that a link is needed and says where it leads.
    mutating func walk(_ name: String, _ entity: Entity, _ model: Model) throws(ODataProblem) -> Entity {
        guard let link = entity.link(name), let target = model.entity(link.target) else {
            throw .invalid("\(entity.name) has no link \(name)")
        }
        if !links.contains(link) { links.append(link) }
        return target
    }

    static func alias(_ link: String) -> String { "l_" + link }

    static func constant(_ literal: Literal) -> Piece {
        switch literal {
        case .null: Piece("null", .null, isNullable: true)
        case .bool(let value): Piece(value ? "true" : "false", .bool, isNullable: false)
        case .integer(let digits):
            Int64(digits) == nil
                ? Piece("\(digits)::numeric", .decimal, isNullable: false)
                : Piece("\(digits)::bigint", .integer, isNullable: false)
        case .decimal(let digits): Piece("\(digits)::numeric", .decimal, isNullable: false)
        case .text(let text): Piece("\(text)::text", .text, isNullable: false)
        case .date(let text): Piece("\(text)::date", .date, isNullable: false)
        case .timestamp(let text): Piece("\(text)::timestamptz", .timestamp, isNullable: false)
        }
    }

    static func check(_ left: Piece, _ right: Piece, _ word: String) throws(ODataProblem) {
        guard
            left.kind == right.kind || (left.kind.isNumber && right.kind.isNumber) || left.kind == .null
                || right.kind == .null
        else { throw .invalid("\(word) compares a \(left.kind) with a \(right.kind)") }
    }

    private func binary(_ known: BinaryOperator, _ left: Piece, _ right: Piece) throws(ODataProblem) -> Piece {
        let isNullable = left.isNullable || right.isNullable
        switch known {
        case .and, .or:
            guard [Piece.Kind.bool, .null].contains(left.kind), [Piece.Kind.bool, .null].contains(right.kind) else {
                throw .invalid("\(known) needs what is true or false on both sides")
            }
            let word: Statement = known == .and ? "and" : "or"
            return Piece(
                "(\(fragment: left.sql) \(fragment: word) \(fragment: right.sql))", .bool, isNullable: isNullable)
        case .eq, .ne, .lt, .le, .gt, .ge:
            return try comparison(known, left, right, isNullable: isNullable)
        case .add, .sub, .mul, .div, .divby, .mod:
            guard left.kind.isNumber, right.kind.isNumber else {
                throw .invalid("\(known) needs numbers on both sides")
            }
            let sign: Statement
            switch known {
            case .add: sign = "+"
            case .sub: sign = "-"
            case .mul: sign = "*"
            case .mod: sign = "%"
            default: sign = "/"
            }
            let isInteger = left.kind == .integer && right.kind == .integer
            let isDouble = left.kind == .double || right.kind == .double
            guard !(known == .mod && isDouble) else { throw .invalid("mod needs whole or decimal numbers") }
            if isInteger, known == .divby {
                return Piece(
                    "(\(fragment: left.sql)::numeric / \(fragment: right.sql))", .decimal, isNullable: isNullable)
            }
            return Piece(
                "(\(fragment: left.sql) \(fragment: sign) \(fragment: right.sql))",
                isDouble ? .double : isInteger ? .integer : .decimal, isNullable: isNullable)
        }
    }

    /// With null on one side OData's comparisons are false, never unknown; `ne` is true.
    private func comparison(
        _ known: BinaryOperator, _ left: Piece, _ right: Piece, isNullable: Bool
    ) throws(ODataProblem) -> Piece {
        try Self.check(left, right, known.rawValue)
        if left.kind == .null || right.kind == .null {
            let other = left.kind == .null ? right : left
            switch known {
            case .eq: return Piece("(\(fragment: other.sql) is null)", .bool, isNullable: false)
            case .ne: return Piece("(\(fragment: other.sql) is not null)", .bool, isNullable: false)
            default: return Piece("false", .bool, isNullable: false)
            }
        }
        let sign: Statement
        switch known {
        case .ne where isNullable: sign = "is distinct from"
        case .eq where left.isNullable && right.isNullable: sign = "is not distinct from"
        case .ne: sign = "<>"
        case .lt: sign = "<"
        case .le: sign = "<="
        case .gt: sign = ">"
        case .ge: sign = ">="
        default: sign = "="
        }
        let test: Statement = "(\(fragment: left.sql) \(fragment: sign) \(fragment: right.sql))"
        return Piece(
            isNullable && known != .ne ? "coalesce(\(fragment: test), false)" : test, .bool, isNullable: false)
    }
}
