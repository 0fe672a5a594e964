/// What a statement's `where` leaves of a table, as far as its shape shows.
extension SQLShape {
    /// Whether a condition names rows by a key: `id = $1`, `iban = 's'`, `compte_id in ($1, $2)`; not `id = 1 or true`.
    static func isKeyed(_ text: Bytes) -> Bool {
        guard let condition = condition(text), !isOpen(condition) else { return false }
        if compares(condition, { operation, _ in operation == 61 }) { return true }
        if let list = condition.find(" in (") { return isValue(condition, list + 5) }
        return condition.contains("any($") || condition.contains("any ($") || condition.contains("current of")
    }

    /// Whether a condition leaves out rows at all: a column is compared with a value by any operator, and the value is not
    /// one that everything passes.
    static func isRestricted(_ text: Bytes) -> Bool {
        guard let condition = condition(text), !isOpen(condition) else { return false }
        if isKeyed(text) { return true }
        if compares(condition, { operation, value in !(operation != 61 && passesAll(value)) }) { return true }
        for word in [" like ", " ilike ", " similar to "] as [StaticString] {
            guard let place = condition.find(word) else { continue }
            let value = condition.from(place + word.utf8CodeUnitCount)
            if isValue(value, 0), !value.has("'%'") { return true }
        }
        for word in [" between ", "exists (", "exists(", " is null", " @> ", " ~ "] as [StaticString]
        where condition.contains(word) {
            return true
        }
        // One column with another, or a list out of a query: a join.
        return condition.contains(" in (select") || joins(condition)
    }

    private static func condition(_ text: Bytes) -> Bytes? {
        text.find(" where ").map { text.from($0 + 7) }
    }

    /// `true`, `1=1`, `or true`, `or 's'='s'`, `or id = id`: everything passes. What goes on with `and` does not.
    private static func isOpen(_ condition: Bytes) -> Bool {
        if isTrue(condition) { return true }
        var index = 0
        while let place = condition.find(" or ", from: index) {
            if isTrue(condition.from(place + 4)) { return true }
            index = place + 4
        }
        return false
    }

    private static func isTrue(_ text: Bytes) -> Bool {
        var start = 0
        while text[start] == 32 || text[start] == 40 { start += 1 }
        guard var end = truthEnd(text, start) else { return false }
        while text[end] == 32 || text[end] == 41 { end += 1 }
        return !text.has("and ", at: end)
    }

    /// Behind what is always true, when the text at a place begins with that.
    private static func truthEnd(_ text: Bytes, _ start: Int) -> Int? {
        if text.has("not false", at: start) { return start + 9 }
        let left = word(text, start)
        let sign = skip(text, start + left.count)
        let isCompared = text[sign] == 61 || text[sign] == 60 || text[sign] == 62 || text[sign] == 33
        guard isCompared else { return left.equals("true") ? start + 4 : nil }
        guard !left.isEmpty else { return nil }
        let behind = text[sign + 1] == 61 || text[sign + 1] == 62 ? sign + 2 : sign + 1
        let place = skip(text, behind)
        let right = word(text, place)
        // `2 > 1` is true, or nobody would write it.
        let holds = text[sign] == 61 ? left.equals(right) : isLiteral(left) && isLiteral(right)
        return holds ? place + right.count : nil
    }

    private static func skip(_ text: Bytes, _ from: Int) -> Int {
        var index = from
        while text[index] == 32 { index += 1 }
        return index
    }

    /// A name, a number or a text.
    private static func word(_ text: Bytes, _ start: Int) -> Bytes {
        var end = start
        if text[end] == 39 {
            end = (text.first(39, from: end + 1) ?? text.count - 1) + 1
        } else {
            while Bytes.isWord(text[end]) || text[end] == 46 || text[end] == 36 { end += 1 }
        }
        return text[start, end]
    }

    private static func isLiteral(_ word: Bytes) -> Bool { word[0] == 39 || Bytes.isDigit(word[0]) }

    private static func isValue(_ text: Bytes, _ place: Int) -> Bool {
        let byte = text[place]
        return byte == 36 || byte == 39 || Bytes.isDigit(byte)
    }

    /// Whether some column stands left of a comparison with a value that `accepts` takes: its operator's first sign and
    /// the text behind it.
    private static func compares(_ condition: Bytes, _ accepts: (UInt8, Bytes) -> Bool) -> Bool {
        for index in 0..<condition.count {
            let sign = condition[index]
            guard sign == 61 || sign == 60 || sign == 62 || sign == 33, index > 0 else { continue }
            let before = condition[index - 1]
            guard before != 60, before != 62, before != 33, before != 61 else { continue }
            var left = index
            while left > 0, condition[left - 1] == 32 { left -= 1 }
            var start = left
            while start > 0, Bytes.isWord(condition[start - 1]) { start -= 1 }
            var right = index + 1
            while [32, 40, 61, 62].contains(condition[right]) { right += 1 }
            guard left > start, !Bytes.isDigit(condition[start]) else { continue }
            let isTyped = ["date", "timestamp", "timestamptz", "interval", "now", "current_date"] as [StaticString]
            guard isValue(condition, right) || isTyped.contains(where: { condition.has($0, at: right) }) else {
                continue
            }
            if accepts(sign, condition.from(right)) { return true }
        }
        return false
    }

    /// `> 0`, `<> ''`, `!= -1`
    private static func passesAll(_ value: Bytes) -> Bool {
        let word = word(value, 0)
        return word.equals("0") || word.equals("''")
    }

    /// `a.id = b.client_id`
    private static func joins(_ condition: Bytes) -> Bool {
        var index = 0
        while let equals = condition.first(61, from: index) {
            index = equals + 1
            var left = equals
            while left > 0, condition[left - 1] == 32 { left -= 1 }
            var start = left
            while start > 0, Bytes.isWord(condition[start - 1]) || condition[start - 1] == 46 { start -= 1 }
            let (one, two) = (condition[start, left], word(condition, skip(condition, equals + 1)))
            if one.first(46) != nil, two.first(46) != nil, !one.equals(two) { return true }
        }
        return false
    }
}
