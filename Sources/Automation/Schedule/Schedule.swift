package import Foundation

/// When something is due: five fields of cron, or French words, in a time zone.
///
/// A fixed hour is due once a day, also in the night that has it twice, and at the leap in the night that has it not.
/// Hours
/// that are `*` or a step count real time: a quarter of an hour is a quarter of an hour in any night.
package struct Schedule: Sendable, Hashable {
    package let text: String
    package let zone: TimeZone
    private let minutes: [Int]
    private let hours: [Int]
    private let days: Set<Int>
    private let months: Set<Int>
    private let weekdays: Set<Int>
    private let daysAreAny: Bool
    private let weekdaysAreAny: Bool
    private let isInterval: Bool

    /// How far a next moment is looked for: the 29th of February comes again within eight years and a bit.
    private static let daysMax = 366 * 9

    package init(checked text: String, zone: String) throws {
        try self.init(text, zone: zone)
    }

    init(_ text: String, zone name: String) throws(TextProblem) {
        guard let zone = TimeZone(identifier: name) else { throw TextProblem(words: "there is no time zone \(name)") }
        self.zone = zone
        let fields = try FrenchSchedule.cron(text).split(separator: " ").map(String.init)
        guard fields.count == 5 else {
            throw TextProblem(
                words: "a schedule has five fields (minute hour day month weekday), or French words: \(text)")
        }
        minutes = try CronField.read(fields[0], 0...59).sorted()
        hours = try CronField.read(fields[1], 0...23).sorted()
        days = Set(try CronField.read(fields[2], 1...31))
        months = Set(try CronField.read(fields[3], 1...12))
        weekdays = Set(try CronField.read(fields[4], 0...7).map { $0 % 7 })
        daysAreAny = fields[2].hasPrefix("*")
        weekdaysAreAny = fields[4].hasPrefix("*")
        isInterval = fields[1].hasPrefix("*")
        self.text = text + " (" + name + ")"
        guard next(after: Instant(seconds: 0)) != nil else { throw TextProblem(words: "\(text) is never due") }
    }

    /// The first due moment behind `instant`.
    package func next(after instant: Instant) -> Instant? {
        let start = instant.seconds
        let local = start + LocalTime.offset(of: zone, at: start)
        var day = LocalTime.floorDivide(local, 86_400) - 1
        for _ in 0..<Self.daysMax {
            if isDue(day), let found = isInterval ? interval(on: day, after: start) : fixed(on: day, after: start) {
                return Instant(seconds: found)
            }
            day += 1
        }
        return nil
    }

    private func isDue(_ day: Int64) -> Bool {
        let date = LocalTime(seconds: day * 86_400)
        guard months.contains(date.month) else { return false }
        // Cron's old rule: with both given, either will do.
        if daysAreAny || weekdaysAreAny { return days.contains(date.day) && weekdays.contains(date.weekday) }
        return days.contains(date.day) || weekdays.contains(date.weekday)
    }

    private func fixed(on day: Int64, after start: Int64) -> Int64? {
        // A day that the zone never had (Apia, 30 December 2011) owes nothing.
        let noon = LocalTime.instant(showing: day * 86_400 + 43_200, in: zone)
        guard LocalTime.floorDivide(noon + LocalTime.offset(of: zone, at: noon), 86_400) == day else { return nil }
        for hour in hours {
            for minute in minutes {
                let due = LocalTime.instant(showing: day * 86_400 + Int64(hour * 3600 + minute * 60), in: zone)
                if due > start { return due }
            }
        }
        return nil
    }

    private func interval(on day: Int64, after start: Int64) -> Int64? {
        let begin = LocalTime.instant(showing: day * 86_400, in: zone)
        let end = LocalTime.instant(showing: (day + 1) * 86_400, in: zone)
        var moment = max(begin, (LocalTime.floorDivide(start, 60) + 1) * 60)
        while moment < end {
            let local = LocalTime(Instant(seconds: moment), in: zone)
            if hours.contains(local.hour), minutes.contains(local.minute) { return moment }
            moment += 60
        }
        return nil
    }
}

/// One field of cron: `*`, `*/5`, `1-5`, `1,3,5`, `10-50/10`.
enum CronField {
    static func read(_ text: String, _ range: ClosedRange<Int>) throws(TextProblem) -> [Int] {
        var found: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let halves = part.split(separator: "/", omittingEmptySubsequences: false)
            guard halves.count <= 2, let step = halves.count == 2 ? Int(halves[1]) : 1, step > 0 else {
                throw TextProblem(words: "\(text) is no field of a schedule")
            }
            let bounds: ClosedRange<Int>
            if halves[0] == "*" {
                bounds = range
            } else {
                let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
                guard let low = ends.first ?? nil, let high = ends.count == 2 ? ends[1] : low, ends.count <= 2,
                    low <= high
                else { throw TextProblem(words: "\(text) is no field of a schedule") }
                bounds = low...(ends.count == 1 && halves.count == 2 ? range.upperBound : high)
            }
            guard range.contains(bounds.lowerBound), range.contains(bounds.upperBound) else {
                throw TextProblem(words: "\(text) is not within \(range.lowerBound) to \(range.upperBound)")
            }
            found.formUnion(stride(from: bounds.lowerBound, through: bounds.upperBound, by: step))
        }
        return Array(found)
    }
}

/// Schedules in French: `chaque jour à 7h`, `chaque lundi à 8h30`, `du lundi au vendredi à 18h`, `toutes les 15
/// minutes`,
/// `toutes les heures`, `le 1er de chaque mois à 6h`.
enum FrenchSchedule {
    private static let weekdays = ["dimanche", "lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi"]

    /// Cron's five fields; what is none of these words comes back as it is.
    static func cron(_ text: String) throws(TextProblem) -> String {
        let words = text.lowercased().split(separator: " ").map(String.init)
        guard let first = words.first, ["chaque", "toutes", "tous", "le", "du"].contains(first) else { return text }
        if words == ["toutes", "les", "heures"] { return "0 * * * *" }
        if words.count == 4, words.starts(with: ["toutes", "les"]), words[3].hasPrefix("minute"),
            let count = Int(words[2]),
            (1...59).contains(count), 60 % count == 0
        {
            return "*/\(count) * * * *"
        }
        guard words.count >= 4, words[words.count - 2] == "à", let time = time(words[words.count - 1]) else {
            throw unknown(text)
        }
        let day = Array(words.dropLast(2))
        if day == ["chaque", "jour"] || day == ["tous", "les", "jours"] { return "\(time) * * *" }
        if day.count == 2, day[0] == "chaque", let weekday = weekdays.firstIndex(of: day[1]) {
            return "\(time) * * \(weekday)"
        }
        if day.count == 4, day[0] == "du", day[2] == "au", let from = weekdays.firstIndex(of: day[1]),
            let to = weekdays.firstIndex(of: day[3])
        {
            return "\(time) * * \(from)-\(to == 0 ? 7 : to)"
        }
        if day.count == 5, day[0] == "le", Array(day[2...]) == ["de", "chaque", "mois"] {
            let number = day[1] == "1er" ? 1 : Int(day[1])
            if let number, (1...31).contains(number) { return "\(time) \(number) * *" }
        }
        throw unknown(text)
    }

    /// `7h`, `8h30`: minute and hour as cron has them.
    private static func time(_ text: String) -> String? {
        let parts = text.split(separator: "h", omittingEmptySubsequences: false)
        guard parts.count == 2, let hour = Int(parts[0]), (0...23).contains(hour),
            let minute = parts[1].isEmpty ? 0 : Int(parts[1]), (0...59).contains(minute)
        else { return nil }
        return "\(minute) \(hour)"
    }

    private static func unknown(_ text: String) -> TextProblem {
        TextProblem(words: "\(text): say for example « chaque jour à 7h » or « du lundi au vendredi à 18h30 »")
    }
}
