/// International bank account numbers (ISO 13616): countries' structures of the IBAN registry, check digits by ISO 7064.
public struct IBAN: Hashable, Sendable {
    /// Without spaces, upper case.
    public let text: String

    public init?(_ text: String) {
        let compact = Self.compact(text)
        guard Self.isValid(compact) else { return nil }
        self.text = String(decoding: compact, as: UTF8.self)
    }

    public var country: String { String(text.prefix(2)) }

    /// The last four characters: what people may see.
    public var lastFour: String { String(text.suffix(4)) }

    /// Without spaces, letters in upper case.
    public static func compact(_ text: String) -> [UInt8] {
        text.utf8.compactMap { byte in
            if byte == 32 { return nil }
            return (97...122).contains(byte) ? byte - 32 : byte
        }
    }

    /// The country's length and structure, check digits; for France and Monaco the RIB key too.
    public static func isValid(_ bytes: some RandomAccessCollection<UInt8>) -> Bool {
        let text = Array(bytes)
        guard text.count >= 15, text.count <= 34, let form = form(of: text), fits(text, form) else { return false }
        // Check digits are 02 to 98: three others would satisfy the remainder too.
        guard let check = checkDigits(text), (2...98).contains(check) else { return false }
        var remainder = 0
        for index in 0..<text.count {
            let byte = text[index < text.count - 4 ? index + 4 : index - (text.count - 4)]
            switch byte {
            case 48...57: remainder = (remainder * 10 + Int(byte) - 48) % 97
            case 65...90: remainder = (remainder * 100 + Int(byte) - 55) % 97
            default: return false
            }
        }
        guard remainder == 1 else { return false }
        let isFrench = (text[0] == 70 && text[1] == 82) || (text[0] == 77 && text[1] == 67)
        return !isFrench || hasValidRIBKey(text)
    }

    private static func checkDigits(_ text: [UInt8]) -> Int? {
        guard (48...57).contains(text[2]), (48...57).contains(text[3]) else { return nil }
        return Int(text[2] - 48) * 10 + Int(text[3] - 48)
    }

    /// The French key: 97 − (89·bank + 15·branch + 3·account) mod 97, letters taken as digits.
    private static func hasValidRIBKey(_ text: [UInt8]) -> Bool {
        func number(_ range: Range<Int>) -> Int? {
            var value = 0
            for byte in text[range] {
                let digit: Int
                switch byte {
                case 48...57: digit = Int(byte) - 48
                case 65...73: digit = Int(byte) - 64
                case 74...82: digit = Int(byte) - 73
                case 83...90: digit = Int(byte) - 81
                default: return nil
                }
                value = value * 10 + digit
            }
            return value
        }
        guard let bank = number(4..<9), let branch = number(9..<14), let account = number(14..<25),
            let key = number(25..<27)
        else { return false }
        return key == 97 - (89 * (bank % 97) + 15 * (branch % 97) + 3 * (account % 97)) % 97
    }

    /// The country's form of what follows the check digits: runs of digits (n), capital letters (a) or both (c).
    private static func form(of text: [UInt8]) -> [Run]? {
        forms[Int(text[0]) << 8 | Int(text[1])]
    }

    private struct Run {
        let count: Int
        let kind: UInt8

        func takes(_ byte: UInt8) -> Bool {
            let isDigit = (48...57).contains(byte)
            let isLetter = (65...90).contains(byte)
            return switch kind {
            case UInt8(ascii: "n"): isDigit
            case UInt8(ascii: "a"): isLetter
            default: isDigit || isLetter
            }
        }
    }

    private static func fits(_ text: [UInt8], _ form: [Run]) -> Bool {
        var place = 4
        for run in form {
            guard place + run.count <= text.count, text[place..<place + run.count].allSatisfy(run.takes) else {
                return false
            }
            place += run.count
        }
        return place == text.count
    }

    /// By country code; SWIFT IBAN registry, neighbouring runs of one kind joined.
    private static let forms: [Int: [Run]] = {
        let table = """
            AD:8n12c AE:19n AL:8n16c AT:16n AZ:4a20c BA:16n BE:12n BG:4a6n8c BH:4a14c BI:23n BR:23n1a1c \
            BY:4c4n16c CH:5n12c CR:18n CY:8n16c CZ:20n DE:18n DJ:23n DK:14n DO:4c20n EE:16n EG:25n ES:20n FI:14n \
            FK:2a12n FO:14n FR:10n11c2n GB:4a14n GE:2a16n GI:4a15c GL:14n GR:7n16c GT:24c HN:4a20n HR:17n HU:24n \
            IE:4a14n IL:19n IQ:4a15n IS:22n IT:1a10n12c JO:4a4n18c KW:4a22c KZ:3n13c LB:4n20c LC:4a24c LI:5n12c \
            LT:16n LU:3n13c LV:4a13c LY:21n MC:10n11c2n MD:20c ME:18n MK:3n10c2n MN:16n MR:23n MT:4a5n18c \
            MU:4a19n3a NI:4a20n NL:4a10n NO:11n OM:3n16c PK:4a16c PL:24n PS:4a21c PT:21n QA:4a21c RO:4a16c \
            RS:18n RU:14n15c SA:2n18c SC:4a20n3a SD:14n SE:20n SI:15n SK:20n SM:1a10n12c SO:19n ST:21n SV:4a20n \
            TL:19n TN:20n TR:6n16c UA:6n19c VA:18n VG:4a16n XK:16n YE:4a4n18c
            """
        var forms: [Int: [Run]] = [:]
        for entry in table.split(separator: " ") {
            let bytes = Array(entry.utf8)
            var runs: [Run] = []
            var count = 0
            for byte in bytes.dropFirst(3) {
                if (48...57).contains(byte) {
                    count = count * 10 + Int(byte) - 48
                } else {
                    runs.append(Run(count: count, kind: byte))
                    count = 0
                }
            }
            forms[Int(bytes[0]) << 8 | Int(bytes[1])] = runs
        }
        return forms
    }()
}
