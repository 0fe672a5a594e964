/// A query string with the values of its plain comparisons taken out: `id=eq.7&select=id` is the shape `id=eq.` and
/// `select=id`, and the value `7`. Requests of one shape are one SQL text.
struct QueryShape: Hashable, Sendable {
    /// The parts as they came, each ended by `&`, those with a value cut behind their operator.
    let text: String
    /// The raw values, in order.
    let values: [Substring]

    /// Names whose values are grammar. The last word counts: `orders.limit`.
    private static let reserved: Set<String> = [
        "select", "order", "limit", "offset", "or", "and", "columns", "on_conflict",
    ]
    private static let operators = ["eq.", "neq.", "gt.", "gte.", "lt.", "lte."]
    static let valuesMax = 32

    /// Nil for queries with more values than are worth it.
    init?(_ query: String) {
        guard query.utf8.count <= QueryGrammar.bytesMax else { return nil }
        var text = ""
        text.reserveCapacity(query.utf8.count)
        var values: [Substring] = []
        for part in query.utf8.split(separator: UInt8(ascii: "&")) {
            let part = Substring(part)
            // The token of whoever asks: no part of the question, and nothing to keep.
            if part.utf8.starts(with: "apikey=".utf8) { continue }
            guard let start = Self.valueStart(part) else {
                text += part
                text += "&"
                continue
            }
            guard values.count < Self.valuesMax else { return nil }
            text += part[..<start]
            text += "\u{0}&"
            values.append(part[start...])
        }
        self.text = text
        self.values = values
    }

    /// Where the value of `name=op.value` begins; nil when the part is no plain comparison.
    private static func valueStart(_ part: Substring) -> String.Index? {
        let bytes = part.utf8
        guard let equals = bytes.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let start = bytes.index(after: equals)
        let rest = bytes[start...]
        guard let length = operators.first(where: { rest.starts(with: $0.utf8) })?.utf8.count else { return nil }
        let name = part[..<equals]
        let word = name.utf8.lastIndex(of: UInt8(ascii: ".")).map { name[bytes.index(after: $0)...] } ?? name
        // An escape may spell a reserved name.
        guard !name.utf8.contains(UInt8(ascii: "%")), !reserved.contains(String(word)) else { return nil }
        return bytes.index(start, offsetBy: length)
    }

    /// The query with other values, which need no escapes.
    func query(with values: [String]) -> String {
        var query = ""
        var next = values.makeIterator()
        for scalar in text.unicodeScalars {
            if scalar == "\u{0}" { query += next.next() ?? "" } else { query.unicodeScalars.append(scalar) }
        }
        return query
    }
}
