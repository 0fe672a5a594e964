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
                || (352_800...358_999).contains(six)
        case 15: return (340_000...349_999).contains(six) || (370_000...379_999).contains(six)
        case 14:
            return (300_000...305_999).contains(six) || (360_000...369_999).contains(six)
                || (380_000...399_999).contains(six)
        case 13, 19: return (400_000...499_999).contains(six)
        default: return false
        }
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
        "AD": 24, "AT": 20, "BE": 16, "BG": 22, "CH": 21, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "EE": 20, "ES": 24,
        "FI": 18, "FR": 27, "GB": 22, "GR": 27, "HR": 21, "HU": 28, "IE": 22, "IS": 26, "IT": 27, "LI": 21, "LT": 20,
        "LU": 20, "LV": 21, "MC": 27, "MT": 31, "NL": 18, "NO": 15, "PL": 28, "PT": 25, "RO": 24, "SE": 24, "SI": 19,
        "SK": 24, "SM": 27, "TN": 24, "MA": 28, "TR": 26,
    ]

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
