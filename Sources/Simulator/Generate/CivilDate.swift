/// Days since 1970-01-01 in the Gregorian calendar, and wall-clock seconds of Paris since that day.
enum CivilDate {
    struct Parts: Sendable, Equatable {
        var year: Int
        var month: Int
        var day: Int
    }

    /// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": `days_from_civil`.
    static func day(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let yearOfEra = shifted - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    /// The same page: `civil_from_days`.
    static func parts(_ day: Int) -> Parts {
        let shifted = day + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let civil = month < 10 ? month + 3 : month - 9
        return Parts(
            year: yearOfEra + era * 400 + (civil <= 2 ? 1 : 0), month: civil, day: dayOfYear - (153 * month + 2) / 5 + 1
        )
    }

    /// 0 for Monday.
    static func weekday(_ day: Int) -> Int { ((day + 3) % 7 + 7) % 7 }

    static func firstOfMonth(_ day: Int) -> Int {
        let parts = parts(day)
        return self.day(parts.year, parts.month, 1)
    }

    static func firstOfNextMonth(_ day: Int) -> Int {
        let parts = parts(day)
        return parts.month == 12 ? self.day(parts.year + 1, 1, 1) : self.day(parts.year, parts.month + 1, 1)
    }

    /// Saturday, Sunday or a public holiday in metropolitan France.
    static func isClosed(_ day: Int) -> Bool {
        if weekday(day) >= 5 { return true }
        let parts = parts(day)
        switch (parts.month, parts.day) {
        case (1, 1), (5, 1), (5, 8), (7, 14), (8, 15), (11, 1), (11, 11), (12, 25): return true
        default:
            let easter = easterSunday(parts.year)
            return day == easter + 1 || day == easter + 39 || day == easter + 50
        }
    }

    static func lastOpenDay(ofMonthWith day: Int) -> Int {
        var last = firstOfNextMonth(day) - 1
        while isClosed(last) { last -= 1 }
        return last
    }

    static func nextOpenDay(from day: Int) -> Int {
        var open = day
        while isClosed(open) { open += 1 }
        return open
    }

    /// The anonymous Gregorian computus (Meeus, Jones, Butcher).
    static func easterSunday(_ year: Int) -> Int {
        let a = year % 19
        let b = year / 100
        let c = year % 100
        let d = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30
        let e = (32 + 2 * (b % 4) + 2 * (c / 4) - d - c % 4) % 7
        let f = d + e - 7 * ((a + 11 * d + 22 * e) / 451) + 114
        return day(year, f / 31, f % 31 + 1)
    }

    /// Hours that Paris is ahead of UTC at a wall-clock second: summer time runs between the last Sundays of March and October.
    static func parisOffset(_ second: Int) -> Int {
        let year = parts(second / 86_400).year
        func lastSunday(_ month: Int) -> Int {
            let last = day(year, month + 1, 1) - 1
            return last - (weekday(last) + 1) % 7
        }
        let begins = lastSunday(3) * 86_400 + 2 * 3600
        let ends = lastSunday(10) * 86_400 + 3 * 3600
        return second >= begins && second < ends ? 2 : 1
    }
}
