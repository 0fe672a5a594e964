internal import Foundation

/// Cuts text into lines, checks each against the table's grammar and hands them on in batches.
///
/// Two ways: `strict` stops at the first line that can not be a row (the caller then reads the stream anew, row by row);
/// the salvage readers judge their lines themselves and use `add`.
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
        table: String, columns: [String], grammar: RowGrammar?, source: String,
        emit: @escaping (ReadEvent) throws -> Void
    ) {
        self.table = table
        self.columns = columns
        self.grammar = grammar
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
        guard !rowStarts.isEmpty else { return discardLines() }
        let batch = RowBatch(
            table: table, columns: columns, text: Array(pending[..<lineStart]), rowStarts: rowStarts,
            confidence: .intact, source: source, textOffset: pendingOffset)
        rowCount += rowStarts.count
        discardLines()
        try emit(.rows(batch))
    }

    private func discardLines() {
        pendingOffset += lineStart
        pending.removeFirst(lineStart)
        scanned -= lineStart
        lineStart = 0
        rowStarts.removeAll(keepingCapacity: true)
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
            if let grammar {
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
}
