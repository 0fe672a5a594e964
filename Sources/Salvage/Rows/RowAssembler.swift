internal import Foundation

/// Cuts text into lines, checks each against the table's grammar and hands them on in batches.
///
/// It stops at the first line that can not be a row: the caller then reads the stream anew, row by row. Where a checksum
/// will prove every byte at the stream's end, only the number of fields is counted on the way.
final class RowAssembler {
    /// A line that can not be a row.
    struct Violation: Error {
        let verdict: RowGrammar.Verdict
        let textOffset: Int
        let line: [UInt8]
    }

    static let batchBytes = 256 << 10
    /// A row longer than this is not read: PostgreSQL itself can not store a field of more than 1 GiB.
    static let lineBytesMax = 1 << 30

    let table: String
    let columns: [String]
    private let grammar: RowGrammar?
    /// Tabs of a row, when they are all that is looked at.
    private let tabCount: Int?
    private let source: String
    private let emit: (ReadEvent) throws -> Void
    private var pending: [UInt8] = []
    private var rowStarts: [Int] = []
    /// Where in `pending` the search for the next newline goes on, and where the open line began.
    private var scanned = 0
    private var lineStart = 0
    private var pendingOffset = 0
    private(set) var rowCount = 0
    /// The line `\.` was seen: what follows is not data.
    private(set) var sawTerminator = false

    init(
        table: String, columns: [String], grammar: RowGrammar?, isProvenAtEnd: Bool, source: String,
        emit: @escaping (ReadEvent) throws -> Void
    ) {
        self.table = table
        self.columns = columns
        self.grammar = isProvenAtEnd ? nil : grammar
        tabCount = isProvenAtEnd ? grammar.map { max($0.columns.count - 1, 0) } : nil
        self.source = source
        self.emit = emit
        pending.reserveCapacity(Self.batchBytes * 2)
    }

    /// Takes more text; throws `Violation` at the first line that can not be a row.
    func feed(_ text: UnsafeBufferPointer<UInt8>) throws {
        guard !sawTerminator else { return }
        pending.append(contentsOf: text)
        let violation = pending.withUnsafeBufferPointer { takeLines($0) }
        if let violation { throw violation }
        if lineStart >= Self.batchBytes || sawTerminator { try flush() }
        if pending.count - lineStart > Self.lineBytesMax {
            throw Violation(verdict: .forbiddenByte(0), textOffset: pendingOffset + lineStart, line: [])
        }
    }

    /// Bytes after the last newline; not empty at the end of a stream that was cut inside a row.
    var openLine: [UInt8] { sawTerminator ? [] : Array(pending[lineStart...]) }

    /// Sends the complete rows that are left.
    func flush() throws {
        let offset = pendingOffset
        let (text, starts) = takeCompleteLines()
        guard !starts.isEmpty else { return }
        rowCount += starts.count
        let batch = RowBatch(
            table: table, columns: columns, text: text, rowStarts: starts, confidence: .intact, source: source,
            textOffset: offset)
        try emit(.rows(batch))
    }

    /// Leaves the open line behind, in a buffer of its own: the lines before it are handed on without a copy.
    private func takeCompleteLines() -> ([UInt8], [Int]) {
        var rest: [UInt8] = []
        rest.reserveCapacity(Self.batchBytes * 2)
        rest.append(contentsOf: pending[lineStart...])
        var starts: [Int] = []
        starts.reserveCapacity(rowStarts.count)
        swap(&pending, &rest)
        swap(&rowStarts, &starts)
        rest.removeLast(rest.count - lineStart)
        pendingOffset += lineStart
        scanned -= lineStart
        lineStart = 0
        return (rest, starts)
    }

    private func takeLines(_ bytes: UnsafeBufferPointer<UInt8>) -> Violation? {
        guard let base = bytes.baseAddress else { return nil }
        while let found = memchr(base + scanned, 10, bytes.count - scanned) {
            let end = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
            let line = UnsafeBufferPointer(start: base + lineStart, count: end - lineStart)
            if line.count == 2, line[0] == UInt8(ascii: "\\"), line[1] == UInt8(ascii: ".") {
                sawTerminator = true
                return nil
            }
            if let tabCount {
                let tabs = Self.tabs(in: line)
                if tabs != tabCount {
                    return Violation(
                        verdict: .wrongFieldCount(tabs + 1), textOffset: pendingOffset + lineStart, line: Array(line))
                }
            } else if let grammar {
                let verdict = grammar.check(line)
                if verdict != .good {
                    return Violation(verdict: verdict, textOffset: pendingOffset + lineStart, line: Array(line))
                }
            }
            rowStarts.append(lineStart)
            lineStart = end + 1
            scanned = lineStart
        }
        scanned = bytes.count
        return nil
    }

    /// Counts eight bytes at a time: a byte that equals a tab becomes zero by exclusive or, and its highest bit is set
    /// below. Sums of 255 words fit in the bytes of one.
    private static func tabs(in line: UnsafeBufferPointer<UInt8>) -> Int {
        guard let base = UnsafeRawPointer(line.baseAddress) else { return 0 }
        let low: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
        var count = 0
        var index = 0
        while index + 8 <= line.count {
            var sums: UInt64 = 0
            let end = min(line.count - 7, index + 255 * 8)
            while index < end {
                let word = base.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ 0x0909_0909_0909_0909
                sums &+= ~(((word & low) &+ low) | word | low) >> 7
                index += 8
            }
            let pairs = (sums & 0x00FF_00FF_00FF_00FF) &+ (sums >> 8 & 0x00FF_00FF_00FF_00FF)
            count += Int((pairs &* 0x0001_0001_0001_0001) >> 48)
        }
        while index < line.count {
            count += line[index] == 9 ? 1 : 0
            index += 1
        }
        return count
    }
}
