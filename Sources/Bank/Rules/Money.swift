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
