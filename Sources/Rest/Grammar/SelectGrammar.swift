/// Reads `select=`.
enum SelectGrammar {
    static let itemsMax = 1000
    private static let what = "select parameter"

    static func parse(_ text: String) throws(RestError) -> [SelectItem] {
        var cursor = Cursor(text)
        var count = 0
        let items = try list(&cursor, depth: 0, &count)
        guard cursor.isAtEnd else { throw cursor.failure(what) }
        return items
    }

    private static func list(
        _ cursor: inout Cursor, depth: Int, _ count: inout Int
    ) throws(RestError) -> [SelectItem] {
        guard depth <= Cursor.depthMax else { throw cursor.failure(what) }
        var items: [SelectItem] = []
        if cursor.isAtEnd || cursor.current == UInt8(ascii: ")") { return items }
        repeat {
            count += 1
            guard count <= itemsMax else { throw cursor.failure(what) }
            items.append(try item(&cursor, depth: depth, &count))
        } while cursor.take(",")
        return items
    }

    private static func item(
        _ cursor: inout Cursor, depth: Int, _ count: inout Int
    ) throws(RestError) -> SelectItem {
        _ = cursor.takeWhile { $0 == 0x20 }
        if cursor.take("*") { return .all }
        let isSpread = cursor.take(word: "...")
        var first = try cursor.name(what)
        var alias: String?
        if cursor.current == UInt8(ascii: ":"), cursor.peek() != UInt8(ascii: ":") {
            cursor.advance()
            alias = first
            first = try cursor.name(what)
        }
        if first == "count", cursor.take(word: "()") {
            return .aggregate(.count, nil, alias: alias, fieldCast: nil, cast: try cast(&cursor))
        }
        if cursor.current == UInt8(ascii: "!") || cursor.current == UInt8(ascii: "(") {
            return .relation(try relation(first, alias, isSpread, &cursor, depth: depth, &count))
        }
        guard !isSpread else { throw cursor.failure(what) }
        let field = FieldName(name: first, path: try cursor.jsonPath(what))
        let fieldCast = try cast(&cursor)
        if cursor.current == UInt8(ascii: ".") {
            cursor.advance()
            let word = cursor.takeWhile { $0 >= 97 && $0 <= 122 }
            guard let function = Aggregate(rawValue: word), cursor.take(word: "()") else { throw cursor.failure(what) }
            return .aggregate(function, field, alias: alias, fieldCast: fieldCast, cast: try cast(&cursor))
        }
        return .field(field, alias: alias, cast: fieldCast)
    }

    private static func relation(
        _ name: String, _ alias: String?, _ isSpread: Bool, _ cursor: inout Cursor, depth: Int, _ count: inout Int
    ) throws(RestError) -> RelationItem {
        var relation = RelationItem(name: name, alias: alias, isSpread: isSpread, items: [])
        while cursor.take("!") {
            let word = try cursor.name(what)
            switch word {
            case "inner": relation.isInner = true
            case "left": relation.isInner = false
            default: relation.hint = word
            }
        }
        guard cursor.take("(") else { throw cursor.failure(what) }
        relation.items = try list(&cursor, depth: depth + 1, &count)
        guard cursor.take(")") else { throw cursor.failure(what) }
        return relation
    }

    private static func cast(_ cursor: inout Cursor) throws(RestError) -> String? {
        guard cursor.take(word: "::") else { return nil }
        let start = cursor.position
        _ = cursor.takeWhile { Cursor.isNameByte($0) || $0 == UInt8(ascii: "[") || $0 == UInt8(ascii: "]") }
        let name = cursor.text(from: start).trimmingSpaces()
        guard !name.isEmpty else { throw cursor.failure(what) }
        return name
    }
}

/// Reads `columns=`, `on_conflict=`.
enum ColumnsGrammar {
    static func parse(_ text: String, _ what: String) throws(RestError) -> [String] {
        var cursor = Cursor(text)
        var names: [String] = []
        repeat {
            _ = cursor.takeWhile { $0 == 0x20 }
            names.append(try cursor.name(what))
        } while cursor.take(",")
        guard cursor.isAtEnd else { throw cursor.failure(what) }
        return names
    }
}

/// Reads `order=`: `a.desc.nullslast,rel(b->>c),d`.
enum OrderGrammar {
    private static let what = "order"

    static func parse(_ text: String) throws(RestError) -> [OrderTerm] {
        var cursor = Cursor(text)
        var terms: [OrderTerm] = []
        repeat {
            _ = cursor.takeWhile { $0 == 0x20 }
            terms.append(try term(&cursor))
        } while cursor.take(",")
        guard cursor.isAtEnd else { throw cursor.failure(what) }
        return terms
    }

    private static func term(_ cursor: inout Cursor) throws(RestError) -> OrderTerm {
        let first = try cursor.name(what)
        var term: OrderTerm
        if cursor.take("(") {
            let field = FieldName(name: try cursor.name(what), path: try cursor.jsonPath(what))
            guard cursor.take(")") else { throw cursor.failure(what) }
            term = OrderTerm(relation: first, field: field)
        } else {
            term = OrderTerm(field: FieldName(name: first, path: try cursor.jsonPath(what)))
        }
        while cursor.take(".") {
            let word = cursor.takeWhile { $0 >= 97 && $0 <= 122 }
            switch word {
            case "asc" where term.isDescending == nil && term.isNullsFirst == nil: term.isDescending = false
            case "desc" where term.isDescending == nil && term.isNullsFirst == nil: term.isDescending = true
            case "nullsfirst" where term.isNullsFirst == nil: term.isNullsFirst = true
            case "nullslast" where term.isNullsFirst == nil: term.isNullsFirst = false
            default: throw cursor.failure(what)
            }
        }
        return term
    }
}
