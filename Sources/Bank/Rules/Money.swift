/// A currency and how many decimals its minor unit stands for (ISO 4217).
public struct Currency: Hashable, Sendable {
    public let code: String
    public let exponent: Int

    public static let known: [String: Currency] = {
        let exponents = ["JPY": 0, "XOF": 0, "XPF": 0, "TND": 3, "KWD": 3]
        let codes = [
            "EUR", "USD", "GBP", "CHF", "CZK", "PLN", "SEK", "DKK", "NOK", "HUF", "RON", "BGN", "MAD", "TND", "JPY",
            "KWD", "XOF", "XPF",
        ]
        return Dictionary(uniqueKeysWithValues: codes.map { ($0, Currency(code: $0, exponent: exponents[$0] ?? 2)) })
    }()

    public static let eur = Currency(code: "EUR", exponent: 2)
}

/// An exact amount in minor units.
public struct Money: Hashable, Sendable {
    public let minor: Int64
    public let currency: Currency

    public init(minor: Int64, currency: Currency) {
        self.minor = minor
        self.currency = currency
    }

    /// Reads `-12.34`; nil when there are more decimals than the currency has, or the number does not fit.
    public init?(decimal text: some StringProtocol, currency: Currency) {
        var digits = Substring(text)
        let isNegative = digits.first == "-"
        if isNegative { digits.removeFirst() }
        let parts = digits.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty, whole.utf8.allSatisfy({ (48...57).contains($0) }) else {
            return nil
        }
        var fraction = parts.count > 1 ? parts[1] : ""
        guard fraction.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        while fraction.count > currency.exponent, fraction.last == "0" { fraction.removeLast() }
        guard fraction.count <= currency.exponent else { return nil }
        let padding = String(repeating: "0", count: currency.exponent - fraction.count)
        guard let minor = Int64((isNegative ? "-" : "") + whole + fraction + padding) else { return nil }
        self.init(minor: minor, currency: currency)
    }
}

extension Money: CustomStringConvertible {
    /// `-12.34`: what `init(decimal:currency:)` reads.
    public var decimalText: String {
        let digits = String(minor.magnitude)
        let padded = String(repeating: "0", count: max(0, currency.exponent + 1 - digits.count)) + digits
        let whole = padded.dropLast(currency.exponent)
        let fraction = currency.exponent > 0 ? "." + padded.suffix(currency.exponent) : ""
        return (minor < 0 ? "-" : "") + whole + fraction
    }

    public var description: String { decimalText + " " + currency.code }

    /// Nil when the currencies differ or the sum does not fit.
    public func adding(_ other: Money) -> Money? {
        guard currency == other.currency else { return nil }
        let (sum, overflow) = minor.addingReportingOverflow(other.minor)
        return overflow ? nil : Money(minor: sum, currency: currency)
    }

    /// Shares in the proportion of `weights` that add up to the amount exactly: each gets its part rounded towards zero,
    /// and what is left goes, a minor unit each, to the largest remainders (the first among equals).
    ///
    /// Nil without weights, with a negative one, or when their sum is zero or does not fit.
    public func split(by weights: [Int64]) -> [Money]? {
        var total: UInt64 = 0
        for weight in weights {
            guard weight >= 0 else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(UInt64(weight))
            guard !overflow else { return nil }
            total = sum
        }
        guard total > 0 else { return nil }
        var shares: [UInt64] = []
        var remainders: [(index: Int, value: UInt64)] = []
        var left = minor.magnitude
        for (index, weight) in weights.enumerated() {
            let (share, remainder) = total.dividingFullWidth(minor.magnitude.multipliedFullWidth(by: UInt64(weight)))
            shares.append(share)
            remainders.append((index, remainder))
            left -= share
        }
        remainders.sort { $0.value != $1.value ? $0.value > $1.value : $0.index < $1.index }
        for remainder in remainders.prefix(Int(left)) { shares[remainder.index] += 1 }
        return shares.map { share in
            // A share is no larger than the amount, whose least value has no positive twin.
            Money(minor: minor < 0 ? Int64(truncatingIfNeeded: 0 &- share) : Int64(share), currency: currency)
        }
    }

    /// The amount times `numerator` over `denominator`, rounded once, by name. Nil when it does not fit, or the
    /// denominator is not positive.
    public func scaled(by numerator: Int64, over denominator: Int64, rounding: Rounding) -> Money? {
        guard denominator > 0 else { return nil }
        let product = minor.magnitude.multipliedFullWidth(by: numerator.magnitude)
        guard product.high < UInt64(denominator) else { return nil }
        let (quotient, remainder) = UInt64(denominator).dividingFullWidth(product)
        let isNegative = (minor < 0) != (numerator < 0)
        let isUp = rounding.goesUp(
            remainder: remainder, of: UInt64(denominator), isOdd: quotient % 2 == 1, isNegative: isNegative)
        let (magnitude, overflow) = quotient.addingReportingOverflow(isUp ? 1 : 0)
        guard !overflow else { return nil }
        if isNegative {
            guard magnitude <= Int64.min.magnitude else { return nil }
            return Money(minor: Int64(truncatingIfNeeded: 0 &- magnitude), currency: currency)
        }
        guard let value = Int64(exactly: magnitude) else { return nil }
        return Money(minor: value, currency: currency)
    }
}

/// What becomes of less than a minor unit. There is no default: whoever rounds says how.
public enum Rounding: Sendable, CaseIterable {
    /// To the nearest, halves away from zero: conversions of the euro (Regulation 1103/97, article 5).
    case halfUp
    /// To the nearest, halves to the even neighbour: interest, whose errors then cancel out.
    case halfEven
    case towardsZero
    case awayFromZero
    case floor
    case ceiling

    /// Whether the magnitude grows by one.
    func goesUp(remainder: UInt64, of denominator: UInt64, isOdd: Bool, isNegative: Bool) -> Bool {
        guard remainder > 0 else { return false }
        let half = denominator - remainder
        return switch self {
        case .halfUp: remainder >= half
        case .halfEven: remainder == half ? isOdd : remainder > half
        case .towardsZero: false
        case .awayFromZero: true
        case .floor: isNegative
        case .ceiling: !isNegative
        }
    }
}
