/// Sums of operations that are kept ahead, by what dashboards are split by.
enum Cube: String, CaseIterable, Sendable {
    case hours = "cube_heure"
    case sizes = "cube_taille"
    case flows = "cube_flux"
    case departments = "cube_departement"
    case accounts = "cube_compte"

    /// What a measure may be made of there.
    var columns: Set<String> {
        let own: Set<String> = ["nombre", "montant", "devise", "genre"]
        switch self {
        case .hours: return own.union(["montant_max"])
        case .sizes, .flows: return own
        // All kinds together are one row there: none is told from another.
        case .departments: return own.subtracting(["genre"])
        case .accounts: return own.subtracting(["genre"]).union(["compte_cle"])
        }
    }
}

/// What a dashboard is split by.
enum CubeAxis: String, CaseIterable, Sendable {
    case day, kind, weekday, hour, size, from, to, department, account

    /// The first that has it.
    var cube: Cube {
        switch self {
        case .day, .kind, .weekday, .hour: .hours
        case .size: .sizes
        case .from, .to: .flows
        case .department: .departments
        case .account: .accounts
        }
    }
}

/// What figures are asked of: days, both included, and a kind of operation; nil is all of them.
public struct CubeFilter: Sendable, Hashable {
    public var from: CivilDate
    public var to: CivilDate
    public var kind: String?

    public init(from: CivilDate, to: CivilDate, kind: String? = nil) {
        self.from = from
        self.to = to
        self.kind = kind
    }
}

/// A day of the calendar, without a time.
public struct CivilDate: Sendable, Hashable, Comparable {
    public let year: Int64
    public let month: Int64
    public let day: Int64

    /// `2026-11-30`; nil when there is no such day.
    public init?(_ text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard text.utf8.count == 10, parts.count == 3, parts[0].utf8.count == 4, parts[1].utf8.count == 2,
            parts.allSatisfy({ $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let year = Int64(parts[0]), let month = Int64(parts[1]), let day = Int64(parts[2]), year >= 1
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    init?(year: Int64, month: Int64, day: Int64) {
        guard (1...12).contains(month), (1...Self.days(year, month)).contains(day) else { return nil }
        self.year = year
        self.month = month
        self.day = day
    }

    /// As the star schema has it: 20261130.
    init?(key: Int64) { self.init(year: key / 10_000, month: key / 100 % 100, day: key % 100) }

    var key: Int64 { year * 10_000 + month * 100 + day }
    public var text: String {
        func padded(_ number: Int64, _ width: Int) -> String {
            String(repeating: "0", count: max(width - String(number).count, 0)) + String(number)
        }
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    public static func < (left: Self, right: Self) -> Bool { left.key < right.key }

    static func days(_ year: Int64, _ month: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    var isLastOfMonth: Bool { day == Self.days(year, month) }

    func adding(_ count: Int64) -> CivilDate {
        var (year, month, day) = (year, month, day + count)
        while day > Self.days(year, month) {
            day -= Self.days(year, month)
            (year, month) = month == 12 ? (year + 1, 1) : (year, month + 1)
        }
        while day < 1 {
            (year, month) = month == 1 ? (year - 1, 12) : (year, month - 1)
            day += Self.days(year, month)
        }
        return CivilDate(year: year, month: month, day: day) ?? self
    }
}

/// The fewest periods that hold a span of days exactly: quarters, months, parts of months, days.
enum Periods {
    static let daysMax: Int64 = 3_700

    /// - Parameter isThere: whether a period longer than a day may be taken.
    static func cover(_ from: CivilDate, _ to: CivilDate, isThere: (Int64) -> Bool) -> [Int64] {
        var keys: [Int64] = []
        var at = from
        while at <= to, keys.count < daysMax {
            let (key, last) = longest(at, within: to, isThere)
            keys.append(key)
            at = last.adding(1)
        }
        return keys
    }

    /// The longest period that begins on this day and ends in time.
    private static func longest(_ day: CivilDate, within end: CivilDate, _ isThere: (Int64) -> Bool) -> (
        key: Int64, last: CivilDate
    ) {
        var tries: [(Int64, CivilDate?)] = []
        let month = day.year * 100 + day.month
        func last(_ month: Int64) -> CivilDate? {
            CivilDate(year: day.year, month: month, day: CivilDate.days(day.year, month))
        }
        if day.day == 1 {
            if day.month % 3 == 1 { tries.append((day.year * 10 + (day.month - 1) / 3 + 1, last(day.month + 2))) }
            tries.append((month, last(day.month)))
        }
        if [1, 11, 21].contains(day.day) {
            let part = (day.day - 1) / 10 + 1
            tries.append((month * 10 + part, part == 3 ? last(day.month) : day.adding(9)))
        }
        for case (let key, let last?) in tries where last <= end && isThere(key) { return (key, last) }
        return (day.key, day)
    }
}
