internal import Web

/// A request's body, read as far as the plan needs it.
struct Payload: Sendable {
    /// The members that objects have, in the order of the first one.
    let keys: [String]
    /// JSON: an array of objects, always.
    let rows: String
    /// JSON: the first object.
    let first: String
    let count: Int

    static let rowsMax = 100_000

    /// - Parameter columns: the request names its columns, so that objects may differ.
    static func read(
        _ body: [UInt8], type: String, columns: [String]?
    ) throws(RestError) -> Payload {
        switch type {
        case "application/json", "application/vnd.pgrst.object+json", "application/vnd.pgrst.array+json", "":
            return try readJSON(body, columns: columns)
        case "text/csv": return try readCSV(body, columns: columns)
        case "application/x-www-form-urlencoded":
            guard let items = QueryItems.parse(String(decoding: body, as: UTF8.self)) else {
                throw RestError("PGRST102", 400, "the form holds a broken escape")
            }
            return make([.object(items.map { JSON.Member($0.name, .string($0.value)) })], columns)
        default: throw RestError("PGRST102", 400, "Content-Type not acceptable: \(type)")
        }
    }

    private static func readJSON(_ body: [UInt8], columns: [String]?) throws(RestError) -> Payload {
        guard let value = try? JSONReader.read(body) else {
            throw RestError("PGRST102", 400, "Empty or invalid json")
        }
        switch value {
        case .array(let rows):
            guard rows.count <= rowsMax else {
                throw RestError("PGRST102", 413, "more than \(rowsMax) rows in one request")
            }
            guard let names = rows.first.map({ Set(($0.members ?? []).map(\.name)) }) else {
                return Payload(keys: columns ?? [], rows: "[]", first: "{}", count: 0)
            }
            for row in rows {
                guard let members = row.members, columns != nil || Set(members.map(\.name)) == names else {
                    throw RestError("PGRST102", 400, "All object keys must match")
                }
            }
            let first = rows[0]
            return Payload(
                keys: columns ?? unique(first), rows: String(decoding: body, as: UTF8.self), first: first.text,
                count: rows.count)
        case .object:
            let text = String(decoding: body, as: UTF8.self)
            return Payload(keys: columns ?? unique(value), rows: "[" + text + "]", first: text, count: 1)
        default: throw RestError("PGRST102", 400, "Empty or invalid json")
        }
    }

    private static func unique(_ object: JSON) -> [String] {
        var seen: Set<String> = []
        return (object.members ?? []).map(\.name).filter { seen.insert($0).inserted }
    }

    private static func make(_ rows: [JSON], _ columns: [String]?) -> Payload {
        let first = rows.first ?? .object([])
        return Payload(
            keys: columns ?? unique(first), rows: JSON.array(rows).text, first: first.text, count: rows.count)
    }

    private static func readCSV(_ body: [UInt8], columns: [String]?) throws(RestError) -> Payload {
        guard let lines = CSV.parse(body), let header = lines.first else {
            throw RestError("PGRST102", 400, "the CSV has an open quote or no header")
        }
        var rows: [JSON] = []
        for line in lines.dropFirst() {
            guard line.count == header.count else {
                throw RestError("PGRST102", 400, "All lines must have same number of fields")
            }
            rows.append(
                .object(
                    zip(header, line).map { name, field in
                        JSON.Member(name.text, !field.isQuoted && field.text == "NULL" ? .null : .string(field.text))
                    }))
        }
        guard !rows.isEmpty else {
            return Payload(keys: columns ?? header.map(\.text), rows: "[]", first: "{}", count: 0)
        }
        return make(rows, columns)
    }
}

/// Comma separated values (RFC 4180).
enum CSV {
    struct Field: Hashable {
        var text: String
        var isQuoted: Bool
    }

    /// Nil when a quote is never closed or the bytes are no UTF-8.
    static func parse(_ bytes: [UInt8]) -> [[Field]]? {
        var lines: [[Field]] = []
        var line: [Field] = []
        var field: [UInt8] = []
        var isQuoted = false
        var isOpen = false
        var index = 0
        func close() -> Bool {
            guard let text = String(validating: field, as: UTF8.self) else { return false }
            line.append(Field(text: text, isQuoted: isQuoted))
            field = []
            isQuoted = false
            return true
        }
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            if isOpen {
                guard byte == UInt8(ascii: "\"") else {
                    field.append(byte)
                    continue
                }
                if index < bytes.count, bytes[index] == UInt8(ascii: "\"") {
                    field.append(byte)
                    index += 1
                } else {
                    isOpen = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\"") where field.isEmpty:
                isOpen = true
                isQuoted = true
            case UInt8(ascii: ","): guard close() else { return nil }
            case UInt8(ascii: "\r") where index < bytes.count && bytes[index] == UInt8(ascii: "\n"): break
            case UInt8(ascii: "\n"):
                guard close() else { return nil }
                lines.append(line)
                line = []
            default: field.append(byte)
            }
        }
        guard !isOpen else { return nil }
        if !field.isEmpty || isQuoted || !line.isEmpty {
            guard close() else { return nil }
            lines.append(line)
        }
        return lines
    }
}
