/// Card numbers (ISO/IEC 7812): 12 to 19 digits, the last a Luhn check digit.
public enum CardNumber {
    public static func isValid(_ digits: some RandomAccessCollection<UInt8>) -> Bool {
        (12...19).contains(digits.count) && Luhn.isValid(digits)
    }

    /// Whose card it is, by its first digits and its length.
    public enum Network: String, Sendable, CaseIterable {
        case visa, mastercard, amex, maestro, discover, diners, jcb, unionPay
    }

    /// Nil when the number is not valid, or of no network that we know.
    public static func network(_ digits: some RandomAccessCollection<UInt8>) -> Network? {
        guard isValid(digits) else { return nil }
        let count = digits.count
        let six = digits.prefix(6).reduce(0) { $0 * 10 + Int($1) - 48 }
        return issuers.first { $0.range.contains(six) && $0.lengths.contains(count) }?.network
    }

    private struct Issuer {
        let network: Network
        let range: ClosedRange<Int>
        let lengths: Set<Int>
    }

    /// Ranges of the first six digits, the narrower before the wider.
    private static let issuers: [Issuer] = [
        Issuer(network: .visa, range: 400_000...499_999, lengths: [13, 16, 19]),
        Issuer(network: .mastercard, range: 510_000...559_999, lengths: [16]),
        Issuer(network: .mastercard, range: 222_100...272_099, lengths: [16]),
        Issuer(network: .amex, range: 340_000...349_999, lengths: [15]),
        Issuer(network: .amex, range: 370_000...379_999, lengths: [15]),
        Issuer(network: .diners, range: 300_000...305_999, lengths: Set(14...19)),
        Issuer(network: .diners, range: 309_500...309_599, lengths: Set(14...19)),
        Issuer(network: .diners, range: 360_000...369_999, lengths: Set(14...19)),
        Issuer(network: .diners, range: 380_000...399_999, lengths: Set(14...19)),
        Issuer(network: .jcb, range: 352_800...358_999, lengths: Set(16...19)),
        Issuer(network: .discover, range: 601_100...601_199, lengths: Set(16...19)),
        Issuer(network: .discover, range: 644_000...659_999, lengths: Set(16...19)),
        Issuer(network: .unionPay, range: 620_000...629_999, lengths: Set(16...19)),
        Issuer(network: .maestro, range: 500_000...509_999, lengths: Set(12...19)),
        Issuer(network: .maestro, range: 560_000...589_999, lengths: Set(12...19)),
        Issuer(network: .maestro, range: 600_000...699_999, lengths: Set(12...19)),
    ]
}

/// The check digit of ISO/IEC 7812-1 annex B: cards, SIREN, SIRET.
enum Luhn {
    /// False for anything but digits, and for nothing.
    static func isValid(_ digits: some RandomAccessCollection<UInt8>) -> Bool {
        guard !digits.isEmpty else { return false }
        var sum = 0
        for (position, byte) in digits.reversed().enumerated() {
            guard (48...57).contains(byte) else { return false }
            var digit = Int(byte) - 48
            if position % 2 == 1 {
                digit *= 2
                if digit > 9 { digit -= 9 }
            }
            sum += digit
        }
        return sum % 10 == 0
    }
}
