internal import Foundation

/// Instants as microseconds since 1970, read from and written as text without Foundation.
enum Instant {
    static let second: Int64 = 1_000_000

    /// Days since 1970-01-01 in the Gregorian calendar.
    static func days(_ year: Int, _ month: Int, _ day: Int) -> Int? {
        guard month >= 1, month <= 12, day >= 1, day <= 31, year >= 1970, year <= 9999 else { return nil }
        let shifted = month > 2 ? year : year - 1
        let era = shifted / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }

    static func civil(_ days: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let ofYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let part = (5 * ofYear + 2) / 153
        let month = part < 10 ? part + 3 : part - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, ofYear - (153 * part + 2) / 5 + 1)
    }

    /// `2026-10-20T13:55:36Z`, with microseconds where they are not zero.
    static func text(_ instant: Int64) -> String {
        guard instant > 0 else { return "" }
        let seconds = Int(instant / second)
        let (year, month, day) = civil(seconds / 86_400)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        var text = "\(year)-\(two(month))-\(two(day))T"
        text += "\(two(seconds % 86_400 / 3600)):\(two(seconds % 3600 / 60)):\(two(seconds % 60))"
        let rest = Int(instant % second)
        if rest != 0 {
            let digits = String(rest)
            text += "." + String(repeating: "0", count: 6 - digits.count) + digits
        }
        return text + "Z"
    }

    /// 1 to 12, of an English abbreviation.
    @inline(__always)
    static func month(_ text: Bytes, _ at: Int) -> Int? {
        let (a, b, c) = (text[at] | 0x20, text[at + 1] | 0x20, text[at + 2] | 0x20)
        switch (a, b, c) {
        case (106, 97, 110): return 1
        case (102, 101, 98): return 2
        case (109, 97, 114): return 3
        case (97, 112, 114): return 4
        case (109, 97, 121): return 5
        case (106, 117, 110): return 6
        case (106, 117, 108): return 7
        case (97, 117, 103): return 8
        case (115, 101, 112): return 9
        case (111, 99, 116): return 10
        case (110, 111, 118): return 11
        case (100, 101, 99): return 12
        default: return nil
        }
    }

    @inline(__always)
    static func clock(_ text: Bytes, _ at: Int) -> Int? {
        guard let hour = text.two(at), text[at + 2] == 58, let minute = text.two(at + 3), text[at + 5] == 58,
            let second = text.two(at + 6), hour < 24, minute < 60, second < 61
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    /// `+0200`, `+02:00`, `+02`, `Z`: seconds east, and where it ends.
    static func offset(_ text: Bytes, _ at: Int) -> (seconds: Int, end: Int)? {
        let sign = text[at]
        if sign == 90 || sign == 122 { return (0, at + 1) }
        guard sign == 43 || sign == 45, let hours = text.two(at + 1) else { return nil }
        var end = at + 3
        if text[end] == 58 { end += 1 }
        var minutes = 0
        if let read = text.two(end) {
            minutes = read
            end += 2
        } else {
            end = at + 3
        }
        guard hours < 24, minutes < 60 else { return nil }
        return ((hours * 3600 + minutes * 60) * (sign == 45 ? -1 : 1), end)
    }

    /// `17/May/2015:10:05:03 +0000`, 26 bytes.
    static func access(_ text: Bytes, _ at: Int) -> Int64? {
        guard let day = text.two(at), text[at + 2] == 47, let month = month(text, at + 3), text[at + 6] == 47,
            let century = text.two(at + 7), let years = text.two(at + 9), text[at + 11] == 58,
            let clock = clock(text, at + 12), let (east, _) = offset(text, at + 21),
            let days = days(century * 100 + years, month, day)
        else { return nil }
        return Int64(days * 86_400 + clock - east) * second
    }

    /// `2026-10-20 11:55:36.123 UTC`, `2026-10-20T13:55:36+02:00`; without a zone, local time in `zone`.
    static func iso(_ text: Bytes, _ at: Int, _ zone: ZoneClock) -> (instant: Int64, end: Int)? {
        guard let century = text.two(at), let years = text.two(at + 2), text[at + 4] == 45,
            let month = text.two(at + 5), text[at + 7] == 45, let day = text.two(at + 8),
            text[at + 10] == 32 || text[at + 10] == 84, let clock = clock(text, at + 11),
            let days = days(century * 100 + years, month, day)
        else { return nil }
        var end = at + 19
        var micros: Int64 = 0
        if text[end] == 46 || text[end] == 44, Bytes.isDigit(text[end + 1]) {
            end += 1
            var unit: Int64 = 100_000
            while Bytes.isDigit(text[end]) {
                micros += Int64(text[end] - 48) * unit
                unit /= 10
                end += 1
            }
        }
        let local = days * 86_400 + clock
        if let (east, behind) = offset(text, end) { return (Int64(local - east) * second + micros, behind) }
        if text[end] == 32 {
            if let (east, behind) = offset(text, end + 1), text[end + 1] != 45 || Bytes.isDigit(text[end + 3]) {
                return (Int64(local - east) * second + micros, behind)
            }
            var name = end + 1
            while (text[name] &- 65) < 26 { name += 1 }
            if let east = abbreviation(text[end + 1, name]) {
                return (Int64(local - east) * second + micros, name)
            }
        }
        return (Int64(local - zone.offset(local: local)) * second + micros, end)
    }

    private static func abbreviation(_ name: Bytes) -> Int? {
        if name.equals("UTC") || name.equals("GMT") || name.equals("WET") { return 0 }
        if name.equals("CET") || name.equals("BST") || name.equals("WEST") { return 3600 }
        if name.equals("CEST") || name.equals("EET") { return 7200 }
        if name.equals("EEST") || name.equals("MSK") { return 10_800 }
        return nil
    }
}

/// Local time without a zone in the text. A year's changes are looked up once.
final class ZoneClock {
    private let zone: TimeZone
    private var hour = Int.min
    private var cached = 0

    init(_ name: String = "Europe/Paris") { zone = TimeZone(identifier: name) ?? .gmt }

    /// Seconds east of UTC at a local second; of an hour that comes twice, the first.
    func offset(local: Int) -> Int {
        if local / 900 == hour { return cached }
        hour = local / 900
        let guess = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(local)))
        cached = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(local - guess)))
        let before = zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(local - guess - 3600)))
        if before > cached, zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(local - before))) == before {
            cached = before
        }
        return cached
    }

    /// Hour of the day and day of the week (0: Monday) where the bank is.
    func local(_ instant: Int64) -> (hour: Int, weekday: Int) {
        let second = Int(instant / Instant.second)
        let local = second + zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(second)))
        return (local % 86_400 / 3600, (local / 86_400 + 3) % 7)
    }
}
