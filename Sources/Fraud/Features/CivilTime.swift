/// The calendar without Foundation's: days since 1970, and Paris' clock by the rule of the European Union.
enum CivilTime {
    /// Days since 1970-01-01 of a date of the Gregorian calendar.
    static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    static func date(day: Int) -> (year: Int, month: Int, day: Int) {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let civil = month < 10 ? month + 3 : month - 9
        return (yearOfEra + era * 400 + (civil <= 2 ? 1 : 0), civil, dayOfYear - (153 * month + 2) / 5 + 1)
    }

    /// Monday is 0.
    static func weekday(day: Int) -> Int { ((day + 3) % 7 + 7) % 7 }

    /// `2018-08-08`
    static func day(_ text: some StringProtocol) -> Int? {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2],
            (1900...2200).contains(year), (1...12).contains(month), (1...31).contains(day)
        else { return nil }
        let number = days(year, month, day)
        return date(day: number).day == day ? number : nil
    }

    static func text(day: Int) -> String {
        let date = date(day: day)
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return "\(date.year)-\(two(date.month))-\(two(date.day))"
    }

    /// Microseconds that Paris is ahead of UTC.
    static func parisOffset(_ time: Int64) -> Int64 {
        let year = date(day: Int(time.floorDivided(by: Span.day))).year
        let begin = Int64(lastSunday(year, 3)) * Span.day + Span.hour
        let end = Int64(lastSunday(year, 10)) * Span.day + Span.hour
        return time >= begin && time < end ? 2 * Span.hour : Span.hour
    }

    private static func lastSunday(_ year: Int, _ month: Int) -> Int {
        let last = days(year, month, 31)
        return last - (weekday(day: last) + 1) % 7
    }
}

extension Int64 {
    func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
