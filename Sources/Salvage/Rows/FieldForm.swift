/// The text forms PostgreSQL writes for its types (documentation, "Data Types"; ISO date style, hex bytea).
enum FieldForm {
    typealias Text = UnsafeBufferPointer<UInt8>

    @inline(__always)
    static func isDigit(_ byte: UInt8) -> Bool { byte &- 48 < 10 }

    static func integer(_ text: Text, digitsMax: Int) -> Bool {
        var index = 0
        if text.first == UInt8(ascii: "-") { index = 1 }
        let digits = text.count - index
        guard digits >= 1, digits <= digitsMax else { return false }
        if digits > 1, text[index] == UInt8(ascii: "0") { return false }
        while index < text.count {
            guard isDigit(text[index]) else { return false }
            index += 1
        }
        return digits < digitsMax || isInRange(text, digits: digitsMax)
    }

    /// Compares with the type's largest magnitude, digit by digit.
    private static func isInRange(_ text: Text, digits: Int) -> Bool {
        let limit: StaticString
        switch digits {
        case 5: limit = "32767"
        case 10: limit = "2147483647"
        default: limit = "9223372036854775807"
        }
        let isNegative = text[0] == UInt8(ascii: "-")
        let start = isNegative ? 1 : 0
        for index in 0..<digits {
            let bound = limit.utf8Start[index]
            let digit = text[start + index]
            if digit != bound { return digit < bound || (isNegative && index == digits - 1 && digit == bound + 1) }
        }
        return true
    }

    static func numeric(_ text: Text, precision: Int?, scale: Int) -> Bool {
        var index = text.first == UInt8(ascii: "-") ? 1 : 0
        let start = index
        while index < text.count, isDigit(text[index]) { index += 1 }
        let whole = index - start
        guard whole >= 1 else { return equals(text, "NaN") || equals(text, "Infinity") || equals(text, "-Infinity") }
        if whole > 1, text[start] == UInt8(ascii: "0") { return false }
        var fraction = 0
        if index < text.count {
            guard text[index] == UInt8(ascii: ".") else { return false }
            index += 1
            while index < text.count, isDigit(text[index]) {
                index += 1
                fraction += 1
            }
            guard index == text.count, fraction > 0 else { return false }
        }
        guard let precision else { return true }
        return fraction == scale && whole <= max(precision - scale, 1)
    }

    static func real(_ text: Text) -> Bool {
        if equals(text, "NaN") || equals(text, "Infinity") || equals(text, "-Infinity") { return true }
        guard !text.isEmpty, text.count < 32 else { return false }
        return text.allSatisfy {
            isDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: ".")
                || $0 == UInt8(ascii: "e")
        }
    }

    /// `2024-02-29`; years of more digits and `infinity` too.
    static func date(_ text: Text) -> Bool {
        if text.count == 10 { return day(text) }
        if equals(text, "infinity") || equals(text, "-infinity") { return true }
        var rest = text
        if text.count > 13, equals(Text(rebasing: text[(text.count - 3)...]), " BC") {
            rest = Text(rebasing: text[..<(text.count - 3)])
        }
        guard rest.count >= 10, rest.count <= 13 else { return false }
        let extra = rest.count - 10
        return rest[..<extra].allSatisfy(isDigit) && day(Text(rebasing: rest[extra...]))
    }

    private static func day(_ text: Text) -> Bool {
        guard text[4] == UInt8(ascii: "-"), text[7] == UInt8(ascii: "-"), isDigit(text[0]), isDigit(text[1]),
            isDigit(text[2]), isDigit(text[3]), isDigit(text[5]), isDigit(text[6]), isDigit(text[8]), isDigit(text[9])
        else { return false }
        let month = Int(text[5] - 48) * 10 + Int(text[6] - 48)
        let day = Int(text[8] - 48) * 10 + Int(text[9] - 48)
        guard (1...12).contains(month), day >= 1 else { return false }
        if month == 2 {
            let year = (0..<4).reduce(0) { $0 * 10 + Int(text[$1] - 48) }
            let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
            return day <= (isLeap ? 29 : 28)
        }
        return day <= ([4, 6, 9, 11].contains(month) ? 30 : 31)
    }

    /// `2024-02-29 13:59:59.123456`, with a zone `+02`, `+05:30` when the type has one.
    static func timestamp(_ text: Text, hasZone: Bool) -> Bool {
        if equals(text, "infinity") || equals(text, "-infinity") { return true }
        guard text.count >= 19, text[10] == UInt8(ascii: " ") else { return false }
        guard day(Text(rebasing: text[..<10])), isClock(text, at: 11) else { return false }
        var index = 19
        if index < text.count, text[index] == UInt8(ascii: ".") {
            let start = index + 1
            index = start
            while index < text.count, isDigit(text[index]) { index += 1 }
            guard index > start, index - start <= 6 else { return false }
        }
        guard hasZone else { return index == text.count }
        guard index + 3 <= text.count, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-") else {
            return false
        }
        return text[(index + 1)...].allSatisfy { isDigit($0) || $0 == UInt8(ascii: ":") } && text.count - index <= 9
    }

    private static func isClock(_ text: Text, at start: Int) -> Bool {
        guard text[start + 2] == UInt8(ascii: ":"), text[start + 5] == UInt8(ascii: ":") else { return false }
        func two(_ index: Int) -> Int? {
            guard isDigit(text[index]), isDigit(text[index + 1]) else { return nil }
            return Int(text[index] - 48) * 10 + Int(text[index + 1] - 48)
        }
        guard let hour = two(start), let minute = two(start + 3), let second = two(start + 6) else { return false }
        return hour <= 24 && minute < 60 && second <= 60
    }

    static func uuid(_ text: Text) -> Bool {
        guard text.count == 36 else { return false }
        for (index, byte) in text.enumerated() {
            if index == 8 || index == 13 || index == 18 || index == 23 {
                guard byte == UInt8(ascii: "-") else { return false }
            } else if !isHex(byte) {
                return false
            }
        }
        return true
    }

    /// `\\x0a1b`: the backslash is escaped in COPY text.
    static func bytea(_ text: Text) -> Bool {
        guard text.count >= 3, text.count % 2 == 1, text[0] == UInt8(ascii: "\\"), text[1] == UInt8(ascii: "\\"),
            text[2] == UInt8(ascii: "x")
        else { return false }
        return text[3...].allSatisfy(isHex)
    }

    static func inet(_ text: Text) -> Bool {
        guard text.count >= 2, text.count <= 43 else { return false }
        let isDotted = text.contains(UInt8(ascii: "."))
        let isColoned = text.contains(UInt8(ascii: ":"))
        guard isDotted || isColoned else { return false }
        guard isColoned else { return isIPv4(text) }
        return text.allSatisfy {
            isHex($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/")
        }
    }

    private static func isIPv4(_ text: Text) -> Bool {
        var parts = 1
        var value = -1
        for (index, byte) in text.enumerated() {
            if isDigit(byte) {
                value = max(value, 0) * 10 + Int(byte - 48)
                guard value <= 255 else { return false }
            } else if byte == UInt8(ascii: "."), value >= 0 {
                parts += 1
                value = -1
            } else if byte == UInt8(ascii: "/"), value >= 0 {
                let rest = text[(index + 1)...]
                return parts == 4 && (1...2).contains(rest.count) && rest.allSatisfy(isDigit)
            } else {
                return false
            }
        }
        return parts == 4 && value >= 0
    }

    /// Starts and ends as a JSON value does; brackets pair outside strings. A shallow check, linear in the text.
    static func json(_ text: Text) -> Bool {
        guard let first = text.first, let last = text.last else { return false }
        switch first {
        case UInt8(ascii: "{"): guard last == UInt8(ascii: "}") else { return false }
        case UInt8(ascii: "["): guard last == UInt8(ascii: "]") else { return false }
        case UInt8(ascii: "\""): guard last == UInt8(ascii: "\""), text.count > 1 else { return false }
        default: return text.allSatisfy { isDigit($0) || $0 == 45 || $0 == 46 || $0 == 43 || ($0 | 32) >= 97 }
        }
        var depth = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            default: break
            }
        }
        return depth == 0 || text.contains(UInt8(ascii: "\\")) || text.contains(UInt8(ascii: "\""))
    }

    /// Each backslash is followed by a character COPY writes after one.
    static func escapesAreValid(_ text: Text) -> Bool {
        var index = 0
        while index < text.count {
            if text[index] == UInt8(ascii: "\\") {
                guard index + 1 < text.count else { return false }
                switch text[index + 1] {
                case UInt8(ascii: "\\"), UInt8(ascii: "n"), UInt8(ascii: "t"), UInt8(ascii: "r"), UInt8(ascii: "b"),
                    UInt8(ascii: "f"), UInt8(ascii: "v"):
                    break
                default: return false
                }
                index += 1
            }
            index += 1
        }
        return true
    }

    static func characterCount(_ text: Text) -> Int {
        var count = 0
        for byte in text where byte & 0xC0 != 0x80 { count += 1 }
        return count
    }

    static func isUTF8(_ text: Text) -> Bool {
        var index = 0
        while index < text.count {
            let lead = text[index]
            let length =
                lead < 0x80 ? 1 : lead & 0xE0 == 0xC0 ? 2 : lead & 0xF0 == 0xE0 ? 3 : lead & 0xF8 == 0xF0 ? 4 : 0
            guard length > 0, index + length <= text.count else { return false }
            guard length == 1 || isContinuation(text, index, length) else { return false }
            index += length
        }
        return true
    }

    /// Continuation bytes in range; no overlong form, surrogate, or value past U+10FFFF.
    private static func isContinuation(_ text: Text, _ index: Int, _ length: Int) -> Bool {
        for next in (index + 1)..<(index + length) where text[next] & 0xC0 != 0x80 { return false }
        let second = text[index + 1]
        switch text[index] {
        case 0xC0, 0xC1: return false
        case 0xE0: return second >= 0xA0
        case 0xED: return second < 0xA0
        case 0xF0: return second >= 0x90
        case 0xF4: return second < 0x90
        case 0xF5...: return false
        default: return true
        }
    }

    private static func isHex(_ byte: UInt8) -> Bool { isDigit(byte) || (97...102).contains(byte) }

    private static func equals(_ text: Text, _ word: StaticString) -> Bool {
        text.count == word.utf8CodeUnitCount
            && text.elementsEqual(UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
    }
}
