/// Check digits of the numbers that a scan believes.
enum NumberRules {
    static func luhn(_ digits: some Collection<UInt8>) -> Bool {
        var sum = 0
        for (place, digit) in digits.reversed().enumerated() {
            let doubled = place % 2 == 1 ? Int(digit) * 2 : Int(digit)
            sum += doubled > 9 ? doubled - 9 : doubled
        }
        return sum % 10 == 0 && digits.contains { $0 != 0 }
    }

    /// The ranges of issuers (ISO/IEC 7812) that French acquirers see, with their lengths.
    static func isIssuer(_ digits: ArraySlice<UInt8>) -> Bool {
        let six = digits.prefix(6).reduce(0) { $0 * 10 + Int($1) }
        switch digits.count {
        case 16:
            return (400_000...499_999).contains(six) || (510_000...559_999).contains(six)
                || (222_100...272_099).contains(six) || (601_100...601_199).contains(six)
                || (644_000...659_999).contains(six) || (500_000...509_999).contains(six)
                || (352_800...358_999).contains(six) || (300_000...305_999).contains(six) || isDebitAbroad(six)
        case 15: return (340_000...349_999).contains(six) || (370_000...379_999).contains(six)
        case 14:
            return (300_000...305_999).contains(six) || (360_000...369_999).contains(six)
                || (380_000...399_999).contains(six)
        case 13: return (400_000...499_999).contains(six)
        case 19: return (400_000...499_999).contains(six) || isDebitAbroad(six)
        default: return false
        }
    }

    /// UnionPay and Maestro.
    private static func isDebitAbroad(_ six: Int) -> Bool {
        (620_000...629_999).contains(six) || [5893, 6304, 6759, 6761, 6762, 6763].contains(six / 100)
    }

    static func isCard(_ digits: ArraySlice<UInt8>) -> Bool { isIssuer(digits) && luhn(digits) }

    /// A French social security number: sex, year, month, department, commune, order, key. Corsica's 2A counts as 19 and
    /// 2B as 18, which the caller has put in.
    static func isNIR(_ digits: ArraySlice<UInt8>) -> Bool {
        guard digits.count == 15, let sex = digits.first, [1, 2, 3, 4, 7, 8].contains(sex) else { return false }
        let all = Array(digits)
        let month = Int(all[3]) * 10 + Int(all[4])
        guard (1...12).contains(month) || (20...42).contains(month) || (50...99).contains(month) else { return false }
        let number = all[0..<13].reduce(0) { $0 * 10 + Int($1) }
        let key = Int(all[13]) * 10 + Int(all[14])
        return number > 0 && 97 - number % 97 == key
    }

    static func isSIREN(_ digits: ArraySlice<UInt8>) -> Bool { digits.count == 9 && luhn(digits) }

    /// La Poste's establishments count their digits instead.
    static func isSIRET(_ digits: ArraySlice<UInt8>) -> Bool {
        guard digits.count == 14, digits.prefix(9).contains(where: { $0 != 0 }) else { return false }
        if luhn(digits) { return luhn(digits.prefix(9)) }
        return digits.starts(with: [3, 5, 6, 0, 0, 0, 0, 0, 0]) && digits.reduce(0) { $0 + Int($1) } % 5 == 0
    }

    /// Lengths of IBANs by country (ISO 13616 registry).
    static let ibanLengths: [String: Int] = [
        "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BI": 27, "BR": 29,
        "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
        "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
        "HN": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
        "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MA": 28, "MC": 27, "MD": 24, "ME": 22,
        "MK": 19, "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24, "PL": 28,
        "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31, "SD": 18, "SE": 24, "SI": 19,
        "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24,
        "XK": 20, "YE": 30,
    ]

    /// A French account number as it was written before IBANs: bank, branch, account, key; letters count as the digits below
    /// them on a telephone of old.
    static func isRIB(_ compact: [UInt8]) -> Bool {
        guard compact.count == 23 else { return false }
        func number(_ range: Range<Int>) -> Int {
            compact[range].reduce(0) { sum, byte in
                let letter = Int(byte) - 65
                let digit =
                    TextBytes.isDigit(byte) ? Int(byte) - 48 : letter < 18 ? letter % 9 + 1 : letter - 16
                return (sum * 10 + digit) % 97
            }
        }
        let sum = 89 * number(0..<5) + 15 * number(5..<10) + 3 * number(10..<21) + number(21..<23)
        return sum % 97 == 0
    }

    /// Digits of international numbers by country code, the code's own among them: France's neighbours, its lands overseas, and
    /// where its clients come from. None begins another.
    static let countryCodes: [(code: [UInt8], count: ClosedRange<Int>)] = [
        ("1", 11...11), ("30", 12...12), ("31", 11...11), ("32", 10...11), ("34", 11...11), ("36", 10...11),
        ("39", 10...13), ("40", 11...11), ("41", 11...11), ("43", 10...13), ("44", 12...12), ("45", 10...10),
        ("46", 10...12), ("47", 10...10), ("48", 11...11), ("49", 10...13), ("90", 12...12), ("212", 12...12),
        ("213", 11...12), ("216", 11...11), ("221", 12...12), ("223", 11...11), ("225", 13...13), ("237", 12...12),
        ("261", 12...12), ("262", 12...12), ("351", 12...12), ("352", 9...12), ("353", 11...12), ("357", 11...11),
        ("358", 10...13), ("359", 11...12), ("370", 11...11), ("371", 11...11), ("372", 10...11), ("376", 9...9),
        ("377", 11...12), ("385", 11...12), ("386", 11...11), ("420", 12...12), ("421", 12...12), ("508", 9...9),
        ("590", 12...12), ("594", 12...12), ("596", 12...12), ("687", 9...9), ("689", 9...11), ("961", 10...11),
    ].map { (Array($0.0.utf8).map { $0 - 48 }, $0.1) }

    /// ISO 7064 modulo 97 over upper-case letters and digits without separators.
    static func isIBAN(_ compact: [UInt8]) -> Bool {
        guard compact.count > 4,
            ibanLengths[String(decoding: compact.prefix(2), as: UTF8.self)] == compact.count
        else { return false }
        var remainder = 0
        for byte in compact[4...] + compact[..<4] {
            if TextBytes.isDigit(byte) {
                remainder = (remainder * 10 + Int(byte - 48)) % 97
            } else {
                remainder = (remainder * 100 + Int(byte) - 55) % 97
            }
        }
        return remainder == 1
    }
}
