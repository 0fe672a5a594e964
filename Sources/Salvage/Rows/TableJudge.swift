internal import Foundation

/// Judges the lines of one table whose bytes no checksum covers: which are rows, and which only look like it.
///
/// A line is a row when it has the table's form and stands between sound line ends. Zeros can not make a line end, noise
/// can: a row beside noise is believed only when the noise ends where a row would.
final class TableJudge {
    let grammar: RowGrammar?
    /// Lines that are no rows, by where they begin, in order.
    private(set) var condemned: [Int: String] = [:]
    /// Where each run of condemned lines begins and ends.
    private(set) var wounds: [Range<Int>] = []
    private(set) var rowCount = 0
    private(set) var keys = KeyOrder()
    /// Lines that are no rows of this table but may be another's, in the order they were found.
    private(set) var strays: [StrayLine] = []
    private var strayBytes = 0
    private var previous: Previous?
    /// Between two marks of the feed: nothing here is framed as a row.
    private var isBetweenMarks = false
    /// A row behind noise, believed when its key lies between its neighbours'.
    private var waiting: (offset: Int, length: Int, key: Int64, before: Int64)?
    private var lastKey: Int64?
    private var border = Int.max
    /// The row that ends where a stray begins, and strays that end where a row begins.
    private var goodBefore: [Int: (offset: Int, length: Int)] = [:]
    private var goodAfterStray: Set<Int> = []

    private struct Previous {
        let offset: Int
        let end: Int
        let isGood: Bool
        /// A bad line with other forbidden bytes than zeros, whose last field is not of the last column's form.
        let endsInNoise: Bool
    }

    /// Strays are kept in memory; what is beyond stays behind as suspect.
    static let strayBytesMax = 64 << 20
    static let condemnedMax = 4 << 20

    init(_ grammar: RowGrammar?) { self.grammar = grammar }

    func take(_ line: UnsafeBufferPointer<UInt8>, at offset: Int) {
        guard !isBetweenMarks else { return condemn(offset, line.count, "its place in the dump is damaged") }
        let isGood = accepts(line)
        if isGood { takeGood(line, at: offset) } else { takeBad(line, at: offset) }
        previous = Previous(
            offset: offset, end: offset + line.count + 1, isGood: isGood && condemned[offset] == nil,
            endsInNoise: !isGood && Self.isNoise(line) && !endsLikeARow(line))
    }

    private func takeGood(_ line: UnsafeBufferPointer<UInt8>, at offset: Int) {
        if let before = previous, !before.isGood, before.end == offset, strays.last?.offset == before.offset {
            goodAfterStray.insert(before.offset)
        }
        let key = grammar?.key(of: line)
        if let waiting, let key {
            if !(waiting.before < waiting.key && waiting.key < key) {
                condemn(waiting.offset, waiting.length, "it stands behind noise and may be cut at its beginning")
                keys.forget()
            }
            self.waiting = nil
        }
        if let before = previous, !before.isGood, before.endsInNoise, grammar?.columns.first?.type.hasFixedForm != true
        {
            guard let key, let lastKey else {
                return condemn(offset, line.count, "it stands behind noise and may be cut at its beginning")
            }
            waiting = (offset, line.count, key, lastKey)
        }
        rowCount += 1
        if let key {
            keys.take(key, at: offset)
            if waiting == nil { lastKey = key }
        }
    }

    /// A mark of the feed; `open` is what stood before it without a line's end.
    func mark(_ open: (offset: Int, bytes: [UInt8])?) {
        if let open { condemn(open.offset, open.bytes.count, "its place in the dump is damaged") }
        isBetweenMarks.toggle()
        previous = nil
    }

    func accepts(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let grammar else { return !line.contains { $0 < 32 && $0 != 9 } }
        return grammar.check(line) == .good
    }

    private func takeBad(_ line: UnsafeBufferPointer<UInt8>, at offset: Int) {
        let isNoise = Self.isNoise(line)
        if isNoise, let before = previous, before.isGood, before.end == offset, !beginsLikeARow(line),
            grammar?.columns.last?.type.hasFixedForm != true
        {
            rowCount -= 1
            keys.takeBack(at: before.offset)
            condemn(before.offset, before.end - before.offset, "noise follows it: it may be cut at its end")
        }
        condemn(offset, line.count, "not of the table's form")
        guard !line.contains(where: { $0 < 32 && $0 != 9 }), strayBytes < Self.strayBytesMax else { return }
        if let before = previous, before.isGood, before.end == offset {
            goodBefore[offset] = (before.offset, before.end - before.offset - 1)
        }
        strays.append(StrayLine(offset: offset, bytes: Array(line)))
        strayBytes += line.count
    }

    /// Marks the line that begins at `offset` as no row.
    func condemn(_ offset: Int, _ length: Int, _ reason: String) {
        guard condemned.count < Self.condemnedMax else { return }
        condemned[offset] = reason
        let range = offset..<(offset + length + 1)
        if let last = wounds.last, last.upperBound >= range.lowerBound, last.lowerBound <= range.lowerBound {
            wounds[wounds.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
        } else if wounds.count < 10_000 {
            wounds.append(range)
        }
    }

    /// Gives away lines that are rows of another table. Where they touch this table's rows, one line is of both: the row
    /// before them is condemned, and the last of them stays, when the next line is again a row of this table.
    func adopt(_ run: [StrayLine]) -> [StrayLine] {
        var run = run
        if let first = run.first, let before = goodBefore[first.offset] {
            condemn(before.offset, before.length, "the rows of another table begin inside it")
        }
        if let last = run.last, goodAfterStray.contains(last.offset) { run.removeLast() }
        for stray in run { condemned[stray.offset] = nil }
        return run
    }

    /// Rows from `offset` on are of another table.
    func handOver(from offset: Int) { border = offset }

    func isHandedOver(_ offset: Int) -> Bool { offset >= border && condemned[offset] == nil }

    static func isNoise(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        line.contains { $0 != 0 && $0 < 32 && $0 != 9 } || !FieldForm.isUTF8(line)
    }

    /// The first field is whole, or cut behind its first bytes.
    private func beginsLikeARow(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let grammar, let column = grammar.columns.first else { return false }
        if let end = line.firstIndex(of: 9), RowGrammar.isField(UnsafeBufferPointer(rebasing: line[..<end]), column) {
            return true
        }
        let clean: Int
        switch column.type {
        case .smallint, .integer, .bigint, .numeric, .date, .timestamp, .timestamptz:
            clean = line.prefix { FieldForm.isDigit($0) }.count
        case .uuid: clean = line.prefix { FieldForm.isDigit($0) || (97...102).contains($0) }.count
        default: clean = line.prefix { $0 >= 32 && $0 < 127 }.count / 2
        }
        return clean >= 2
    }

    private func endsLikeARow(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let grammar, let start = line.lastIndex(of: 9), let column = grammar.columns.last else { return false }
        return RowGrammar.isField(UnsafeBufferPointer(rebasing: line[(start + 1)...]), column)
    }
}

/// A line found among another table's rows, or among statements.
struct StrayLine: Sendable {
    let offset: Int
    let bytes: [UInt8]
}

extension RowGrammar {
    /// The first field's value when the first column is an integer that may be a key.
    func key(of line: UnsafeBufferPointer<UInt8>) -> Int64? {
        guard mayBeKeyed else { return nil }
        switch columns.first?.type {
        case .smallint, .integer, .bigint: break
        default: return nil
        }
        var value: Int64 = 0
        var index = 0
        let isNegative = line.first == UInt8(ascii: "-")
        if isNegative { index = 1 }
        while index < line.count, FieldForm.isDigit(line[index]) {
            value = value &* 10 &+ Int64(line[index] - 48)
            index += 1
        }
        return isNegative ? 0 &- value : value
    }

    /// Whether `text` is a value of `column`, with no byte that COPY text never holds.
    static func isField(_ text: UnsafeBufferPointer<UInt8>, _ column: ColumnShape) -> Bool {
        let line = RowGrammar(columns: [column])
        return line.check(text) == .good
    }
}

/// Watches the order of a table's first integer column.
///
/// Rows leave the server in the order they lie on disk: mostly that of their keys. A key that occurs again, or that is
/// alone far outside its neighbours, is a sign of bytes that moved or ran together.
struct KeyOrder {
    struct Turn {
        let offset: Int
        let key: Int64
        let before: Int64
    }

    private var last: (key: Int64, offset: Int)?
    private var beforeLast: Int64?
    /// Rows whose key is not above the one before.
    private(set) var descents = 0
    private(set) var repeats = 0
    private(set) var count = 0
    /// Rows whose key is above both neighbours' though these are in order.
    private(set) var spikes: [Turn] = []
    /// Rows before a key that is not above theirs.
    private(set) var turns: Set<Int> = []
    /// Rows before a key that is more than one above theirs.
    private(set) var gaps: [Turn] = []
    private(set) var gapCount = 0

    private static let turnsMax = 1000

    mutating func take(_ key: Int64, at offset: Int) {
        count += 1
        if let last {
            if key == last.key { repeats += 1 }
            if key <= last.key {
                descents += 1
                if turns.count < Self.turnsMax { turns.insert(last.offset) }
                if let beforeLast, beforeLast < key, spikes.count < Self.turnsMax {
                    spikes.append(Turn(offset: last.offset, key: last.key, before: beforeLast))
                }
            } else if key &- last.key != 1 {
                gapCount += 1
                if gaps.count < Self.turnsMax {
                    gaps.append(Turn(offset: last.offset, key: last.key, before: key))
                }
            }
            beforeLast = last.key
        }
        last = (key, offset)
    }

    /// What was taken last was no row after all.
    mutating func forget() {
        last = nil
        beforeLast = nil
    }

    /// The row taken last was none after all.
    mutating func takeBack(at offset: Int) {
        guard let last, last.offset == offset else { return }
        count -= 1
        forget()
    }

    /// Whether the column behaves like a key: nearly always rising, never standing still.
    var isKeyLike: Bool { count >= 20 && repeats == 0 && descents <= max(4, count / 50) }

    /// Spikes so far above every other key that they can only be two that ran together.
    func outliers(greatest: Int64) -> [Turn] {
        spikes.filter { $0.key / 8 > greatest }
    }
}

extension ColumnType {
    /// Whether a value that is cut at either end is of another form.
    var hasFixedForm: Bool {
        switch self {
        case .uuid, .date, .timestamp, .timestamptz, .boolean: true
        default: false
        }
    }
}
