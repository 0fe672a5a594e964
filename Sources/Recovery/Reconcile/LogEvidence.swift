internal import Foundation

/// What the surviving logs say of an intruder in the database: read once, line by line, by byte search.
struct LogEvidence: Sendable {
    struct Deed: Sendable {
        let second: Int64
        let user: String
        let text: String
    }

    struct Silence: Sendable {
        let file: String
        let from: Int64
        let to: Int64
    }

    private(set) var deeds: [Deed] = []
    private(set) var silences: [Silence] = []
    /// First appearance of each database user.
    private var firstSeen: [String: Int64] = [:]
    private var latest: Int64 = 0
    private var earliest = Int64.max

    private static let filesMax = 1_000
    private static let deedsMax = 20_000
    private static let lineBytesMax = 1 << 20
    /// A user of the database whose first line is this near the end of the log is no user of the bank's.
    private static let newcomerSeconds: Int64 = 10 * 86_400

    static func read(folder: String) throws -> LogEvidence {
        var evidence = LogEvidence()
        let names = ((try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []).sorted()
        for name in names.prefix(filesMax) {
            let attributes = try? FileManager.default.attributesOfItem(atPath: folder + "/" + name)
            guard attributes?[.type] as? FileAttributeType == .typeRegular else { continue }
            try evidence.read(file: folder + "/" + name, name: name)
        }
        let (first, last, seen) = (evidence.earliest, evidence.latest, evidence.firstSeen)
        evidence.deeds.removeAll { deed in
            guard let since = seen[deed.user], last - first > 2 * newcomerSeconds else { return true }
            return since < last - newcomerSeconds
        }
        return evidence
    }

    private mutating func read(file: String, name: String) throws {
        var rest: [UInt8] = []
        var clock = SilenceClock()
        _ = try FileBytes.read(file) { chunk in
            guard let base = chunk.baseAddress else { return }
            var start = 0
            while let newline = memchr(base + start, 10, chunk.count - start) {
                let end = UnsafeRawPointer(newline) - base
                let line = UnsafeRawBufferPointer(rebasing: chunk[start..<end])
                if rest.isEmpty {
                    take(line, &clock)
                } else {
                    rest.append(contentsOf: line)
                    rest.withUnsafeBytes { take($0, &clock) }
                    rest.removeAll(keepingCapacity: true)
                }
                start = end + 1
            }
            rest.append(contentsOf: chunk[start...])
            if rest.count > Self.lineBytesMax { rest.removeAll() }
            try Task.checkCancellation()
        }
        if let (from, to) = clock.unusual { silences.append(Silence(file: name, from: from, to: to)) }
    }

    private mutating func take(_ line: UnsafeRawBufferPointer, _ clock: inout SilenceClock) {
        guard let second = LogInstant.second(in: line) else { return }
        clock.tick(second)
        guard line.first == UInt8(ascii: "{"), let user = Self.field("\"user\":\"", in: line) else { return }
        latest = max(latest, second)
        earliest = min(earliest, second)
        firstSeen[user] = min(firstSeen[user] ?? second, second)
        guard deeds.count < Self.deedsMax, let text = Self.field("\"message\":\"statement: ", in: line),
            let verb = text.split(separator: " ").first?.uppercased(), Self.verbs.contains(verb)
        else { return }
        deeds.append(Deed(second: second, user: user, text: text))
    }

    private static let verbs: Set<String> = [
        "UPDATE", "DELETE", "INSERT", "COPY", "TRUNCATE", "DROP", "ALTER", "GRANT", "CREATE", "MERGE",
    ]

    /// One past the first occurrence of `mark`.
    private static func end(of mark: StaticString, in line: UnsafeRawBufferPointer) -> Int? {
        guard let base = line.baseAddress else { return nil }
        let length = mark.utf8CodeUnitCount
        var start = 0
        while start + length <= line.count,
            let place = memchr(base + start, Int32(mark.utf8Start[0]), line.count - start - length + 1)
        {
            let offset = UnsafeRawPointer(place) - base
            if memcmp(place, mark.utf8Start, length) == 0 { return offset + length }
            start = offset + 1
        }
        return nil
    }

    /// The text between `mark` and the next quote that is not escaped.
    private static func field(_ mark: StaticString, in line: UnsafeRawBufferPointer) -> String? {
        guard let start = end(of: mark, in: line) else { return nil }
        var text: [UInt8] = []
        var isEscaped = false
        for byte in line[start...] {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
                continue
            } else if byte == UInt8(ascii: "\"") {
                break
            }
            text.append(byte)
        }
        return String(decoding: text, as: UTF8.self)
    }
}

/// The longest pauses of a log.
private struct SilenceClock {
    private static let secondsMin: Int64 = 1_200
    private var last: Int64?
    private var count = 0
    private var longest: (from: Int64, to: Int64) = (0, 0)
    private var second: Int64 = 0

    mutating func tick(_ now: Int64) {
        count += 1
        defer { last = max(last ?? now, now) }
        guard let last, now > last else { return }
        let pause = now - last
        if pause > longest.to - longest.from {
            second = longest.to - longest.from
            longest = (last, now)
        } else {
            second = max(second, pause)
        }
    }

    /// A pause over twice as long as any other.
    var unusual: (Int64, Int64)? {
        let pause = longest.to - longest.from
        return count >= 500 && pause > Self.secondsMin && pause > 2 * second ? longest : nil
    }
}

/// Instants in the lines of logs, as seconds since 1970.
enum LogInstant {
    /// `"timestamp":"2026-10-20 11:55:36.123 UTC"`, `"temps":"2026-10-20T13:55:36+02:00"`, `[20/Oct/2026:13:55:36 +0200]`.
    static func second(in line: UnsafeRawBufferPointer) -> Int64? {
        if line.first == UInt8(ascii: "{") {
            // The time is the first value that looks like one, near the line's head.
            var index = 0
            let end = min(line.count, 400)
            while index + 20 < end {
                if line[index] == UInt8(ascii: "\""), let second = iso(line, at: index + 1) { return second }
                index += 1
            }
            return nil
        }
        guard let open = line.prefix(300).firstIndex(of: UInt8(ascii: "[")) else { return nil }
        return nginx(line, at: open + 1)
    }

    private static func number(_ line: UnsafeRawBufferPointer, _ start: Int, _ count: Int) -> Int64? {
        guard start + count <= line.count else { return nil }
        var value: Int64 = 0
        for byte in line[start..<start + count] {
            guard (48...57).contains(byte) else { return nil }
            value = value * 10 + Int64(byte) - 48
        }
        return value
    }

    private static func iso(_ line: UnsafeRawBufferPointer, at first: Int) -> Int64? {
        guard first + 20 <= line.count, (48...57).contains(line[first]), line[first + 4] == UInt8(ascii: "-"),
            let year = number(line, first, 4), let month = number(line, first + 5, 2),
            let day = number(line, first + 8, 2), let hour = number(line, first + 11, 2),
            let minute = number(line, first + 14, 2), let second = number(line, first + 17, 2)
        else { return nil }
        var offset: Int64 = 0
        var index = first + 19
        while index < line.count, line[index] == UInt8(ascii: ".") || (48...57).contains(line[index]) { index += 1 }
        if index + 5 < line.count, line[index] == UInt8(ascii: "+") || line[index] == UInt8(ascii: "-"),
            let hours = number(line, index + 1, 2)
        {
            let hasColon = line[index + 3] == UInt8(ascii: ":")
            let minutes = number(line, index + (hasColon ? 4 : 3), 2) ?? 0
            offset = (hours * 3600 + minutes * 60) * (line[index] == UInt8(ascii: "-") ? -1 : 1)
        }
        return days(year, month, day).map { $0 * 86_400 + hour * 3600 + minute * 60 + second - offset }
    }

    private static let months = Array("JanFebMarAprMayJunJulAugSepOctNovDec".utf8)

    private static func nginx(_ line: UnsafeRawBufferPointer, at first: Int) -> Int64? {
        guard first + 26 <= line.count, let day = number(line, first, 2), let year = number(line, first + 7, 4),
            let month = (0..<12).first(where: { month in
                (0..<3).allSatisfy { months[month * 3 + $0] == line[first + 3 + $0] }
            }), let hour = number(line, first + 12, 2), let minute = number(line, first + 15, 2),
            let second = number(line, first + 18, 2), let hours = number(line, first + 22, 2),
            let minutes = number(line, first + 24, 2)
        else { return nil }
        let offset = (hours * 3600 + minutes * 60) * (line[first + 21] == UInt8(ascii: "-") ? -1 : 1)
        return days(year, Int64(month) + 1, day).map { $0 * 86_400 + hour * 3600 + minute * 60 + second - offset }
    }

    /// Days since 1970-01-01 in the Gregorian calendar.
    static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64? {
        guard (1...12).contains(month), (1...31).contains(day) else { return nil }
        let y = month > 2 ? year : year - 1
        let era = y / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// As PostgreSQL writes an instant in `zone`.
    static func text(_ second: Int64, in zone: TimeZone) -> String {
        let date = Date(timeIntervalSince1970: Double(second))
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        let parts = calendar.dateComponents([.year, .month, .day, .hour, .minute, .second], from: date)
        func two(_ value: Int?) -> String { (value ?? 0) < 10 ? "0\(value ?? 0)" : "\(value ?? 0)" }
        let offset = zone.secondsFromGMT(for: date)
        let sign = offset < 0 ? "-" : "+"
        return "\(parts.year ?? 0)-\(two(parts.month))-\(two(parts.day)) \(two(parts.hour)):\(two(parts.minute)):"
            + "\(two(parts.second))\(sign)\(two(abs(offset) / 3600))"
    }
}
