/// Exact decimals and days as people in France read them.
public enum FrenchText {
    private static let narrow = "\u{202F}"
    private static let fixed = "\u{00A0}"

    /// `1 234 567,89` to so many decimals, half away from zero; nil when the text is no decimal.
    public static func decimal(_ text: String, decimals: Int) -> String? {
        guard let parts = Parts(text) else { return nil }
        let (whole, fraction) = parts.rounded(to: max(0, decimals))
        var grouped = ""
        for (place, digit) in whole.enumerated() {
            if place > 0, (whole.count - place) % 3 == 0 { grouped += narrow }
            grouped.append(Character(Unicode.Scalar(digit)))
        }
        let isZero = (whole + fraction).allSatisfy { $0 == 48 }
        return (parts.isNegative && !isZero ? "-" : "") + grouped
            + (fraction.isEmpty ? "" : "," + String(decoding: fraction, as: UTF8.self))
    }

    /// A figure in its unit: `12,34 %`, `1 234,50 €`; a dash when there is none.
    public static func figure(_ value: String?, unit: String) -> String {
        guard let value else { return "–" }
        switch unit {
        case "EUR": return (decimal(value, decimals: 2) ?? value) + fixed + "€"
        case "ratio": return (decimal(hundredfold(value), decimals: 2) ?? value) + fixed + "%"
        case "nombre": return decimal(value, decimals: 0) ?? value
        case "heures": return (decimal(value, decimals: 1) ?? value) + fixed + "h"
        case "minutes": return (decimal(value, decimals: 1) ?? value) + fixed + "min"
        case "secondes": return (decimal(value, decimals: 1) ?? value) + fixed + "s"
        case "jours": return (decimal(value, decimals: 1) ?? value) + fixed + "j"
        case "octets": return (decimal(value, decimals: 0) ?? value) + fixed + "o"
        default: return (decimal(value, decimals: 1) ?? value) + fixed + unit
        }
    }

    /// `samedi 28 novembre 2026`
    public static func day(_ day: Day) -> String {
        let names = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"]
        let months = [
            "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
            "décembre",
        ]
        return "\(names[day.weekday]) \(day.day == 1 ? "1er" : "\(day.day)") \(months[day.month - 1]) \(day.year)"
    }

    private static func hundredfold(_ text: String) -> String {
        let isNegative = text.hasPrefix("-")
        let parts = text.drop { $0 == "-" }.split(separator: ".", omittingEmptySubsequences: false)
        var fraction = parts.count > 1 ? String(parts[1]) : ""
        while fraction.count < 2 { fraction += "0" }
        return (isNegative ? "-" : "") + (parts.first ?? "0") + fraction.prefix(2) + "." + fraction.dropFirst(2) + "0"
    }

    /// Sign, digits before and behind the point.
    private struct Parts {
        var isNegative = false
        var whole: [UInt8] = []
        var fraction: [UInt8] = []

        init?(_ text: String) {
            var bytes = Array(text.utf8)[...]
            guard bytes.count <= 80 else { return nil }
            if bytes.first == 45 {
                isNegative = true
                bytes = bytes.dropFirst()
            }
            let halves = bytes.split(separator: 46, omittingEmptySubsequences: false)
            guard (1...2).contains(halves.count), bytes.allSatisfy({ (48...57).contains($0) || $0 == 46 }),
                let first = halves.first, !first.isEmpty
            else { return nil }
            whole = Array(first.drop { $0 == 48 })
            if whole.isEmpty { whole = [48] }
            fraction = halves.count == 2 ? Array(halves[1]) : []
        }

        func rounded(to decimals: Int) -> (whole: [UInt8], fraction: [UInt8]) {
            var digits = whole + fraction.prefix(decimals)
            digits += [UInt8](repeating: 48, count: max(0, decimals - fraction.count))
            if fraction.count > decimals, fraction[decimals] >= 53 {
                var place = digits.count - 1
                while place >= 0, digits[place] == 57 {
                    digits[place] = 48
                    place -= 1
                }
                if place >= 0 { digits[place] += 1 } else { digits.insert(49, at: 0) }
            }
            return (Array(digits.dropLast(decimals)), Array(digits.suffix(decimals)))
        }
    }
}

/// A day of the calendar.
public struct Day: Sendable, Hashable, Comparable {
    public let year: Int
    public let month: Int
    public let day: Int

    /// `2026-03-31`; nil when there is no such day.
    public init?(_ text: String) {
        guard case .date(let date) = LiteralShape.read(text) else { return nil }
        let parts = date.split(separator: "-").compactMap { Int($0) }
        guard parts.count == 3 else { return nil }
        (year, month, day) = (parts[0], parts[1], parts[2])
    }

    /// Days since 1970-01-01.
    public init(number: Int) {
        // Howard Hinnant's civil_from_days.
        let z = number + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let doe = z - era * 146_097
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100)
        let mp = (5 * doy + 2) / 153
        day = doy - (153 * mp + 2) / 5 + 1
        month = mp < 10 ? mp + 3 : mp - 9
        year = yoe + era * 400 + (month <= 2 ? 1 : 0)
    }

    public var number: Int {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yoe = y - era * 400
        let doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
    }

    /// 0 for Monday.
    public var weekday: Int { ((number + 3) % 7 + 7) % 7 }

    public var text: String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let digits = String(year)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "-" + two(month) + "-" + two(day)
    }

    public func adding(_ days: Int) -> Day { Day(number: number + days) }

    public static func < (left: Day, right: Day) -> Bool { left.number < right.number }
}
