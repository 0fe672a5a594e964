/// Reads `column=op.value` and the logic trees `or=(…)`, `and=(…)`.
enum FilterGrammar {
    static let listMax = 50_000
    private static let what = "filter"

    /// Nil when the value names no operator.
    static func operation(_ text: String) throws(RestError) -> (isNegated: Bool, Operation)? {
        var cursor = Cursor(text)
        let isNegated = cursor.take(word: "not.")
        guard let operation = try operation(&cursor, isInTree: false) else { return nil }
        guard cursor.isAtEnd else { throw cursor.failure(what) }
        return (isNegated, operation)
    }

    /// `rel.sub.column->>key`: path and field; nil when it can not be a filter's left side.
    static func key(_ text: String) -> (path: [String], field: FieldName)? {
        var cursor = Cursor(text)
        var names: [String] = []
        repeat {
            guard let name = try? cursor.name(what) else { return nil }
            names.append(name)
        } while cursor.take(".")
        guard let steps = try? cursor.jsonPath(what), cursor.isAtEnd, let last = names.popLast() else { return nil }
        return (names, FieldName(name: last, path: steps))
    }

    /// The text in `or=(…)`, parentheses included.
    static func tree(_ text: String, isOr: Bool, isNegated: Bool) throws(RestError) -> Condition {
        var cursor = Cursor(text)
        let conditions = try list(&cursor, depth: 0)
        guard cursor.isAtEnd else { throw cursor.failure("logic tree") }
        return .group(isOr: isOr, isNegated: isNegated, conditions)
    }

    private static func list(_ cursor: inout Cursor, depth: Int) throws(RestError) -> [Condition] {
        guard depth <= Cursor.depthMax, cursor.take("(") else { throw cursor.failure("logic tree") }
        var conditions: [Condition] = []
        repeat {
            _ = cursor.takeWhile { $0 == 0x20 }
            conditions.append(try condition(&cursor, depth: depth))
            _ = cursor.takeWhile { $0 == 0x20 }
        } while cursor.take(",")
        guard cursor.take(")") else { throw cursor.failure("logic tree") }
        return conditions
    }

    private static func condition(_ cursor: inout Cursor, depth: Int) throws(RestError) -> Condition {
        let start = cursor.position
        let isNegated = cursor.take(word: "not.")
        for isOr in [true, false] {
            let place = cursor.position
            if cursor.take(word: isOr ? "or" : "and"), cursor.current == UInt8(ascii: "(") {
                return .group(isOr: isOr, isNegated: isNegated, try list(&cursor, depth: depth + 1))
            }
            cursor.seek(place)
        }
        if isNegated { cursor.seek(start) }
        var field = FieldName(name: try cursor.name("logic tree"))
        field.path = try cursor.jsonPath("logic tree")
        guard cursor.take(".") else { throw cursor.failure("logic tree") }
        let negates = cursor.take(word: "not.")
        guard let operation = try operation(&cursor, isInTree: true) else { throw cursor.failure("logic tree") }
        return .filter(Filter(field: field, isNegated: negates, operation: operation))
    }

    private static func operation(_ cursor: inout Cursor, isInTree: Bool) throws(RestError) -> Operation? {
        let start = cursor.position
        let word = cursor.takeWhile { $0 >= 97 && $0 <= 122 }
        if word == "in", cursor.take(".") { return .within(try elements(&cursor, isInTree: isInTree)) }
        if word == "is", cursor.take(".") {
            let name = cursor.takeWhile { Cursor.isNameByte($0) }.lowercased()
            guard let value = IsWord(rawValue: name) else { throw cursor.failure(what) }
            return .is(value)
        }
        guard let op = Operator(rawValue: word) else {
            cursor.seek(start)
            return nil
        }
        var option: String?
        if cursor.take("(") {
            option = cursor.takeWhile { $0 != UInt8(ascii: ")") && $0 != UInt8(ascii: ".") }
            guard cursor.take(")") else { throw cursor.failure(what) }
        }
        guard cursor.take(".") else {
            guard option == nil else { throw cursor.failure(what) }
            cursor.seek(start)
            return nil
        }
        if op.textSearchFunction != nil {
            return .search(op, configuration: option, value: try value(&cursor, isInTree: isInTree))
        }
        var quantifier: Quantifier?
        if let option {
            guard op.takesQuantifier, let found = Quantifier(rawValue: option) else { throw cursor.failure(what) }
            quantifier = found
        }
        return .compare(op, quantifier, value: try value(&cursor, isInTree: isInTree))
    }

    /// Everything that is left, or inside of a tree up to the next comma or parenthesis.
    private static func value(_ cursor: inout Cursor, isInTree: Bool) throws(RestError) -> String {
        guard isInTree else { return cursor.rest() }
        let start = cursor.position
        if cursor.current == UInt8(ascii: "\"") {
            let text = try cursor.quoted(what)
            if cursor.isAtEnd || cursor.current == UInt8(ascii: ",") || cursor.current == UInt8(ascii: ")") {
                return text
            }
            cursor.seek(start)
        }
        if cursor.current == UInt8(ascii: "{") {
            _ = cursor.takeWhile { $0 != UInt8(ascii: "}") }
            if cursor.take("}") { return cursor.text(from: start) }
            cursor.seek(start)
        }
        return cursor.takeWhile { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: ")") }
    }

    /// `(a,"b,c",d)`.
    private static func elements(_ cursor: inout Cursor, isInTree: Bool) throws(RestError) -> [String] {
        guard cursor.take("(") else { throw cursor.failure(what) }
        var values: [String] = []
        if cursor.take(")") { return values }
        repeat {
            guard values.count < listMax else { throw cursor.failure(what) }
            if cursor.current == UInt8(ascii: "\"") {
                values.append(try cursor.quoted(what))
            } else {
                values.append(cursor.takeWhile { $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: ")") })
            }
        } while cursor.take(",")
        guard cursor.take(")") else { throw cursor.failure(what) }
        return values
    }
}
