/// The name and the value of one part of a query string, decoded.
public struct QueryItem: Sendable, Hashable {
    public let name: String
    public let value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// Reads query strings and form bodies: `a=1&b=x+y%20z`.
public enum QueryItems {
    /// Nil when an escape is cut or what it spells is no UTF-8.
    public static func parse(_ text: some StringProtocol, itemsMax: Int = 1000) -> [QueryItem]? {
        var items: [QueryItem] = []
        for part in text.utf8.split(separator: UInt8(ascii: "&")) {
            guard items.count < itemsMax else { return nil }
            let equals = part.firstIndex(of: UInt8(ascii: "="))
            let name = part[..<(equals ?? part.endIndex)]
            let value = equals.map { part[part.index(after: $0)...] } ?? part[part.endIndex...]
            guard let name = decode(name, plusIsSpace: true), let value = decode(value, plusIsSpace: true) else {
                return nil
            }
            items.append(QueryItem(name: name, value: value))
        }
        return items
    }

    /// One value of a query string; nil when an escape is cut or what it spells is no UTF-8.
    public static func decodeValue(_ text: Substring) -> String? {
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else {
            return String(text)
        }
        return decode(text.utf8, plusIsSpace: true)
    }

    /// One segment of a path.
    public static func decodePath(_ text: some StringProtocol) -> String? { decode(text.utf8, plusIsSpace: false) }

    private static func decode(_ bytes: some Collection<UInt8>, plusIsSpace: Bool) -> String? {
        var out: [UInt8] = []
        out.reserveCapacity(bytes.count)
        var rest = bytes.makeIterator()
        while let byte = rest.next() {
            switch byte {
            case UInt8(ascii: "%"):
                guard let high = rest.next().flatMap(nibble), let low = rest.next().flatMap(nibble) else { return nil }
                out.append(high << 4 | low)
            case UInt8(ascii: "+") where plusIsSpace: out.append(UInt8(ascii: " "))
            default: out.append(byte)
            }
        }
        return String(validating: out, as: UTF8.self)
    }

    private static func nibble(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
