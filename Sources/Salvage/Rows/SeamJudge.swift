/// Condemns rows that are fused of two: where bytes vanished or changed places, the beginning of one row may meet the
/// fitting rest of another.
///
/// Such a row stands before a jump in the order of keys, and is told by one of two signs. A field is written as in no
/// other row of a table that writes it in few ways. Or a time that rises with the key is that of the row behind the jump,
/// although the key is that of the row before it. A jump alone proves nothing: banks delete rows and skip numbers.
struct SeamJudge {
    let feed: StreamReader.Feed
    let isBounded: Bool
    let judge: TableJudge

    private static let rowsMin = 200
    /// Fewer rows to a seam, and a row that is the first of its kind is to be expected at one.
    private static let rowsPerSeam = 100
    private static let gapsMax = 64

    func settle() throws {
        guard let grammar = judge.grammar, judge.keys.isKeyLike, judge.keys.count >= Self.rowsMin else { return }
        let places = seams()
        guard !places.isEmpty, places.count * Self.rowsPerSeam <= judge.keys.count else { return }
        let habits = RowHabits(columns: grammar.columns, seams: places)
        try observe(habits, grammar)
        for seam in habits.seams {
            guard let reason = habits.reason(against: seam) else { continue }
            judge.condemn(seam.offset, seam.length, reason)
        }
    }

    private func seams() -> Set<Int> {
        let keys = judge.keys
        var places = keys.turns.union(keys.spikes.map(\.offset))
        if keys.gapCount <= Self.gapsMax { places.formUnion(keys.gaps.map(\.offset)) }
        return places.filter { judge.condemned[$0] == nil && !judge.isHandedOver($0) }
    }

    private func observe(_ habits: RowHabits, _ grammar: RowGrammar) throws {
        let judge = judge
        let cutter = LineCutter(isBounded: isBounded) { line, offset in
            guard judge.condemned[offset] == nil, !judge.isHandedOver(offset), let key = grammar.key(of: line) else {
                return
            }
            habits.take(line, key: key, at: offset)
        }
        _ = try feed { bytes, offset in
            if bytes.isEmpty { _ = cutter.breakOff() } else { try cutter.take(bytes, at: offset) }
        }
    }
}

/// How the rows of one table are written, and the rows at its seams.
private final class RowHabits {
    struct Place {
        let key: Int64
        /// By column.
        let times: [Int64?]
    }

    struct Seam {
        let offset: Int
        let length: Int
        let key: Int64
        /// By column: how the field is written, its length, and its time.
        let forms: [UInt64]
        let lengths: [Int]
        let times: [Int64?]
        let before: Place?
        var behind: Place?
    }

    private struct Moment {
        let key: Int64
        let time: Int64
    }

    /// What is known of one column.
    private struct Column {
        let isTime: Bool
        /// Of rows at no seam: how many write the field so.
        var forms: Set<UInt64> = []
        var lengths: ClosedRange<Int>?
        var first: Moment?
        var last: Moment?
        var falls = 0
        /// Of rows at no seam: how many come at least two to the n microseconds after the row before them.
        var pauses = [Int](repeating: 0, count: 64)
    }

    private(set) var seams: [Seam] = []
    private let offsets: Set<Int>
    private var columns: [Column]
    private var previous: Place?
    private var isAfterSeam = false
    private var rowCount = 0

    /// A column that is written in more ways is free text: nothing is unlike it.
    private static let formsMax = 24
    /// Nearer jumps are within what the pace of times varies.
    private static let jumpMin: Double = 8

    init(columns: [ColumnShape], seams: Set<Int>) {
        offsets = seams
        self.columns = columns.map { column in
            switch column.type {
            case .date, .timestamp, .timestamptz: Column(isTime: true)
            default: Column(isTime: false)
            }
        }
    }

    func take(_ line: UnsafeBufferPointer<UInt8>, key: Int64, at offset: Int) {
        var forms: [UInt64] = []
        var lengths: [Int] = []
        var times: [Int64?] = []
        for field in line.split(separator: 9, omittingEmptySubsequences: false).prefix(columns.count) {
            let text = UnsafeBufferPointer(rebasing: field)
            times.append(columns[forms.count].isTime ? FieldTime.microseconds(text) : nil)
            forms.append(Self.form(text))
            lengths.append(text.count)
        }
        guard forms.count == columns.count else { return }
        if isAfterSeam, let index = seams.indices.last {
            seams[index].behind = Place(key: key, times: times)
            isAfterSeam = false
        }
        if offsets.contains(offset) {
            seams.append(
                Seam(
                    offset: offset, length: line.count, key: key, forms: forms, lengths: lengths, times: times,
                    before: previous))
            isAfterSeam = true
        } else {
            note(forms, lengths, times, key)
        }
        previous = Place(key: key, times: times)
    }

    private func note(_ forms: [UInt64], _ lengths: [Int], _ times: [Int64?], _ key: Int64) {
        rowCount += 1
        for index in columns.indices {
            if columns[index].forms.count <= Self.formsMax { columns[index].forms.insert(forms[index]) }
            let known = columns[index].lengths ?? lengths[index]...lengths[index]
            columns[index].lengths = min(known.lowerBound, lengths[index])...max(known.upperBound, lengths[index])
            guard let time = times[index] else { continue }
            if let last = columns[index].last, (time < last.time) != (key < last.key), time != last.time {
                columns[index].falls += 1
            }
            if let before = previous?.times[index], time > before {
                columns[index].pauses[63 - (time - before).leadingZeroBitCount] += 1
            }
            if columns[index].first == nil { columns[index].first = Moment(key: key, time: time) }
            columns[index].last = Moment(key: key, time: time)
        }
    }

    func reason(against seam: Seam) -> String? {
        if isUnlikeAllOthers(seam) { return "the order of keys jumps behind it, and it is written as no other row" }
        if hasTimeOfNext(seam) { return "the order of keys jumps behind it, and its time is that of the row behind" }
        return nil
    }

    private func isUnlikeAllOthers(_ seam: Seam) -> Bool {
        columns.indices.contains { index in
            guard let lengths = columns[index].lengths, columns[index].forms.count <= Self.formsMax else {
                return false
            }
            let isOfFixedLength = lengths.lowerBound == lengths.upperBound
            return !columns[index].forms.contains(seam.forms[index])
                || isOfFixedLength && seam.lengths[index] != lengths.lowerBound
        }
    }

    /// Counts time in steps of the key, at the pace of the whole table. Where the table rests often enough for as long, a
    /// rest before a jump is one like others.
    private func hasTimeOfNext(_ seam: Seam) -> Bool {
        guard let before = seam.before, let behind = seam.behind else { return false }
        return columns.indices.contains { index in
            guard let first = columns[index].first, let last = columns[index].last, last.key != first.key,
                columns[index].falls <= 2 * seams.count + rowCount / 1000, let time = seam.times[index],
                let timeBefore = before.times[index]
            else { return false }
            let pace = (Double(last.time) - Double(first.time)) / (Double(last.key) - Double(first.key))
            guard pace > 0 else { return false }
            let steps = (Double(time) - Double(timeBefore)) / pace
            let own = Double(seam.key) - Double(before.key)
            let next = Double(behind.key) - Double(before.key)
            return abs(next - own) >= Self.jumpMin && abs(steps - next) * 4 < abs(steps - own)
                && rests(index, atLeast: (time - timeBefore) / 2) * seams.count * 100 < rowCount
        }
    }

    /// How many rows at no seam come about so long after the one before, or longer.
    private func rests(_ index: Int, atLeast length: Int64) -> Int {
        guard length > 0 else { return rowCount }
        return columns[index].pauses[(63 - length.leadingZeroBitCount)...].reduce(0, +)
    }

    private static func kind(of byte: UInt8) -> UInt8 {
        if FieldForm.isDigit(byte) { return 57 }
        return byte >= 128 || byte | 32 >= 97 && byte | 32 <= 122 ? 97 : byte
    }

    /// Letters and digits as their kinds, runs of them as one, everything else as it stands.
    private static func form(_ text: UnsafeBufferPointer<UInt8>) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        var last: UInt8 = 0
        for byte in text {
            let kind = kind(of: byte)
            if kind == last, kind == 57 || kind == 97 { continue }
            last = kind
            hash = (hash ^ UInt64(kind)) &* 0x0000_0100_0000_01b3
        }
        return hash
    }
}

/// Times as PostgreSQL writes them in ISO style, as microseconds since 1 January 1970.
enum FieldTime {
    /// Nil for what is not of the usual form: years of more than four digits, infinity.
    static func microseconds(_ text: UnsafeBufferPointer<UInt8>) -> Int64? {
        guard text.count >= 10, FieldForm.date(UnsafeBufferPointer(rebasing: text[..<10])),
            let year = number(text, 0, 4), let month = number(text, 5, 2), let day = number(text, 8, 2)
        else { return nil }
        let days = daysSince1970(year, month, day)
        guard text.count >= 19, let hour = number(text, 11, 2), let minute = number(text, 14, 2),
            let second = number(text, 17, 2)
        else { return days * 86_400_000_000 }
        var index = 19
        var fraction: Int64 = 0
        var unit: Int64 = 1_000_000
        if index < text.count, text[index] == UInt8(ascii: ".") {
            index += 1
            while index < text.count, FieldForm.isDigit(text[index]), unit > 1 {
                unit /= 10
                fraction += Int64(text[index] - 48) * unit
                index += 1
            }
        }
        var zone: Int64 = 0
        if index + 2 < text.count, let hours = number(text, index + 1, 2) {
            let minutes = index + 5 < text.count ? number(text, index + 4, 2) ?? 0 : 0
            zone = (hours * 60 + minutes) * (text[index] == UInt8(ascii: "-") ? -60 : 60)
        }
        return (days * 86_400 + hour * 3600 + minute * 60 + second - zone) * 1_000_000 + fraction
    }

    private static func number(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int) -> Int64? {
        var value: Int64 = 0
        for index in start..<(start + count) {
            guard index < text.count, FieldForm.isDigit(text[index]) else { return nil }
            value = value * 10 + Int64(text[index] - 48)
        }
        return value
    }

    /// By Howard Hinnant's civil calendar algorithm.
    private static func daysSince1970(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month <= 2 ? year - 1 : year
        let era = (shifted >= 0 ? shifted : shifted - 399) / 400
        let ofEra = shifted - era * 400
        let ofYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return era * 146_097 + ofEra * 365 + ofEra / 4 - ofEra / 100 + ofYear - 719_468
    }
}
