/// A statement made comparable: lower case, comments gone, texts as `'s'`, one space between words. At most 2,000 bytes.
struct SQLShape {
    private(set) var bytes: [UInt8] = []
    static let lengthMax = 2_000

    /// True while the buffer holds the statement last taken.
    mutating func take(_ statement: Bytes) {
        bytes.removeAll(keepingCapacity: true)
        var index = 0
        let end = min(statement.count, 16_000)
        while index < end, bytes.count < Self.lengthMax {
            let byte = statement[index]
            switch byte {
            case 45 where statement[index + 1] == 45:
                index = statement.first(10, from: index) ?? end
            case 47 where statement[index + 1] == 42:
                index = (statement.find("*/", from: index + 2) ?? end) + 2
                space()
            case 39:
                index = Self.textEnd(statement, index + 1, end)
                bytes.append(contentsOf: [39, 115, 39])
            case 34: index += 1
            case 0...32:
                space()
                index += 1
            default:
                bytes.append(Bytes.lower(byte))
                index += 1
            }
        }
    }

    private mutating func space() {
        if let last = bytes.last, last != 32 { bytes.append(32) }
    }

    private static func textEnd(_ text: Bytes, _ from: Int, _ end: Int) -> Int {
        var index = from
        while let quote = text.first(39, from: index) {
            if text[quote + 1] == 39 {
                index = quote + 2
                continue
            }
            return quote + 1
        }
        return end
    }

    func with<T>(_ body: (Bytes) -> T) -> T { bytes.withUnsafeBytes { body(Bytes($0)) } }

    /// The word behind a place, without its schema.
    static func name(_ text: Bytes, at place: Int) -> Bytes {
        var start = place
        while text[start] == 32 { start += 1 }
        var end = start
        while end < text.count, Bytes.isWord(text[end]) || text[end] == 46 || text[end] == 36 || text[end] >= 128 {
            end += 1
        }
        let whole = text[start, end]
        guard let dot = whole.last(46) else { return whole }
        return whole.from(dot + 1)
    }

    /// Whether a condition names rows by a key: `id = $1`, `iban = 's'`, `compte_id in ($1, $2)`.
    static func isKeyed(_ text: Bytes) -> Bool {
        guard let place = text.find(" where ") else { return false }
        let condition = text.from(place + 7)
        var index = 0
        while let equals = condition.first(61, from: index) {
            index = equals + 1
            var left = equals
            while left > 0, condition[left - 1] == 32 { left -= 1 }
            var start = left
            while start > 0, Bytes.isWord(condition[start - 1]) { start -= 1 }
            var right = equals + 1
            while condition[right] == 32 || condition[right] == 40 { right += 1 }
            let isValue = condition[right] == 36 || condition[right] == 39 || Bytes.isDigit(condition[right])
            if isValue, left > start, !Bytes.isDigit(condition[start]) { return true }
        }
        if let list = condition.find(" in (") {
            let first = condition[list + 5]
            return first == 36 || first == 39 || Bytes.isDigit(first)
        }
        return condition.contains("any($") || condition.contains("any ($") || condition.contains("current of")
    }
}
