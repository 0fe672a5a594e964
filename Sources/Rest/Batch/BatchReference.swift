internal import Web

/// `a.body[0].id`: a value in the answer to an earlier request of the same batch.
struct BatchReference: Hashable, Sendable {
    enum Step: Hashable, Sendable {
        case member(String)
        case element(Int)
    }

    let id: String
    let steps: [Step]
    static let stepsMax = 32

    /// Nil when the text is no reference.
    init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        let id = rest.prefix(while: Self.isIdByte)
        guard (1...64).contains(id.count) else { return nil }
        rest = rest.dropFirst(id.count)
        var steps: [Step] = []
        while let first = rest.first {
            guard steps.count < Self.stepsMax, let step = Self.step(first, &rest) else { return nil }
            steps.append(step)
        }
        guard steps.first == .member("body") || steps == [.member("status")] else { return nil }
        self.id = String(decoding: id, as: UTF8.self)
        self.steps = steps
    }

    static func isIdByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func step(_ first: UInt8, _ rest: inout ArraySlice<UInt8>) -> Step? {
        rest.removeFirst()
        switch first {
        case UInt8(ascii: "."):
            let name = rest.prefix { isIdByte($0) || $0 >= 0x80 }
            rest = rest.dropFirst(name.count)
            return name.isEmpty ? nil : .member(String(decoding: name, as: UTF8.self))
        case UInt8(ascii: "["):
            guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            let inside = rest[rest.startIndex..<end]
            rest = rest[(end + 1)...]
            guard inside.count <= 9, inside.allSatisfy({ (48...57).contains($0) }) else { return nil }
            return Int(String(decoding: inside, as: UTF8.self)).map(Step.element)
        default: return nil
        }
    }

    /// - Parameter answers: earlier requests by their ids, each with `status` and `body`.
    func value(in answers: [String: JSON]) throws(RestError) -> JSON {
        guard var value = answers[id] else {
            throw Self.refused("there is no earlier request with the id \(id) that was answered")
        }
        for step in steps {
            let inner: JSON?
            switch step {
            case .member(let name): inner = value[name]
            case .element(let index): inner = value.array.flatMap { index < $0.count ? $0[index] : nil }
            }
            guard let inner else { throw Self.refused("the answer to \(id) holds nothing at that place") }
            value = inner
        }
        return value
    }

    static func refused(_ words: String) -> RestError {
        RestError(
            "DBR011", 400, "a reference can not be followed: \(words)",
            hint: "Refer to an earlier request as {\"$ref\": \"id.body[0].column\"}; writes answer rows with "
                + "Prefer: return=representation.")
    }
}

/// Puts values of earlier answers where a request refers to them.
struct BatchResolver {
    let answers: [String: JSON]
    /// Bytes that references may still bring in: a batch can not grow without bound by repeating itself.
    var budget = 4 << 20

    init(_ answers: [String: JSON]) { self.answers = answers }

    private mutating func value(_ text: String) throws(RestError) -> JSON {
        guard let reference = BatchReference(text) else {
            throw BatchReference.refused("it is not written as id.body[0].column")
        }
        let value = try reference.value(in: answers)
        budget -= value.text.utf8.count
        guard budget >= 0 else { throw RestError("DBR011", 413, "references bring more than 4 MiB into one request") }
        return value
    }

    /// A body, with each `{"$ref": "…"}` in it replaced.
    mutating func body(_ json: JSON) throws(RestError) -> JSON {
        switch json {
        case .object(let members):
            if members.count == 1, members[0].name == "$ref", let text = members[0].value.string {
                return try value(text)
            }
            var out: [JSON.Member] = []
            for member in members { out.append(.init(member.name, try body(member.value))) }
            return .object(out)
        case .array(let elements):
            var out: [JSON] = []
            for element in elements { out.append(try body(element)) }
            return .array(out)
        default: return json
        }
    }

    // MARK: Query values

    /// A query string, with each `${…}` of its values replaced: as a filter's whole value, as an element of a list or
    /// tree, as `limit` or `offset`. Nothing else may be: a value never becomes a name, an operator or a second filter.
    mutating func query(_ text: String) throws(RestError) -> String {
        guard text.contains("$") || text.contains("%24") else { return text }
        var parts: [String] = []
        for part in text.split(separator: "&") {
            guard let item = QueryItems.parse(part)?.first else {
                throw RestError("PGRST100", 400, "the query string holds a broken escape")
            }
            guard !item.name.contains("${") else { throw BatchReference.refused("a name can not be one") }
            guard item.value.contains("${") else {
                parts.append(String(part))
                continue
            }
            let value = try filled(item)
            parts.append(PercentEncoding.encode(item.name) + "=" + PercentEncoding.encode(value))
        }
        return parts.joined(separator: "&")
    }

    private mutating func filled(_ item: QueryItem) throws(RestError) -> String {
        let word = item.name.split(separator: ".").last.map(String.init) ?? ""
        if word == "limit" || word == "offset" || Self.isComparison(item.value) {
            guard let start = item.value.firstRange(of: "${"), item.value.hasSuffix("}") else {
                throw BatchReference.refused("it must end the value")
            }
            let name = String(item.value[start.upperBound...].dropLast())
            guard item.value[..<start.lowerBound].isEmpty == (word == "limit" || word == "offset") else {
                throw BatchReference.refused("\(word) takes a whole value")
            }
            return try item.value[..<start.lowerBound] + scalar(name)
        }
        let isTree = word == "or" || word == "and"
        guard isTree || item.value.hasPrefix("in.(") || item.value.hasPrefix("not.in.(") else {
            throw BatchReference.refused("\(item.name) takes none there")
        }
        return try elements(item.value)
    }

    /// Whether what stands before the first reference is one operator: `eq.`, `not.like(any).`.
    private static func isComparison(_ value: String) -> Bool {
        guard let start = value.firstRange(of: "${") else { return false }
        var before = value[..<start.lowerBound]
        if before.hasPrefix("not.") { before = before.dropFirst(4) }
        guard before.last == "." else { return false }
        before = before.dropLast()
        if before.last == ")", let open = before.firstIndex(of: "(") { before = before[..<open] }
        return Operator(rawValue: String(before)) != nil
    }

    /// Elements between commas, points and parentheses, put in between double quotes.
    private mutating func elements(_ text: String) throws(RestError) -> String {
        var out = ""
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            let before = rest[..<start.lowerBound]
            guard let end = rest[start.upperBound...].firstIndex(of: "}"), let last = before.last,
                "(,.".contains(last)
            else { throw BatchReference.refused("it must be a whole element") }
            let after = rest[rest.index(after: end)...]
            guard let next = after.first, ",)".contains(next) else {
                throw BatchReference.refused("it must be a whole element")
            }
            let value = try scalar(String(rest[start.upperBound..<end]))
            out += before
            out += "\"" + value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
            rest = after
        }
        return out + rest
    }

    private mutating func scalar(_ name: String) throws(RestError) -> String {
        switch try value(name) {
        case .string(let text): return text
        case .number(let text): return text
        case .bool(let value): return value ? "true" : "false"
        case .null, .array, .object:
            throw BatchReference.refused("a query takes a text, a number or a truth value")
        }
    }
}
