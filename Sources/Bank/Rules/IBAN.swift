/// International bank account numbers (ISO 13616): countries' lengths of the IBAN registry, check digits by ISO 7064.
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

    /// Length of the country, characters, check digits; for France and Monaco the RIB key too.
    public static func isValid(_ bytes: some RandomAccessCollection<UInt8>) -> Bool {
        let text = Array(bytes)
        guard text.count >= 15, text.count <= 34, let length = length(of: text), length == text.count else {
            return false
        }
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

    private static func length(of text: [UInt8]) -> Int? {
        lengths[Int(text[0]) << 8 | Int(text[1])]
    }

    /// By country code; SWIFT IBAN registry.
    private static let lengths: [Int: Int] = {
        let table = """
            AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 \
            EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 \
            KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 \
            PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 \
            UA29 VA22 VG24 XK20 YE30
            """
        var lengths: [Int: Int] = [:]
        for entry in table.split(separator: " ") {
            let bytes = Array(entry.utf8)
            lengths[Int(bytes[0]) << 8 | Int(bytes[1])] = Int(entry.dropFirst(2))
        }
        return lengths
    }()
}
