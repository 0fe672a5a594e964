internal import Foundation

/// A moment, in microseconds since 1970.
public struct Instant: Sendable, Hashable, Comparable {
    public let microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    public init(seconds: Int64) { microseconds = seconds * 1_000_000 }

    public var seconds: Int64 { microseconds >= 0 ? microseconds / 1_000_000 : (microseconds - 999_999) / 1_000_000 }

    public static func < (a: Instant, b: Instant) -> Bool { a.microseconds < b.microseconds }

    public func adding(seconds: Double) -> Instant {
        Instant(microseconds: microseconds + Int64((seconds * 1_000_000).rounded()))
    }

    /// ISO 8601 in UTC: `2026-11-29T01:54:38.000Z`.
    public var iso: String {
        let local = LocalTime(seconds: seconds)
        let milliseconds = (microseconds - seconds * 1_000_000) / 1000
        return local.isoDay + "T" + local.clock + "." + Formats.padded(Int(milliseconds), 3) + "Z"
    }

    /// Reads ISO 8601 and PostgreSQL's forms: date, `T` or a space, time, an optional fraction, `Z` or an offset.
    public init?(iso text: String) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int? {
            guard range.upperBound <= bytes.count else { return nil }
            return Int(String(decoding: bytes[range], as: UTF8.self))
        }
        guard bytes.count >= 10, bytes.count <= 40, bytes[4] == 45, bytes[7] == 45, let year = number(0..<4),
            let month = number(5..<7), let day = number(8..<10), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        var seconds = LocalTime.days(year: year, month: month, day: day) * 86_400
        var micro: Int64 = 0
        if bytes.count > 10 {
            guard bytes.count >= 19, bytes[10] == 84 || bytes[10] == 32, let hour = number(11..<13),
                let minute = number(14..<16), let second = number(17..<19), (0...24).contains(hour),
                (0...59).contains(minute), (0...60).contains(second)
            else { return nil }
            seconds += Int64(hour * 3600 + minute * 60 + second)
            var place = 19
            if place < bytes.count, bytes[place] == 46 {
                var scale: Int64 = 100_000
                place += 1
                while place < bytes.count, (48...57).contains(bytes[place]) {
                    micro += Int64(bytes[place] - 48) * scale
                    scale /= 10
                    place += 1
                }
            }
            if place < bytes.count, bytes[place] == 43 || bytes[place] == 45 {
                let sign: Int64 = bytes[place] == 43 ? 1 : -1
                guard let hours = number(place + 1..<place + 3) else { return nil }
                let colon = place + 3 < bytes.count && bytes[place + 3] == 58 ? 1 : 0
                let minutes = number(place + 3 + colon..<place + 5 + colon) ?? 0
                seconds -= sign * Int64(hours * 3600 + minutes * 60)
            }
        }
        microseconds = seconds * 1_000_000 + micro
    }
}

/// Numbers and times as French people read them.
enum Formats {
    static let paris = TimeZone(identifier: "Europe/Paris") ?? .gmt

    /// `1 234,56 €` with the spaces that French takes.
    static func money(minor: Int64) -> String {
        let digits = String(minor.magnitude)
        let padded = String(repeating: "0", count: max(0, 3 - digits.count)) + digits
        let whole = grouped(String(padded.dropLast(2)))
        return (minor < 0 ? "-" : "") + whole + "," + padded.suffix(2) + "\u{00A0}€"
    }

    private static func grouped(_ digits: String) -> String {
        var out = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { out += "\u{202F}" }
            out.append(digit)
        }
        return out
    }

    static func decimal(_ value: Double, digits: Int) -> String {
        String(format: "%.\(digits)f", value).replacing(".", with: ",")
    }

    /// `29/11/2026 02:10:00` in Paris.
    static func dateTime(_ instant: Instant) -> String {
        let local = LocalTime(instant, in: paris)
        return day(local) + " " + local.clock
    }

    static func day(_ instant: Instant) -> String { day(LocalTime(instant, in: paris)) }

    private static func day(_ local: LocalTime) -> String {
        padded(local.day, 2) + "/" + padded(local.month, 2) + "/" + padded(local.year, 4)
    }

    static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
