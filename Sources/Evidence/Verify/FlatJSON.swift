/// Reads one flat JSON object whose values are texts and whole numbers: the lines of a journal export.
///
/// Strict, so that no two readers can see two different things in one line: a name that comes twice, a nested value, a
/// lone surrogate or anything behind the object is refused.
struct FlatJSON {
    /// Texts as they are, numbers as their digits.
    private(set) var fields: [String: String] = [:]

    /// Nil when the line is no such object.
    init?(_ line: UnsafeBufferPointer<UInt8>) {
        var reader = Reader(bytes: line)
        guard reader.take(UInt8(ascii: "{")) else { return nil }
        repeat {
            guard let name = reader.text(), reader.take(UInt8(ascii: ":")),
                let value = reader.peek == UInt8(ascii: "\"") ? reader.text() : reader.number(),
                fields.updateValue(value, forKey: name) == nil
            else { return nil }
        } while reader.take(UInt8(ascii: ","))
        guard reader.take(UInt8(ascii: "}")), reader.isAtEnd else { return nil }
    }

    private struct Reader {
        let bytes: UnsafeBufferPointer<UInt8>
        var position = 0

        init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

        var peek: UInt8? { position < bytes.count ? bytes[position] : nil }
        var isAtEnd: Bool { position == bytes.count }

        mutating func take(_ byte: UInt8) -> Bool {
            guard peek == byte else { return false }
            position += 1
            return true
        }

        mutating func number() -> String? {
            let start = position
            _ = take(UInt8(ascii: "-"))
            while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
            let digits = String(decoding: bytes[start..<position], as: UTF8.self)
            // The one way to write a number.
            guard let value = Int64(digits), String(value) == digits else { return nil }
            return digits
        }

        mutating func text() -> String? {
            guard take(UInt8(ascii: "\"")) else { return nil }
            let start = position
            while let byte = peek, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 32 { position += 1 }
            // Without an escape, which is nearly always.
            if peek == UInt8(ascii: "\"") {
                position += 1
                return String(validating: bytes[start..<(position - 1)], as: UTF8.self)
            }
            var out = Array(bytes[start..<position])
            while let byte = peek, byte >= 32 {
                position += 1
                if byte == UInt8(ascii: "\"") { return String(validating: out, as: UTF8.self) }
                if byte != UInt8(ascii: "\\") {
                    out.append(byte)
                } else {
                    guard let scalar = escaped() else { return nil }
                    out += String(Character(scalar)).utf8
                }
            }
            return nil
        }

        private mutating func escaped() -> UnicodeScalar? {
            guard let byte = peek else { return nil }
            position += 1
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UnicodeScalar(byte)
            case UInt8(ascii: "b"): return "\u{8}"
            case UInt8(ascii: "f"): return "\u{c}"
            case UInt8(ascii: "n"): return "\n"
            case UInt8(ascii: "r"): return "\r"
            case UInt8(ascii: "t"): return "\t"
            case UInt8(ascii: "u"):
                guard let unit = unit() else { return nil }
                guard (0xD800...0xDBFF).contains(unit) else { return UnicodeScalar(unit) }
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")), let low = self.unit(),
                    (0xDC00...0xDFFF).contains(low)
                else { return nil }
                return UnicodeScalar(0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00))
            default: return nil
            }
        }

        private mutating func unit() -> UInt32? {
            guard position + 4 <= bytes.count else { return nil }
            let digits = String(decoding: bytes[position..<position + 4], as: UTF8.self)
            position += 4
            guard digits.utf8.allSatisfy({ Character(UnicodeScalar($0)).isHexDigit }) else { return nil }
            return UInt32(digits, radix: 16)
        }
    }
}
