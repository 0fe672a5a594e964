/// PostgREST's grammar in arguments: `select=*`, `statut=in.(a,b)`, `or=(nom.eq.d'Arc,age.gt.18)` are no attacks. What
/// the grammar explains is taken off; the operands that a client fills in are judged like any other text.
enum QueryGrammar {
    private static let operators: [StaticString] = [
        "eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "is", "isdistinct", "fts", "plfts",
        "phfts", "wfts", "cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj", "in",
    ]
    /// The longest of them.
    private static let operatorBytesMax = 10

    /// Where the operand begins behind `not.eq.`, `fts(french).`, `like(any).`; nil when there is no operator.
    static func operandStart(_ value: Bytes) -> Int? {
        let start = value.has("not.") ? 4 : 0
        var end = start
        while end - start <= operatorBytesMax, value[end] &- 97 < 26 { end += 1 }
        // Most values end here, without a look at the names.
        guard end > start, value[end] == 46 || value[end] == 40 else { return nil }
        let name = value[start, end]
        guard operators.contains(where: { name.equals($0) }) else { return nil }
        if value[end] == 40 {
            guard let close = value.first(41, from: end), close - end <= 24, isWord(value[end + 1, close]) else {
                return nil
            }
            end = close + 1
        }
        return value[end] == 46 ? end + 1 : nil
    }

    private static func isWord(_ text: Bytes) -> Bool {
        (0..<text.count).allSatisfy { Bytes.isWord(text[$0]) }
    }

    /// Calls `body` with each operand of an argument that follows the grammar; false when it does not.
    static func operands(name: Bytes, value: Bytes, _ body: (Bytes) -> Void) -> Bool {
        if QueryStructure.holds(name: name, value: value) { return true }
        let isLogic =
            name.equals("or") || name.equals("and") || name.equals("not.or") || name.equals("not.and")
            || name.hasSuffix(".or") || name.hasSuffix(".and")
        if isLogic, value[0] == 40, value[value.count - 1] == 41 {
            return logic(value[1, value.count - 1], body)
        }
        guard let start = operandStart(value) else { return false }
        let operand = value.from(start)
        if operand[0] == 40, operand[operand.count - 1] == 41 {
            list(operand[1, operand.count - 1], body)
        } else if operand[0] == 123, operand[operand.count - 1] == 125, operand[1] != 123, operand.first(36) == nil {
            // An array; doubled braces and operators of other databases are no array's.
            list(operand[1, operand.count - 1], body)
        } else {
            body(operand)
        }
        return true
    }

    /// `nom.eq.d'Arc,and(a.gt.1,b.lt.2)`
    private static func logic(_ text: Bytes, _ body: (Bytes) -> Void) -> Bool {
        var parts: [Bytes] = []
        split(text) { parts.append($0) }
        guard !parts.isEmpty, parts.count <= 200 else { return false }
        var isGrammar = true
        for part in parts {
            var rest = part.trimmed
            if rest.has("not.") { rest = rest.from(4) }
            if rest.has("and(") || rest.has("or("), rest[rest.count - 1] == 41, let open = rest.first(40) {
                isGrammar = logic(rest[open + 1, rest.count - 1], body) && isGrammar
                continue
            }
            guard let start = condition(part) else { return false }
            let operand = part.from(start)
            if operand[0] == 40, operand[operand.count - 1] == 41 {
                list(operand[1, operand.count - 1], body)
            } else {
                body(operand)
            }
        }
        return isGrammar
    }

    /// Where the operand of `column.op.` begins; the column may be a JSON path.
    private static func condition(_ part: Bytes) -> Int? {
        var from = 0
        while let dot = part.first(46, from: from) {
            let column = part.prefix(dot)
            for index in 0..<column.count {
                let byte = column[index]
                let isName =
                    Bytes.isWord(byte) || byte == 45 || byte == 62 || byte == 34 || byte == 46 || byte == 58
                    || byte >= 128
                if !isName { return nil }
            }
            if let start = operandStart(part.from(dot + 1)) { return dot + 1 + start }
            from = dot + 1
        }
        return nil
    }

    private static func list(_ text: Bytes, _ body: (Bytes) -> Void) {
        split(text) { part in
            let quoted = part[0] == 34 && part.count > 1 && part[part.count - 1] == 34
            body(quoted ? part[1, part.count - 1] : part)
        }
    }

    /// Cuts at commas outside of quotes and parentheses.
    private static func split(_ text: Bytes, _ body: (Bytes) -> Void) {
        var (start, index, depth) = (0, 0, 0)
        var isQuoted = false
        while index < text.count {
            let byte = text[index]
            if isQuoted {
                if byte == 92 { index += 1 } else if byte == 34 { isQuoted = false }
            } else {
                switch byte {
                case 34: isQuoted = true
                case 40, 123: depth += 1
                case 41, 125: depth -= 1
                case 44 where depth <= 0:
                    body(text[start, index])
                    start = index + 1
                default: break
                }
            }
            index += 1
        }
        if start < text.count { body(text.from(start)) }
    }

    /// The strings of a JSON argument, each judged alone; false when anything else in it is no JSON.
    static func strings(_ value: Bytes, _ body: (Bytes) -> Void) -> Bool {
        let (first, last) = (value[0], value[value.count - 1])
        guard first == 123 && last == 125 || first == 91 && last == 93, value.first(34) != nil else { return false }
        var index = 0
        while let open = value.first(34, from: index) {
            let close = AccessReader.quoteEnd(value, open + 1)
            guard close < value.count, isBare(value[index, open]) else { return false }
            body(value[open + 1, close])
            index = close + 1
        }
        return isBare(value.from(index))
    }

    /// What stands between the strings of JSON: its signs, numbers, `true`, `false` and `null`.
    private static func isBare(_ text: Bytes) -> Bool {
        var index = 0
        while index < text.count {
            switch text[index] {
            case 9, 10, 13, 32, 43, 44, 45, 46, 48...58, 69, 91, 93, 101, 123, 125: index += 1
            case 116 where text.has("true", at: index), 110 where text.has("null", at: index): index += 4
            case 102 where text.has("false", at: index): index += 5
            default: return false
            }
        }
        return true
    }
}
