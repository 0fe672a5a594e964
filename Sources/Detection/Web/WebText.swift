/// A request's texts in one plain form: percent signs, entities and escapes taken off (up to three deep), lower case,
/// comments and runs of white space as one space. What an attacker writes in ten ways is written in one.
final class WebText {
    /// Between the pieces of a request.
    static let separator: UInt8 = 1
    private static let roundsMax = 3
    static let lengthMax = 1 << 16

    /// Two rooms that decoding writes in turns, and the plain form itself.
    private let first = Room(lengthMax)
    private let second = Room(lengthMax)
    // A piece begins below `lengthMax` and is no longer than that; a separator stands before it.
    private let plain = Room(2 * lengthMax + 1)
    /// Where each piece ends in the plain form.
    private(set) var ends: [Int] = []
    private(set) var kinds: [WebPiece] = []
    /// Whether a piece holds a byte that plain text has not.
    private(set) var isSpecial: [Bool] = []
    private let marks: [UInt8] = (0..<256).map { WebText.mark(UInt8($0)) }

    var bytes: Bytes { plain.bytes }

    private static let decodedMark: UInt8 = 1
    private static let plusMark: UInt8 = 2
    private static let pairedMark: UInt8 = 4
    private static let specialMark: UInt8 = 8

    /// What a byte asks for: to be decoded, always or in forms, or beside certain others; and whether plain text has it.
    private static func mark(_ byte: UInt8) -> UInt8 {
        let isPlain = byte >= 128 || byte == 61 || Bytes.isWord(byte) || "/.-~:?+,@% ".utf8.contains(byte)
        let special = isPlain ? 0 : specialMark
        switch byte {
        case 1, 9...13, 37, 38, 92, 160, 0xC0...: return special | decodedMark
        case 43: return special | plusMark
        case 32, 42: return special | pairedMark
        default: return special
        }
    }

    func removeAll() {
        plain.count = 0
        ends.removeAll(keepingCapacity: true)
        kinds.removeAll(keepingCapacity: true)
        isSpecial.removeAll(keepingCapacity: true)
    }

    /// Adds a piece. Only text with something to decode is decoded.
    func add(_ piece: Bytes, _ kind: WebPiece, isForm: Bool) {
        guard plain.count < Self.lengthMax, ends.count < 1_000 else { return }
        let piece = piece.prefix(Self.lengthMax)
        if plain.count > 0 { plain.append(Self.separator) }
        let start = plain.count
        if isPlain(piece, isForm: isForm) {
            copy(piece)
        } else {
            decode(piece, isForm: isForm)
        }
        var equals = 0
        var seen: UInt8 = 0
        let (base, end) = (plain.base, plain.count)
        marks.withUnsafeBufferPointer { marks in
            for index in start..<end {
                equals += base[index] == 61 ? 1 : 0
                seen |= marks[Int(base[index])]
            }
        }
        isSpecial.append(seen & Self.specialMark != 0 || equals > 1)
        ends.append(end)
        kinds.append(kind)
    }

    /// Whether a piece stays as it is but for its case: most do.
    private func isPlain(_ piece: Bytes, isForm: Bool) -> Bool {
        var seen: UInt8 = 0
        marks.withUnsafeBufferPointer { marks in
            for index in 0..<piece.count { seen |= marks[Int(piece.start[index])] }
        }
        if seen & Self.decodedMark != 0 || isForm && seen & Self.plusMark != 0 { return false }
        guard seen & Self.pairedMark != 0, piece.count > 1 else { return true }
        for index in 1..<piece.count {
            let (before, byte) = (piece.start[index - 1], piece.start[index])
            if byte == 32 && before == 32 || byte == 42 && before == 47 || byte == 47 && before == 42 { return false }
        }
        return true
    }

    private func copy(_ piece: Bytes) {
        let place = plain.base + plain.count
        for index in 0..<piece.count { place[index] = Bytes.lower(piece.start[index]) }
        plain.count += piece.count
    }

    private func decode(_ piece: Bytes, isForm: Bool) {
        var (from, to) = (second, first)
        var needsMore = decodePercent(piece, isForm: isForm, into: to)
        var rounds = 1
        while needsMore, rounds < Self.roundsMax {
            swap(&from, &to)
            needsMore = decodePercent(from.bytes, isForm: false, into: to)
            rounds += 1
        }
        if hasEscape(to.bytes) {
            swap(&from, &to)
            decodeEscapes(from.bytes, into: to)
        }
        fold(to.bytes)
    }

    private func hasEscape(_ text: Bytes) -> Bool {
        for index in 0..<text.count
        where text.start[index] == 38 || text.start[index] == 92 || text.start[index] >= 0xC0 {
            return true
        }
        return false
    }

    /// The bounds of a piece in `bytes`.
    func bounds(_ index: Int) -> Range<Int> {
        let start = index == 0 ? 0 : ends[index - 1] + 1
        return min(start, ends[index])..<ends[index]
    }

    /// True when something is still to decode.
    private func decodePercent(_ text: Bytes, isForm: Bool, into room: Room) -> Bool {
        room.count = 0
        var index = 0
        var isAgain = false
        while index < text.count {
            let byte = text.start[index]
            if byte == 37 {
                if let high = Bytes.hex(text[index + 1]), let low = Bytes.hex(text[index + 2]) {
                    let value = high << 4 | low
                    if value == 37 { isAgain = true }
                    room.append(value)
                    index += 3
                    continue
                }
                if text[index + 1] | 0x20 == 117, let unit = Self.unit(text, index + 2) {
                    room.append(Self.byte(of: unit))
                    index += 6
                    continue
                }
            }
            room.append(byte == 43 && isForm ? 32 : byte)
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

    /// The ASCII character that a server may take a character for.
    private static func byte(of unit: UInt32) -> UInt8 {
        switch unit {
        case 0..<0x80: UInt8(unit)
        case 0xFF01...0xFF5E: UInt8(unit - 0xFEE0)
        case 0x2215, 0x2044: 47
        case 0x2018, 0x2019, 0x02B9, 0x02BC, 0x2032: 39
        default: 63
        }
    }

    private static let entities: [(StaticString, UInt8)] = [
        ("lt", 60), ("gt", 62), ("quot", 34), ("apos", 39), ("amp", 38), ("colon", 58), ("tab", 9), ("newline", 10),
        ("lpar", 40), ("rpar", 41), ("sol", 47), ("bsol", 92), ("equals", 61), ("nbsp", 32), ("grave", 96),
    ]

    /// HTML entities, JavaScript and Apache escapes, wide and overlong forms of ASCII.
    private func decodeEscapes(_ text: Bytes, into room: Room) {
        room.count = 0
        var index = 0
        while index < text.count {
            let byte = text.start[index]
            switch byte {
            case 38:
                if let (value, length) = Self.entity(text, index + 1) {
                    room.append(Self.byte(of: value))
                    index += 1 + length
                    continue
                }
            case 92:
                let next = text[index + 1] | 0x20
                if next == 120, let high = Bytes.hex(text[index + 2]), let low = Bytes.hex(text[index + 3]) {
                    room.append(high << 4 | low)
                    index += 4
                    continue
                }
                if next == 117, let unit = Self.unit(text, index + 2) {
                    room.append(Self.byte(of: unit))
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
                    room.append((byte & 1) << 6 | text[index + 1] & 0x3F)
                    index += 2
                    continue
                }
            case 0xEF where text[index + 1] == 0xBC && text[index + 2] >= 0x81:
                room.append(text[index + 2] - 0x60)
                index += 3
                continue
            case 0xEF where text[index + 1] == 0xBD && text[index + 2] <= 0x9E && text[index + 2] >= 0x80:
                room.append(text[index + 2] - 0x20)
                index += 3
                continue
            case 0xE2 where text[index + 1] == 0x80 && (text[index + 2] == 0x98 || text[index + 2] == 0x99):
                room.append(39)
                index += 3
                continue
            default: break
            }
            room.append(byte)
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
                if byte == 160, index > 0, text[index - 1] >= 0xC2 { plain.append(byte) } else { space(32) }
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
                plain.append(byte)
            case 42 where text[index + 1] == 47:
                index += 2
                space(32)
                continue
            case 1: plain.append(32)
            default: plain.append(Bytes.lower(byte))
            }
            index += 1
        }
    }

    private func space(_ byte: UInt8) {
        let last = plain.last
        guard last == 32 || last == 10 else {
            plain.append(byte)
            return
        }
        if byte == 10 { plain.last = 10 }
    }

    /// Bytes up to a capacity; what is beyond it is dropped.
    private final class Room {
        let base: UnsafeMutablePointer<UInt8>
        private let capacity: Int
        var count = 0

        init(_ capacity: Int) {
            base = .allocate(capacity: capacity)
            self.capacity = capacity
        }

        deinit { base.deallocate() }

        var bytes: Bytes { Bytes(start: base, count: count) }

        /// The last byte; 0 when there is none.
        var last: UInt8 {
            get { count > 0 ? base[count - 1] : 0 }
            set { if count > 0 { base[count - 1] = newValue } }
        }

        @inline(__always)
        func append(_ byte: UInt8) {
            guard count < capacity else { return }
            base[count] = byte
            count += 1
        }
    }
}

/// What a piece of a request is.
enum WebPiece: UInt8 {
    case path, argument, grammar, header, agent, body
}
