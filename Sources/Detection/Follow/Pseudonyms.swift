internal import Cryptography
internal import Web

/// Lines as they may be kept: addresses and users under keyed names that only the key's holder can find again, numbers
/// of objects taken out of paths, nothing that a person typed.
struct Pseudonyms {
    let key: [UInt8]

    func name(_ kind: String, _ value: String) -> String {
        kind + "_"
            + HMACSHA256.code(Array((kind + ":" + value).utf8), key: key).prefix(8).map { byte in
                let text = String(byte, radix: 16)
                return text.count == 1 ? "0" + text : text
            }.joined()
    }

    func line(_ event: LogEvent, source: String, place: LinePlace) -> JSON {
        .object([
            .init("source", .string(source)), .init("line", .integer(place.number)),
            .init("offset", .integer(place.offset)), .init("time", .string(Instant.text(event.time))),
            .init("kind", .string("\(event.kind)")),
            .init("address", event.address.isNone ? .null : .string(name("ip", event.address.text))),
            .init("user", event.user.isEmpty ? .null : .string(name("u", event.user.text))),
            .init("path", event.path.isEmpty ? .null : .string(Self.template(event.path))),
            .init("status", event.status == 0 ? .null : .integer(event.status)), .init("count", .integer(event.count)),
        ])
    }

    /// `/api/comptes/123` is `/api/comptes/#`; what is no plain word is `…`.
    static func template(_ path: Bytes) -> String {
        path.prefix(200).text.split(separator: "/", omittingEmptySubsequences: false).prefix(12).map { part in
            if part.isEmpty { return "" }
            if part.allSatisfy({ $0.isASCII && ($0.isLetter || $0 == "_" || $0 == "-") }), part.count <= 24 {
                return String(part)
            }
            return part.allSatisfy(\.isNumber) ? "#" : "…"
        }.joined(separator: "/")
    }
}
