internal import Foundation

/// Saves what can be saved of one damaged stream, row by row.
struct StreamSalvage {
    let reader: StreamReader

    func read(_ feed: StreamReader.Feed) throws -> (TableSummary, [Damage]) {
        switch reader.codec {
        case .zlib, .gzip:
            let stream = try StreamBytes(feed)
            if reader.codec == .gzip, let saved = try FrameSalvage(reader: reader).read(stream) { return saved }
            let kind: DeflateWrapper.Kind = reader.codec == .zlib ? .zlib : .gzip
            let wrapper =
                DeflateWrapper.read(stream.bytes[...], kind: kind)
                ?? DeflateWrapper(kind: kind, dataStart: kind == .zlib ? 2 : 10)
            return try DeflateSalvage(reader: reader, stream: stream).read(wrapper)
        case .none:
            let stream = try StreamBytes(feed)
            if let saved = try readHeaderless(stream) { return saved }
        case .zstd, .lz4:
            let stream = try StreamBytes(feed)
            return try FrameSalvage(reader: reader).read(stream)
                ?? (TableSummary(table: reader.table), stream.framing.map { [$0] } ?? [])
        }
        var damage: [Damage] = []
        var text: [UInt8] = []
        var lastOffset = 0
        let decoder = try reader.codec.decoder()
        var failure: CodecFailure?
        let framing = try feed { bytes, offset in
            guard failure == nil else { return }
            lastOffset = offset
            do {
                try decoder.decode(bytes) { text.append(contentsOf: $0) }
            } catch let broken as CodecFailure {
                failure = broken
            }
        }
        if let framing { damage.append(framing) }
        if let failure {
            damage.append(
                Damage(
                    kind: .compressedData, range: lastOffset..<(lastOffset + 1), table: reader.table,
                    explanation: .init(
                        fr: "les données compressées ne se lisent pas plus loin : \(failure.reason)",
                        en: "the compressed data can not be read on: \(failure.reason)")))
        }
        let isProven = decoder.hasChecksum && decoder.isFinished && failure == nil
        let summary = try judge(text, isProven: isProven, damage: &damage)
        return (summary, damage)
    }

    /// Judges line by line; lines beside a bad one are suspects where nothing proves them.
    private func judge(_ text: [UInt8], isProven: Bool, damage: inout [Damage]) throws -> TableSummary {
        var summary = TableSummary(table: reader.table)
        let lines = LineIndex(text)
        let verdicts = text.withUnsafeBufferPointer { bytes in
            lines.ranges.map { range -> Bool in
                guard let grammar = reader.grammar else { return true }
                switch grammar.check(UnsafeBufferPointer(rebasing: bytes[range])) {
                case .good: return true
                case .badField: return isProven
                case .wrongFieldCount, .forbiddenByte: return false
                }
            }
        }
        for (index, isGood) in verdicts.enumerated() where !isGood {
            let range = lines.ranges[index]
            damage.append(
                Damage(
                    kind: .rows, range: range, table: reader.table,
                    explanation: .init(
                        fr: "la ligne \(index + 1) n’est pas une ligne de \(reader.table) (octets de son texte)",
                        en: "row \(index + 1) is no row of \(reader.table) (bytes of its text)")))
        }
        try send(text, lines, verdicts, isProven: isProven, &summary)
        if !lines.hasTerminator, let last = lines.openLine {
            damage.append(
                Damage(
                    kind: .truncated, range: last, table: reader.table,
                    explanation: .init(
                        fr: "les données s’arrêtent au milieu d’une ligne",
                        en: "the data ends inside a row")))
        }
        return summary
    }

    private func send(
        _ text: [UInt8], _ lines: LineIndex, _ verdicts: [Bool], isProven: Bool, _ summary: inout TableSummary
    ) throws {
        var index = 0
        while index < verdicts.count {
            let first = index
            let isGood = verdicts[first]
            while index < verdicts.count, verdicts[index] == isGood, index - first < 4096 { index += 1 }
            let range = lines.ranges[first].lowerBound..<(lines.ranges[index - 1].upperBound + 1)
            let batch = RowBatch(
                table: reader.table, columns: reader.columns, text: Array(text[range]),
                rowStarts: (first..<index).map { lines.ranges[$0].lowerBound - range.lowerBound },
                confidence: !isGood
                    ? .suspect(reason: "not of the table's form") : isProven ? .proven : .intact,
                source: reader.source, textOffset: range.lowerBound)
            try reader.emit(.rows(batch))
            if !isGood {
                summary.suspect += index - first
            } else if isProven {
                summary.proven += index - first
            } else {
                summary.intact += index - first
            }
        }
    }
}

/// Where the lines of a text begin and end, up to COPY's terminator.
struct LineIndex {
    /// Without their newlines.
    private(set) var ranges: [Range<Int>] = []
    private(set) var hasTerminator = false
    /// What stands behind the last newline, when the text does not end in one.
    private(set) var openLine: Range<Int>?

    init(_ text: [UInt8]) {
        var start = 0
        text.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress else { return }
            while start < bytes.count, let found = memchr(base + start, 10, bytes.count - start) {
                let end = UnsafePointer(found.assumingMemoryBound(to: UInt8.self)) - base
                if end - start == 2, base[start] == UInt8(ascii: "\\"), base[start + 1] == UInt8(ascii: ".") {
                    hasTerminator = true
                    return
                }
                ranges.append(start..<end)
                start = end + 1
            }
            if start < bytes.count { openLine = start..<bytes.count }
        }
    }
}
