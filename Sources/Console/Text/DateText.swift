internal import Charts

/// A moment as people in France read it: Europe/Paris, whose clocks change on the last Sundays of March and October at 01:00
/// UTC.
struct Moment: Sendable, Hashable, Comparable {
    /// Seconds since 1970, UTC.
    let seconds: Int64

    static func < (left: Moment, right: Moment) -> Bool { left.seconds < right.seconds }

    init(seconds: Int64) { self.seconds = seconds }

    /// `2026-03-29T01:00:00.123Z`, with an offset in place of Z, or PostgreSQL's form with a space.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[range] {
                guard (48...57).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 48)
            }
            return value
        }
        guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10) else { return nil }
        var total = CivilDay.number(year, month, day) * 86_400
        guard bytes.count > 10 else {
            seconds = total
            return
        }
        guard let hour = number(11..<13), let minute = number(14..<16) else { return nil }
        total += hour * 3600 + minute * 60 + (number(17..<19) ?? 0)
        var place = 19
        while place < bytes.count, bytes[place] == 46 || (48...57).contains(bytes[place]) { place += 1 }
        if place < bytes.count, bytes[place] == 43 || bytes[place] == 45 {
            let sign: Int64 = bytes[place] == 43 ? -1 : 1
            let minutes = number(place + 4..<place + 6) ?? number(place + 3..<place + 5) ?? 0
            total += sign * ((number(place + 1..<place + 3) ?? 0) * 3600 + minutes * 60)
        }
        seconds = total
    }

    /// As Paris's clocks showed it: the same as if they were UTC's.
    var paris: Int64 {
        let year = CivilDay(number: seconds.flooredDivision(by: 86_400)).year
        let start = Self.lastSunday(year, 3) * 86_400 + 3600
        let end = Self.lastSunday(year, 10) * 86_400 + 3600
        return seconds + (seconds >= start && seconds < end ? 7200 : 3600)
    }

    private static func lastSunday(_ year: Int64, _ month: Int64) -> Int64 {
        let last = CivilDay.number(year, month, 31)
        // Day 0 of the count was a Thursday.
        return last - (last + 4) % 7
    }
}

/// A day of the Gregorian calendar.
struct CivilDay: Sendable, Hashable {
    let year: Int64
    let month: Int64
    let day: Int64

    /// - Parameter number: days since 1 January 1970.
    init(number: Int64) {
        let shifted = number + 719_468
        let era = shifted.flooredDivision(by: 146_097)
        let ofEra = shifted - era * 146_097
        let yearOfEra = (ofEra - ofEra / 1460 + ofEra / 36_524 - ofEra / 146_096) / 365
        let dayOfYear = ofEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let march = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * march + 2) / 5 + 1
        month = march < 10 ? march + 3 : march - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    init?(_ text: String) {
        let parts = text.prefix(10).split(separator: "-").compactMap { Int64($0) }
        guard parts.count == 3, (1...12).contains(parts[1]), (1...31).contains(parts[2]) else { return nil }
        (year, month, day) = (parts[0], parts[1], parts[2])
        // 31 April is none.
        guard CivilDay(number: Self.number(year, month, day)).iso == iso else { return nil }
    }

    static func number(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = shifted.flooredDivision(by: 400)
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    var iso: String { "\(Self.two(year, 4))-\(Self.two(month))-\(Self.two(day))" }

    static func two(_ value: Int64, _ width: Int = 2) -> String {
        let text = String(value)
        return text.count >= width ? text : String(repeating: "0", count: width - text.count) + text
    }
}

extension Int64 {
    func flooredDivision(by other: Int64) -> Int64 {
        let (quotient, rest) = quotientAndRemainder(dividingBy: other)
        return rest < 0 ? quotient - 1 : quotient
    }
}

/// Days and times in the words of a language.
struct DateText: Sendable {
    let language: Language

    private static let months: [Language: [String]] = [
        .fr: [
            "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre",
            "novembre", "décembre",
        ],
        .en: [
            "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
            "November", "December",
        ],
    ]
    private static let short: [Language: [String]] = [
        .fr: ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
        .en: ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    ]

    private func month(_ number: Int64, _ names: [Language: [String]]) -> String {
        let all = names[language] ?? []
        return all.indices.contains(Int(number) - 1) ? all[Int(number) - 1] : ""
    }

    /// `1 mars 2026`: the first is `1er` in French papers, but CLDR writes `1`.
    func day(_ day: CivilDay) -> String { "\(day.day) \(month(day.month, Self.months)) \(day.year)" }

    func day(_ text: String) -> String { CivilDay(text).map { day($0) } ?? text }

    /// `1 mars`
    func brief(_ text: String) -> String {
        CivilDay(text).map { "\($0.day) \(month($0.month, Self.short))" } ?? text
    }

    /// `mars 2026`
    func month(_ text: String) -> String {
        CivilDay(text + (text.count == 7 ? "-01" : "")).map { "\(month($0.month, Self.short)) \($0.year)" } ?? text
    }

    /// `1 mars 2026 à 15:05`, in Paris.
    func moment(_ moment: Moment) -> String {
        let local = moment.paris
        let date = day(CivilDay(number: local.flooredDivision(by: 86_400)))
        return date + (language == .fr ? " à " : " at ") + clock(local)
    }

    /// A timestamp of the API; what can not be read stays.
    func moment(_ text: String) -> String { Moment(text).map { moment($0) } ?? text }

    func clock(_ local: Int64) -> String {
        let ofDay = local - local.flooredDivision(by: 86_400) * 86_400
        return "\(CivilDay.two(ofDay / 3600)):\(CivilDay.two(ofDay / 60 % 60))"
    }

    /// `il y a 3 min`
    func age(_ seconds: Int64) -> String {
        let seconds = max(seconds, 0)
        let (value, unit): (Int64, String) =
            seconds < 60
            ? (seconds, "s")
            : seconds < 3600
                ? (seconds / 60, "min")
                : seconds < 86_400 ? (seconds / 3600, "h") : (seconds / 86_400, language == .fr ? "j" : "d")
        return language == .fr ? "il y a \(value)\u{A0}\(unit)" : "\(value)\u{A0}\(unit) ago"
    }
}
