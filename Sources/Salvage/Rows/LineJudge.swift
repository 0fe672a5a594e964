internal import Foundation

/// Judges the lines of one table whose bytes no checksum covers: which are rows, and which only look like it.
///
/// A line is a row when it has the table's form and stands between sound line ends. Zeros can not make a line end, noise
/// can: a row beside noise is believed only when the noise ends where a row would.
final class LineJudge {
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
        var isGood = accepts(line)
        if isGood {
            if let before = previous, !before.isGood, before.endsInNoise {
                condemn(offset, line.count, "it stands behind noise and may be cut at its beginning")
                isGood = false
            } else {
                rowCount += 1
                if let grammar, let key = grammar.key(of: line) { keys.take(key, at: offset) }
            }
        } else {
            takeBad(line, at: offset)
        }
        previous = Previous(
            offset: offset, end: offset + line.count + 1, isGood: isGood,
            endsInNoise: !isGood && Self.isNoise(line) && !endsLikeARow(line))
    }

    func accepts(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let grammar else { return !line.contains { $0 < 32 && $0 != 9 } }
        return grammar.check(line) == .good
    }

    private func takeBad(_ line: UnsafeBufferPointer<UInt8>, at offset: Int) {
        let isNoise = Self.isNoise(line)
        if isNoise, let before = previous, before.isGood, before.end == offset, !beginsLikeARow(line) {
            rowCount -= 1
            keys.takeBack(at: before.offset)
            condemn(before.offset, before.end - before.offset, "noise follows it: it may be cut at its end")
        }
        condemn(offset, line.count, "not of the table's form")
        guard !line.contains(where: { $0 < 32 && $0 != 9 }), strayBytes < Self.strayBytesMax else { return }
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

    /// Takes a stray away: it was found to be a row of another table.
    func release(_ offset: Int) { condemned[offset] = nil }

    static func isNoise(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        line.contains { $0 != 0 && $0 < 32 && $0 != 9 } || !FieldForm.isUTF8(line)
    }

    private func beginsLikeARow(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let grammar, let end = line.firstIndex(of: 9), let column = grammar.columns.first else { return false }
        return RowGrammar.isField(UnsafeBufferPointer(rebasing: line[..<end]), column)
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
    /// The first field's value when the first column is an integer.
    func key(of line: UnsafeBufferPointer<UInt8>) -> Int64? {
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

    private static let spikesMax = 1000

    mutating func take(_ key: Int64, at offset: Int) {
        count += 1
        if let last {
            if key == last.key { repeats += 1 }
            if key <= last.key {
                descents += 1
                if let beforeLast, beforeLast < key, spikes.count < Self.spikesMax {
                    spikes.append(Turn(offset: last.offset, key: last.key, before: beforeLast))
                }
            }
            beforeLast = last.key
        }
        last = (key, offset)
    }

    /// The row taken last was none after all.
    mutating func takeBack(at offset: Int) {
        guard let last, last.offset == offset, let beforeLast else { return }
        count -= 1
        if last.key <= beforeLast { descents -= 1 }
        self.last = (beforeLast, offset)
        self.beforeLast = nil
    }

    /// Whether the column behaves like a key: nearly always rising, never standing still.
    var isKeyLike: Bool { count >= 20 && repeats == 0 && descents <= max(4, count / 50) }

    /// Spikes so far above every other key that they can only be two that ran together.
    func outliers(greatest: Int64) -> [Turn] {
        spikes.filter { $0.key / 8 > greatest }
    }
}
