/// A request's texts in one plain form: percent signs, entities and escapes taken off (up to three deep), lower case,
/// comments and runs of white space as one space. What an attacker writes in ten ways is written in one.
final class WebText {
    /// Between the pieces of a request.
    static let separator: UInt8 = 1
    private static let roundsMax = 3
    static let lengthMax = 1 << 16

    private var first: [UInt8] = []
    private var second: [UInt8] = []
    private(set) var bytes: [UInt8] = []
    /// Where each piece ends in `bytes`.
    private(set) var ends: [Int] = []
    private(set) var kinds: [WebPiece] = []
    /// Whether a piece holds a byte that plain text has not.
    private(set) var isSpecial: [Bool] = []

    private static let plainBytes: [Bool] = (0..<256).map { byte in
        byte >= 128 || Bytes.isWord(UInt8(byte)) || "/.-~:?+,@% ".utf8.contains(UInt8(byte))
    }

    func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        ends.removeAll(keepingCapacity: true)
        kinds.removeAll(keepingCapacity: true)
        isSpecial.removeAll(keepingCapacity: true)
    }

    /// Adds a piece. Only text with something to decode is decoded.
    func add(_ piece: Bytes, _ kind: WebPiece, isForm: Bool) {
        guard bytes.count < Self.lengthMax, ends.count < 1_000 else { return }
        let piece = piece.prefix(Self.lengthMax)
        if !bytes.isEmpty { bytes.append(Self.separator) }
        first.removeAll(keepingCapacity: true)
        var needsMore = decodePercent(piece, isForm: isForm)
        var rounds = 1
        while needsMore, rounds < Self.roundsMax {
            swap(&first, &second)
            first.removeAll(keepingCapacity: true)
            needsMore = second.withUnsafeBytes { decodePercent(Bytes($0), isForm: false) }
            rounds += 1
        }
        if first.contains(where: { $0 == 38 || $0 == 92 || $0 >= 0xC0 }) {
            swap(&first, &second)
            first.removeAll(keepingCapacity: true)
            second.withUnsafeBytes { decodeEscapes(Bytes($0)) }
        }
        let start = bytes.count
        first.withUnsafeBytes { fold(Bytes($0)) }
        var equals = 0
        var special = false
        for index in start..<bytes.count {
            let byte = bytes[index]
            if byte == 61 { equals += 1 } else if !Self.plainBytes[Int(byte)] { special = true }
        }
        isSpecial.append(special || equals > 1)
        ends.append(bytes.count)
        kinds.append(kind)
    }

    /// The bounds of a piece in `bytes`.
    func bounds(_ index: Int) -> Range<Int> {
        let start = index == 0 ? 0 : ends[index - 1] + 1
        return min(start, ends[index])..<ends[index]
    }

    /// True when something is still to decode.
    private func decodePercent(_ text: Bytes, isForm: Bool) -> Bool {
        var index = 0
        var isAgain = false
        while index < text.count {
            let byte = text.start[index]
            if byte == 37 {
                if let high = Bytes.hex(text[index + 1]), let low = Bytes.hex(text[index + 2]) {
                    let value = high << 4 | low
                    if value == 37 { isAgain = true }
                    first.append(value)
                    index += 3
                    continue
                }
                if text[index + 1] | 0x20 == 117, let unit = Self.unit(text, index + 2) {
                    appendUnit(unit)
                    index += 6
                    continue
                }
            } else if byte == 43, isForm {
                first.append(32)
                index += 1
                continue
            }
            first.append(byte)
            index += 1
        }
        return isAgain
    }

    private static func unit(_ text: Bytes, _ at: Int) -> UInt32? {
        var value: UInt32 = 0
        for place in at..<at + 4 {
            guard let digit = Bytes.hex(text[place]) else { return nil }
            value = value << 4 | UInt32(digit)
        }
        return value
    }

    private func appendUnit(_ unit: UInt32) {
        switch unit {
        case 0..<0x80: first.append(UInt8(unit))
        case 0xFF01...0xFF5E: first.append(UInt8(unit - 0xFEE0))
        case 0x2215, 0x2044: first.append(47)
        case 0x2018, 0x2019, 0x02B9, 0x02BC, 0x2032: first.append(39)
        default: first.append(63)
        }
    }

    private static let entities: [(StaticString, UInt8)] = [
        ("lt", 60), ("gt", 62), ("quot", 34), ("apos", 39), ("amp", 38), ("colon", 58), ("tab", 9), ("newline", 10),
        ("lpar", 40), ("rpar", 41), ("sol", 47), ("bsol", 92), ("equals", 61), ("nbsp", 32), ("grave", 96),
    ]

    /// HTML entities, JavaScript and Apache escapes, wide and overlong forms of ASCII.
    private func decodeEscapes(_ text: Bytes) {
        var index = 0
        while index < text.count {
            let byte = text.start[index]
            switch byte {
            case 38:
                if let (value, length) = Self.entity(text, index + 1) {
                    appendUnit(value)
                    index += 1 + length
                    continue
                }
            case 92:
                let next = text[index + 1] | 0x20
                if next == 120, let high = Bytes.hex(text[index + 2]), let low = Bytes.hex(text[index + 3]) {
                    first.append(high << 4 | low)
                    index += 4
                    continue
                }
                if next == 117, let unit = Self.unit(text, index + 2) {
                    appendUnit(unit)
                    index += 6
                    continue
                }
                if text[index + 1] == 34 || text[index + 1] == 39 {
                    index += 1
                    continue
                }
            case 0xC0, 0xC1:
                // Overlong: two bytes for what needs one.
                if text[index + 1] & 0xC0 == 0x80 {
                    first.append((byte & 1) << 6 | text[index + 1] & 0x3F)
                    index += 2
                    continue
                }
            case 0xEF where text[index + 1] == 0xBC && text[index + 2] >= 0x81:
                first.append(text[index + 2] - 0x60)
                index += 3
                continue
            case 0xEF where text[index + 1] == 0xBD && text[index + 2] <= 0x9E && text[index + 2] >= 0x80:
                first.append(text[index + 2] - 0x20)
                index += 3
                continue
            case 0xE2 where text[index + 1] == 0x80 && (text[index + 2] == 0x98 || text[index + 2] == 0x99):
                first.append(39)
                index += 3
                continue
            default: break
            }
            first.append(byte)
            index += 1
        }
    }

    private static func entity(_ text: Bytes, _ at: Int) -> (UInt32, Int)? {
        if text[at] == 35 {
            let isHex = text[at + 1] | 0x20 == 120
            var index = at + (isHex ? 2 : 1)
            var value: UInt32 = 0
            var digits = 0
            while digits < 8 {
                if isHex, let digit = Bytes.hex(text[index]) {
                    value = value << 4 | UInt32(digit)
                } else if !isHex, Bytes.isDigit(text[index]) {
                    value = value &* 10 &+ UInt32(text[index] - 48)
                } else {
                    break
                }
                digits += 1
                index += 1
            }
            guard digits > 0 else { return nil }
            return (value, index - at + (text[index] == 59 ? 1 : 0))
        }
        for (name, value) in entities where text.hasIgnoringCase(name, at: at) {
            let length = name.utf8CodeUnitCount
            if text[at + length] == 59 { return (UInt32(value), length + 1) }
        }
        return nil
    }

    /// Lower case, comments and white space to one space; a line break stays one, since headers are split with it.
    private func fold(_ text: Bytes) {
        var index = 0
        while index < text.count {
            let byte = text.start[index]
            switch byte {
            case 9, 11, 12, 32, 160:
                if byte == 160, index > 0, text[index - 1] >= 0xC2 { bytes.append(byte) } else { space(32) }
            case 10, 13: space(10)
            case 47 where text[index + 1] == 42:
                // `/*!50000 … */` is run by MySQL: only its marks go.
                if text[index + 2] == 33 {
                    index += 3
                    while Bytes.isDigit(text[index]) { index += 1 }
                    space(32)
                    continue
                }
                if let end = text.find("*/", from: index + 2), end - index < 200 {
                    index = end + 2
                    space(32)
                    continue
                }
                bytes.append(byte)
            case 42 where text[index + 1] == 47:
                index += 2
                space(32)
                continue
            case 1: bytes.append(32)
            default: bytes.append(Bytes.lower(byte))
            }
            index += 1
        }
    }

    private func space(_ byte: UInt8) {
        guard let last = bytes.last, last == 32 || last == 10 else {
            bytes.append(byte)
            return
        }
        if byte == 10 { bytes[bytes.count - 1] = 10 }
    }
}

/// What a piece of a request is.
enum WebPiece: UInt8 {
    case path, argument, grammar, header, agent, body
}
