internal import Cryptography
internal import Tokens
internal import Web

/// Where the next page begins: the last row's place in the order, under a seal, for one query and one day.
struct PageToken: Hashable, Sendable {
    static let lifetimeSeconds: Int64 = 86_400

    /// The order's values of the last row, as text; nil for null.
    let values: [String?]
    /// Rows that `$top` still allows.
    let rest: Int64?
    /// Which query it belongs to.
    let query: String
    let issued: Int64

    func sealed(by key: [UInt8]) -> String {
        let body: JSON = [
            .integer(issued), rest.map { .integer($0) } ?? .null, .string(query),
            .array(values.map { $0.map { .string($0) } ?? .null }),
        ]
        let bytes = Array(body.text.utf8)
        return Base64URL.encode(Array(HMACSHA256.code(bytes, key: key)[..<16]) + bytes)
    }

    static func open(_ text: String, key: [UInt8], query: String, now: Int64) throws(ODataProblem) -> PageToken {
        guard let bytes = Base64URL.decode(text), bytes.count > 16 else { throw .expired }
        let body = Array(bytes[16...])
        let seal = HMACSHA256.code(body, key: key)
        var difference: UInt8 = 0
        for index in 0..<16 { difference |= seal[index] ^ bytes[index] }
        guard difference == 0, let json = try? JSONReader.read(body), let parts = json.array, parts.count == 4,
            let issued = parts[0].integer, let values = parts[3].array
        else { throw .expired }
        guard now - issued <= lifetimeSeconds else { throw .expired }
        guard parts[2].string == query else { throw .invalid("this page token belongs to another query") }
        return PageToken(values: values.map(\.string), rest: parts[1].integer, query: query, issued: issued)
    }

    /// A short name of a query: the same for each of its pages.
    static func name(of text: String) -> String { Array(SHA256.hash(Array(text.utf8))[..<8]).hex }
}
