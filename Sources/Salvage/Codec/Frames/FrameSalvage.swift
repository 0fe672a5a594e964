/// Saves the rows of a damaged stream of zstd or LZ4 frames, or of several gzip members.
struct FrameSalvage {
    let reader: StreamReader

    /// Held back: a row of a block in which damage is known.
    static let doubtfulScore = 0.5

    static func text(of input: [UInt8], _ codec: Codec) -> FrameText? {
        switch codec {
        case .zstd: ZstdFrames.read(input)
        case .lz4: LZ4Frames.read(input)
        case .gzip: GzipMembers.read(input)
        case .none, .zlib: nil
        }
    }

    /// Nil when the stream can not be taken apart: no memory, or a single gzip member.
    func read(_ stream: StreamBytes) throws -> (TableSummary, [Damage])? {
        var damage = stream.framing.map { [$0] } ?? []
        var summary = TableSummary(table: reader.table)
        guard var text = Self.text(of: stream.bytes, reader.codec) else { return nil }
        for wound in text.wounds {
            damage.append(
                Damage(
                    kind: .compressedData, range: stream.fileRange(wound.range), table: reader.table,
                    explanation: wound.reason))
        }
        let lines = LineIndex(text.bytes)
        let areRows = judge(&text, lines, &damage)
        try send(text, lines, areRows, &summary)
        if !lines.hasTerminator, let last = lines.openLine {
            damage.append(
                Damage(
                    kind: .truncated, range: last, table: reader.table,
                    explanation: .init(
                        fr: "les données s’arrêtent au milieu d’une ligne",
                        en: "the data ends inside a row")))
        }
        return (summary, damage)
    }

    private func judge(_ text: inout FrameText, _ lines: LineIndex, _ damage: inout [Damage]) -> [Bool] {
        var areRows: [Bool] = []
        areRows.reserveCapacity(lines.ranges.count)
        for (index, range) in lines.ranges.enumerated() {
            let isRow = text.bytes.withUnsafeBufferPointer {
                accepts(UnsafeBufferPointer(rebasing: $0[range]), isProven: text.grade(of: range) == .proven)
            }
            areRows.append(isRow)
            guard !isRow else { continue }
            if text.grade(of: range) < .unknown { text.spoil(at: range.lowerBound) }
            guard damage.count < 1000 else { continue }
            damage.append(
                Damage(
                    kind: .rows, range: range, table: reader.table,
                    explanation: .init(
                        fr: "la ligne \(index + 1) n’est pas une ligne de \(reader.table) (octets de son texte)",
                        en: "row \(index + 1) is no row of \(reader.table) (bytes of its text)")))
        }
        text.settle()
        return areRows
    }

    private func accepts(_ line: UnsafeBufferPointer<UInt8>, isProven: Bool) -> Bool {
        guard let grammar = reader.grammar else { return !line.contains { $0 < 32 && $0 != 9 } }
        switch grammar.check(line) {
        case .good: return true
        case .badField: return isProven
        case .wrongFieldCount, .forbiddenByte: return false
        }
    }

    private func send(
        _ text: FrameText, _ lines: LineIndex, _ areRows: [Bool], _ summary: inout TableSummary
    ) throws {
        let stream = StreamCatalog.Stream(table: reader.table, columns: reader.columns, grammar: reader.grammar)
        var sender = RowSender(stream, source: reader.source, emit: reader.emit)
        for (range, isRow) in zip(lines.ranges, areRows) {
            let confidence: Confidence =
                switch text.grade(of: range.lowerBound..<(range.upperBound + 1)) {
                case _ where !isRow: .suspect(reason: "not of the table's form")
                case .unknown: .suspect(reason: "bytes of it are lost")
                case .doubtful: .inferred(score: Self.doubtfulScore)
                case .intact: .intact
                case .proven: .proven
                }
            try text.bytes.withUnsafeBufferPointer {
                try sender.send(UnsafeBufferPointer(rebasing: $0[range]), at: range.lowerBound, as: confidence)
            }
        }
        try sender.flush()
        summary = sender.summary
    }
}
