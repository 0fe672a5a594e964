/// The console's languages.
public enum Language: String, Sendable, Hashable, CaseIterable {
    case fr, en
}

/// Numbers as people of a language read them, to the code point as CLDR has them: U+202F between thousands, U+00A0 before a
/// unit in French.
public struct NumberText: Sendable, Hashable {
    public let language: Language

    public init(_ language: Language) { self.language = language }

    private var group: String { language == .fr ? "\u{202F}" : "," }
    private var point: String { language == .fr ? "," : "." }

    /// An exact decimal such as `-1234567.89`, digit by digit: never through a float.
    public func decimal(_ exact: String) -> String {
        var rest = exact[...]
        let isNegative = rest.first == "-"
        if isNegative { rest = rest.dropFirst() }
        let parts = rest.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let whole = parts.first.map { Array($0) } ?? []
        var out = isNegative ? "-" : ""
        for (index, digit) in whole.enumerated() {
            if index > 0, (whole.count - index) % 3 == 0 { out += group }
            out.append(digit)
        }
        if parts.count > 1 { out += point + parts[1] }
        return out
    }

    public func integer(_ value: Int64) -> String { decimal(String(value)) }

    /// `1 234,56 €` or `€1,234.56`.
    public func money(_ exact: String, _ currency: String) -> String {
        let sign = Self.signs[currency]
        guard language == .en else { return decimal(exact) + "\u{A0}" + (sign ?? currency) }
        guard let sign else { return currency + "\u{A0}" + decimal(exact) }
        return exact.first == "-" ? "-" + sign + decimal(String(exact.dropFirst())) : sign + decimal(exact)
    }

    private static let signs = ["EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"]

    public func number(_ value: Double, digits: Int = 0) -> String { decimal(Self.fixed(value, digits)) }

    /// A share of one as a percentage.
    public func percent(_ share: Double, digits: Int = 1) -> String {
        decimal(Self.fixed(share * 100, digits)) + (language == .fr ? "\u{A0}%" : "%")
    }

    /// `1,2 M`: two figures that count.
    public func compact(_ value: Double) -> String {
        let steps: [(Double, String, String)] = [
            (1e9, "\u{A0}Md", "B"), (1e6, "\u{A0}M", "M"), (1e3, "\u{A0}k", "K"),
        ]
        for (step, french, english) in steps where abs(value) >= step * 0.9995 {
            let scaled = value / step
            let digits =
                abs(scaled) < 10 && abs((scaled * 10).rounded()).truncatingRemainder(dividingBy: 10) != 0 ? 1 : 0
            return decimal(Self.fixed(scaled, digits)) + (language == .fr ? french : english)
        }
        let isWhole = abs(value - value.rounded()) < 1e-9
        return decimal(Self.fixed(value, isWhole ? 0 : abs(value) < 1 ? 2 : 1))
    }

    /// Rounded half away from zero; what is no number is `0`.
    static func fixed(_ value: Double, _ digits: Int) -> String {
        let digits = min(max(digits, 0), 6)
        var scale: Int64 = 1
        for _ in 0..<digits { scale *= 10 }
        let scaled = (value * Double(scale)).rounded()
        guard scaled.isFinite, abs(scaled) < 9e18 else { return "0" }
        let whole = Int64(scaled)
        let (quotient, rest) = whole.magnitude.quotientAndRemainder(dividingBy: UInt64(scale))
        let sign = whole < 0 ? "-" : ""
        return digits == 0 ? "\(sign)\(quotient)" : "\(sign)\(quotient).\(String(rest + UInt64(scale)).dropFirst())"
    }
}

/// What a figure counts.
public enum Unit: Sendable, Hashable {
    case count
    /// In major units.
    case money(String)
    /// A share of one.
    case percent
    case milliseconds
    case number(Int)
    /// A time, shown in the unit that fits it.
    case seconds
    case bytes
    /// So much of something a second.
    case perSecond(String)

    /// As it stands in a table or beside a pointer.
    public func full(_ value: Double, _ numbers: NumberText) -> String {
        switch self {
        case .count: numbers.number(value)
        case .money(let currency): numbers.money(NumberText.fixed(value, 2), currency)
        case .percent: numbers.percent(value)
        case .milliseconds: numbers.number(value, digits: value < 10 ? 1 : 0) + "\u{A0}ms"
        case .number(let digits): numbers.number(value, digits: digits)
        case .seconds: Self.time(value, numbers)
        case .bytes: Self.size(value, numbers)
        case .perSecond("o"): Self.size(value, numbers) + "/s"
        case .perSecond(let what):
            numbers.number(value, digits: abs(value) < 10 ? 2 : abs(value) < 100 ? 1 : 0) + "\u{A0}\(what)/s"
        }
    }

    /// `3,2 ms`, `4,5 s`, `12 min`, `3,5 h`, `2,1 j`.
    private static func time(_ value: Double, _ numbers: NumberText) -> String {
        let size = abs(value)
        let day = numbers.language == .fr ? "j" : "d"
        let steps: [(Double, Double, String)] = [
            (0.001, 1e6, "µs"), (1, 1e3, "ms"), (120, 1, "s"), (7200, 1.0 / 60, "min"), (172_800, 1.0 / 3600, "h"),
        ]
        guard size > 0, let step = steps.first(where: { size < $0.0 }) else {
            return size > 0 ? short(value / 86_400, numbers) + "\u{A0}" + day : "0\u{A0}s"
        }
        return short(value * step.1, numbers) + "\u{A0}" + step.2
    }

    /// Powers of 1,024 as people name them.
    private static func size(_ value: Double, _ numbers: NumberText) -> String {
        let names = numbers.language == .fr ? ["o", "Kio", "Mio", "Gio", "Tio"] : ["B", "KiB", "MiB", "GiB", "TiB"]
        var (rest, place) = (value, 0)
        while abs(rest) >= 1024, place < names.count - 1 { (rest, place) = (rest / 1024, place + 1) }
        return short(rest, numbers) + "\u{A0}" + names[place]
    }

    private static func short(_ value: Double, _ numbers: NumberText) -> String {
        let isWhole = abs(value - value.rounded()) < 0.05 || abs(value) >= 100
        return numbers.number(value, digits: isWhole ? 0 : 1)
    }

    /// As it stands on an axis.
    func brief(_ value: Double, _ numbers: NumberText) -> String {
        switch self {
        case .percent:
            numbers.percent(value, digits: abs(value * 100).truncatingRemainder(dividingBy: 1) < 1e-6 ? 0 : 1)
        case .milliseconds: numbers.compact(value) + "\u{A0}ms"
        case .money(let currency): money(value, currency, numbers)
        case .count, .number: numbers.compact(value)
        case .seconds, .bytes, .perSecond("o"): full(value, numbers)
        case .perSecond: numbers.compact(value)
        }
    }

    /// What steps of an axis are round in: hours, kibibytes, the unit itself.
    func part(_ largest: Double) -> Double {
        switch self {
        case .seconds: [(172_800, 86_400), (7200, 3600), (120, 60)].first { largest >= $0.0 }?.1 ?? 1
        case .bytes, .perSecond("o"):
            [1_099_511_627_776, 1_073_741_824, 1_048_576, 1024].first { largest >= $0 } ?? 1
        default: 1
        }
    }

    /// As it stands beside a step of an axis: all of an axis in one unit.
    func tick(_ value: Double, of scale: Scale, _ numbers: NumberText) -> String {
        let part = part(max(abs(scale.low), abs(scale.high)))
        guard part > 1 else { return brief(value, numbers) }
        guard value != 0 else { return "0" }
        let rest = value / part
        let words = numbers.number(rest, digits: abs(rest - rest.rounded()) < 1e-6 ? 0 : abs(rest) < 1 ? 2 : 1)
        let sign: String
        if self == .seconds {
            sign = part == 60 ? "min" : part == 3600 ? "h" : numbers.language == .fr ? "j" : "d"
        } else {
            // What one of the unit is called.
            let one = Self.size(part, numbers)
            sign = String(one.drop { $0.isNumber || $0 == "\u{A0}" }) + (self == .bytes ? "" : "/s")
        }
        return words + "\u{A0}" + sign
    }

    /// `1,2 k€`, `€1.2K`.
    private func money(_ value: Double, _ currency: String, _ numbers: NumberText) -> String {
        let small = abs(value) < 1 && value != 0
        guard !small, currency == "EUR" else { return full(value, numbers) }
        let words = numbers.compact(value)
        guard numbers.language == .fr else { return value < 0 ? "-€" + words.dropFirst() : "€" + words }
        return words + (words.last?.isLetter == true ? "€" : "\u{A0}€")
    }
}
