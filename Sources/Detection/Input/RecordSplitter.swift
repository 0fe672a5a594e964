/// Cuts blocks into lines and lines into records. What is longer than the limit is cut there and counted.
final class RecordSplitter {
    static let recordBytesMax = 1 << 20
    static let recordLinesMax: Int64 = 10_000

    private let reader: LogReader
    /// The beginning of a line whose end is in a later block.
    private var carry: [UInt8] = []
    private var carryBytes = 0
    /// Lines of a record that may go on.
    private var pending: [UInt8] = []
    private var pendingLines: Int64 = 0
    private var recordStart = LinePlace()
    private var offset: Int64
    private(set) var lines: Int64
    private(set) var overlong: Int64 = 0
    /// Where the first byte stands that was not handed on: a follower goes on here.
    private(set) var consumed: Int64
    private(set) var consumedLines: Int64

    init(reader: LogReader, offset: Int64 = 0, line: Int64 = 0) {
        self.reader = reader
        self.offset = offset
        lines = line
        consumed = offset
        consumedLines = line
    }

    func take(_ block: Bytes, _ body: (Bytes, LinePlace) -> Void) {
        var index = 0
        while let newline = block.first(10, from: index) {
            if carryBytes == 0 {
                line(block[index, newline], length: newline - index + 1, body)
            } else {
                keep(block[index, newline])
                finishLine(newlines: 1, body)
            }
            index = newline + 1
        }
        if index < block.count { keep(block.from(index)) }
    }

    /// The last line may have no newline.
    func finish(_ body: (Bytes, LinePlace) -> Void) {
        if carryBytes > 0 { finishLine(newlines: 0, body) }
        emitPending(body)
    }

    /// Hands on a record that may go on, because nothing has come for a while.
    func flush(_ body: (Bytes, LinePlace) -> Void) {
        if carryBytes == 0 { emitPending(body) }
    }

    private func keep(_ bytes: Bytes) {
        carryBytes += bytes.count
        let room = max(0, Self.recordBytesMax + 1 - carry.count)
        carry.append(contentsOf: UnsafeBufferPointer(start: bytes.start, count: min(bytes.count, room)))
    }

    private func finishLine(newlines: Int, _ body: (Bytes, LinePlace) -> Void) {
        let length = carryBytes + newlines
        carry.withUnsafeBytes { line(Bytes($0), length: length, body) }
        carry.removeAll(keepingCapacity: true)
        carryBytes = 0
    }

    private func line(_ whole: Bytes, length: Int, _ body: (Bytes, LinePlace) -> Void) {
        var line = whole
        if line.count > Self.recordBytesMax {
            overlong += 1
            line = line.prefix(Self.recordBytesMax)
        }
        if pendingLines > 0, isBoundary(line) { emitPending(body) }
        lines += 1
        let place = LinePlace(file: 0, number: lines, offset: offset)
        offset += Int64(length)
        if pendingLines == 0 {
            recordStart = place
            if !isWaiting(line, lines: 1) {
                body(line, place)
                consumed = offset
                consumedLines = lines
                return
            }
        } else {
            pending.append(10)
        }
        let room = max(0, Self.recordBytesMax - pending.count)
        pending.append(contentsOf: UnsafeBufferPointer(start: line.start, count: min(line.count, room)))
        pendingLines += 1
        if line.count > room { overlong += 1 }
        let waits = pending.withUnsafeBytes { isWaiting(Bytes($0), lines: pendingLines) }
        if !waits || line.count > room { emitPending(body) }
    }

    private func isBoundary(_ line: Bytes) -> Bool {
        pending.withUnsafeBytes { !reader.continues(line, Bytes($0)) }
    }

    private func isWaiting(_ record: Bytes, lines: Int64) -> Bool {
        guard lines < Self.recordLinesMax else { return false }
        switch reader.form {
        case .postgresStderr, .journalExport: return true
        default: return reader.isOpen(record)
        }
    }

    private func emitPending(_ body: (Bytes, LinePlace) -> Void) {
        guard pendingLines > 0 else { return }
        pending.withUnsafeBytes { body(Bytes($0), recordStart) }
        pending.removeAll(keepingCapacity: true)
        pendingLines = 0
        consumed = offset
        consumedLines = lines
    }
}
