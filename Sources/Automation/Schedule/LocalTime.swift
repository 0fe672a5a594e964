package import Foundation

/// A moment as the clocks of a zone show it.
package struct LocalTime: Sendable, Hashable {
    package let year: Int
    package let month: Int
    package let day: Int
    package let hour: Int
    package let minute: Int
    package let second: Int
    /// Sunday is 0.
    package let weekday: Int

    /// `seconds` counts from 1970 as if the zone were UTC.
    package init(seconds: Int64) {
        let days = Self.floorDivide(seconds, 86_400)
        let rest = Int(seconds - days * 86_400)
        (year, month, day) = Self.civil(days)
        hour = rest / 3600
        minute = rest / 60 % 60
        second = rest % 60
        weekday = Int(((days % 7) + 11) % 7)
    }

    package init(_ instant: Instant, in zone: TimeZone) {
        self.init(seconds: instant.seconds + Self.offset(of: zone, at: instant.seconds))
    }

    package var isoDay: String {
        Formats.padded(year, 4) + "-" + Formats.padded(month, 2) + "-" + Formats.padded(day, 2)
    }

    package var clock: String {
        Formats.padded(hour, 2) + ":" + Formats.padded(minute, 2) + ":" + Formats.padded(second, 2)
    }

    static func offset(of zone: TimeZone, at seconds: Int64) -> Int64 {
        Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: TimeInterval(seconds))))
    }

    /// Days since 1970 of a date of the Gregorian calendar.
    static func days(year: Int, month: Int, day: Int) -> Int64 {
        let y = Int64(month <= 2 ? year - 1 : year)
        let era = floorDivide(y, 400)
        let yearOfEra = y - era * 400
        let m = Int64(month > 2 ? month - 3 : month + 9)
        let dayOfYear = (153 * m + 2) / 5 + Int64(day) - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func civil(_ days: Int64) -> (year: Int, month: Int, day: Int) {
        let z = days + 719_468
        let era = floorDivide(z, 146_097)
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let m = (5 * dayOfYear + 2) / 153
        let month = Int(m < 10 ? m + 3 : m - 9)
        return (
            Int(yearOfEra + era * 400) + (month <= 2 ? 1 : 0), month, Int(dayOfYear - (153 * m + 2) / 5) + 1
        )
    }

    static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 { a >= 0 ? a / b : (a - b + 1) / b }

    /// The first moment at which the zone's clocks show `local` or, when they leap over it, the moment they leap.
    static func instant(showing local: Int64, in zone: TimeZone) -> Int64 {
        let before = local - offset(of: zone, at: local - 86_400)
        let after = local - offset(of: zone, at: local + 86_400)
        let found = [before, after].sorted().first { $0 + offset(of: zone, at: $0) == local }
        if let found { return found }
        // Leapt over: the first second that shows more than `local` is the leap.
        var low = min(before, after) - 86_400
        var high = max(before, after) + 86_400
        while high - low > 1 {
            let middle = low + (high - low) / 2
            if middle + offset(of: zone, at: middle) > local { high = middle } else { low = middle }
        }
        return high
    }
}
