/// The text of damaged zstd or LZ4 frames, with what is known of each of its bytes.
struct FrameText {
    enum Grade: UInt8, Comparable {
        /// A checksum that covers the byte holds.
        case proven
        /// Decoded without a sign of damage.
        case intact
        /// Of a frame or block in which damage is known, or copied from there.
        case doubtful
        /// Lost; the text has a zero in its place, which COPY text never holds.
        case unknown

        static func < (left: Grade, right: Grade) -> Bool { left.rawValue < right.rawValue }
    }

    /// A block's text: damage in it may show in what is copied from it, up to `reach`.
    private struct Block {
        let start: Int
        var reach: Int
    }

    private(set) var bytes: [UInt8] = []
    private(set) var grades: [UInt8] = []
    /// Bytes of the compressed stream that could not be read.
    private(set) var wounds: [(range: Range<Int>, reason: DamageText)] = []
    private var blocks: [Block] = []
    private var frameStart = 0
    private var firstBlock = 0
    /// Frames whose checksum differs, and whether a row shows where.
    private var broken: [(range: Range<Int>, isLocated: Bool)] = []
    /// Whether every frame so far carries a checksum that holds.
    private(set) var isProven = true

    var count: Int { bytes.count }

    // MARK: Building

    mutating func beginFrame() {
        frameStart = bytes.count
        firstBlock = blocks.count
    }

    mutating func beginBlock() { blocks.append(Block(start: bytes.count, reach: bytes.count)) }

    mutating func append(_ byte: UInt8, _ grade: UInt8) {
        bytes.append(byte)
        grades.append(grade)
    }

    mutating func append(_ text: UnsafeBufferPointer<UInt8>, _ grade: Grade) {
        bytes.append(contentsOf: text)
        grades.append(contentsOf: repeatElement(grade.rawValue, count: text.count))
    }

    /// Bytes of the stream are lost here: a row across this place is none.
    mutating func tear(_ range: Range<Int>, _ reason: DamageText) {
        wounds.append((range, reason))
        append(0, Grade.unknown.rawValue)
        isProven = false
    }

    /// Something is to be said of these bytes of the stream; the text is as it should be.
    mutating func note(_ range: Range<Int>, _ what: DamageText) { wounds.append((range, what)) }

    /// What was decoded of the open frame's text from `start` on is not above doubt.
    mutating func doubt(from start: Int) { raise(start..<bytes.count, to: .doubtful) }

    /// The open frame's text.
    var frameBytes: [UInt8] { Array(bytes[frameStart...]) }

    /// The checksum of the open frame's text.
    var frameSum: UInt32 { XXHash32.of(bytes[frameStart...]) }

    /// Ends the open frame. `areLinked`: blocks copy from those before them. `holds`: what its checksum says, if it has
    /// one.
    mutating func endFrame(areLinked: Bool, holds: Bool?, at end: Int) {
        for index in firstBlock..<blocks.count {
            let next = index + 1 < blocks.count ? blocks[index + 1].start : bytes.count
            blocks[index].reach = areLinked ? bytes.count : next
        }
        switch holds {
        case true?: for index in frameStart..<bytes.count { grades[index] = Grade.proven.rawValue }
        case false?:
            isProven = false
            broken.append((frameStart..<bytes.count, false))
            wounds.append(
                (
                    end..<(end + 1),
                    .init(
                        fr: "la somme de contrôle des données d’avant diffère",
                        en: "the checksum of the data before differs")
                ))
        case nil: isProven = false
        }
    }

    // MARK: Judging

    /// A line at `offset` is no row: so may be what its block's text was copied to.
    mutating func spoil(at offset: Int) {
        var low = 0
        var high = blocks.count
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].start <= offset { low = middle + 1 } else { high = middle }
        }
        guard low > 0, grades[offset] == Grade.intact.rawValue else { return }
        let frame = broken.firstIndex { $0.range.contains(offset) }
        if let frame { broken[frame].isLocated = true }
        raise(blocks[low - 1].start..<blocks[low - 1].reach, to: .doubtful)
    }

    /// All of a frame whose checksum differs is in doubt when nothing shows where. Call it when all lines are judged.
    mutating func settle() {
        for frame in broken where !frame.isLocated { raise(frame.range, to: .doubtful) }
    }

    private mutating func raise(_ range: Range<Int>, to grade: Grade) {
        for index in range.clamped(to: 0..<grades.count) where grades[index] != Grade.proven.rawValue {
            grades[index] = max(grades[index], grade.rawValue)
        }
    }

    /// The worst that is known of the bytes in `range`.
    func grade(of range: Range<Int>) -> Grade {
        let worst = grades[range.clamped(to: 0..<grades.count)].max() ?? 0
        return Grade(rawValue: worst) ?? .unknown
    }

    /// The rows of a batch that was cut from this text, those in doubt as inferred.
    func graded(_ batch: RowBatch) -> [RowBatch] {
        var parts: [RowBatch] = []
        var first = 0
        while first < batch.rowCount {
            let isSure = isSure(batch, first)
            var end = first + 1
            while end < batch.rowCount, self.isSure(batch, end) == isSure { end += 1 }
            let bytes = batch.bytes(ofRows: first..<end)
            parts.append(
                RowBatch(
                    table: batch.table, columns: batch.columns, text: Array(batch.text[bytes]),
                    rowStarts: batch.rowStarts[first..<end].map { $0 - bytes.lowerBound },
                    confidence: isSure ? .intact : .inferred(score: FrameSalvage.doubtfulScore), source: batch.source,
                    textOffset: batch.textOffset + bytes.lowerBound))
            first = end
        }
        return parts
    }

    /// Where lines between two rows were left out, a row's place is not known, and it is not sure.
    private func isSure(_ batch: RowBatch, _ row: Int) -> Bool {
        let own = batch.bytes(ofRows: row..<(row + 1))
        let start = batch.textOffset + own.lowerBound
        let range = start..<(start + own.count)
        guard start >= 0, range.upperBound <= bytes.count, bytes[range].elementsEqual(batch.text[own]) else {
            return false
        }
        return grade(of: range) <= .intact
    }
}
