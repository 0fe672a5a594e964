/// Holds the rows that the reader gives against a manifest: proves them, finds false ones, counts lost ones.
final class ManifestProver {
    private let tables: [String: DumpManifest.Table]
    /// Whether the rows' streams have checksums of their own: what differs then is a matter of the manifest.
    private let isChecked: Bool
    private let emit: (ReadEvent) throws -> Void
    private var open: TableProof?
    private(set) var damage: [Damage] = []
    private(set) var summaries: [String: TableSummary] = [:]
    private var seen: Set<String> = []

    init(_ manifest: DumpManifest, isChecked: Bool, emit: @escaping (ReadEvent) throws -> Void) {
        tables = Dictionary(manifest.tables.map { ($0.table, $0) }, uniquingKeysWith: { first, _ in first })
        self.isChecked = isChecked
        self.emit = emit
    }

    func take(_ event: ReadEvent) throws {
        switch event {
        case .begin(let table, let columns):
            seen.insert(table)
            open = tables[table].flatMap { known in
                known.columns == columns ? TableProof(known, isChecked: isChecked, emit: emit) : nil
            }
            if open == nil, tables[table] != nil {
                note(
                    table,
                    .init(
                        fr: "les colonnes de \(table) ne sont pas celles du manifeste",
                        en: "the columns of \(table) are not those of the manifest"))
            }
            try emit(event)
        case .restart(let table):
            if let known = open?.known { open = TableProof(known, isChecked: isChecked, emit: emit) }
            try emit(.restart(table: table))
        case .rows(let batch):
            if let open { try open.take(batch) } else { try emit(event) }
        case .end(let summary):
            guard let proof = open else { return try emit(event) }
            open = nil
            let proved = try proof.finish(summary)
            damage += proof.damage
            summaries[summary.table] = proved
            try emit(.end(proved))
        }
    }

    /// Tables of the manifest that the dump did not give at all.
    func finish(_ report: inout ReadReport) {
        for table in tables.values.sorted(by: { $0.table < $1.table })
        where !seen.contains(table.table) && table.rows > 0 {
            note(
                table.table,
                .init(
                    fr: "les \(table.rows) lignes de \(table.table) sont toutes perdues",
                    en: "all \(table.rows) rows of \(table.table) are lost"))
            var summary = TableSummary(table: table.table)
            summary.lost = table.rows
            summaries[table.table] = summary
            if !report.tables.contains(where: { $0.table == table.table }) { report.tables.append(summary) }
        }
        report.tables = report.tables.map { summaries[$0.table] ?? $0 }
        report.damage += damage
    }

    private func note(_ table: String, _ words: DamageText) {
        damage.append(Damage(kind: .rows, range: 0..<0, table: table, explanation: words))
    }
}

/// The rows of one table, held against its blocks.
final class TableProof {
    let known: DumpManifest.Table
    private let isChecked: Bool
    private let emit: (ReadEvent) throws -> Void
    private let tags: [UInt32]
    /// First row of each block, and the number of all rows.
    private let starts: [Int]
    private var found: [Bool]
    private var isProvenBlock: [Bool]
    private var position = 0
    /// Rows of the block at `position`, matched one after the other from its first.
    private var held: [(text: [UInt8], offset: Int)] = []
    private var heldFrom = 0
    private var sender: RowSender?
    private var matched = 0
    private var unmatched: [(text: [UInt8], offset: Int, confidence: Confidence)] = []
    private var unmatchedCount = 0
    private var fits: Bool?
    private var searches = 0
    private(set) var damage: [Damage] = []

    private static let windowRows = 1 << 16
    private static let searchesMax = 20_000
    private static let trialRows = 2048

    init(_ known: DumpManifest.Table, isChecked: Bool, emit: @escaping (ReadEvent) throws -> Void) {
        self.known = known
        self.isChecked = isChecked
        self.emit = emit
        var tags: [UInt32] = []
        tags.reserveCapacity(known.rows)
        var starts = [0]
        for block in known.blocks {
            let bytes = Self.decode(block.tags)
            for index in stride(from: 0, to: bytes.count - 3, by: 4) {
                tags.append((0..<4).reduce(0) { $0 | UInt32(bytes[index + $1]) << UInt32(8 * $1) })
            }
            starts.append(tags.count)
        }
        self.tags = tags
        self.starts = starts
        found = [Bool](repeating: false, count: tags.count)
        isProvenBlock = [Bool](repeating: false, count: known.blocks.count)
    }

    func take(_ batch: RowBatch) throws {
        if sender == nil {
            let stream = StreamCatalog.Stream(table: batch.table, columns: batch.columns, grammar: nil)
            sender = RowSender(stream, source: batch.source, emit: emit)
        }
        try batch.text.withUnsafeBytes { text in
            for row in 0..<batch.rowCount {
                let range = batch.bytes(ofRows: row..<(row + 1))
                let offset = batch.textOffset + range.lowerBound
                try take(UnsafeRawBufferPointer(rebasing: text[range]), offset, batch.confidence)
            }
        }
    }

    private func take(_ row: UnsafeRawBufferPointer, _ offset: Int, _ confidence: Confidence) throws {
        let tag = DumpManifest.tag(row)
        guard let place = place(of: tag) else {
            unmatchedCount += 1
            unmatched.append((Array(row), offset, confidence))
            return try decideOnUnmatched(isEnd: false)
        }
        matched += 1
        found[place] = true
        if place != position || (held.isEmpty && place != blockStart(of: place)) {
            try releaseHeld()
            heldFrom = place
        }
        if held.isEmpty { heldFrom = place }
        held.append((Array(row), offset))
        position = place + 1
        if position == blockEnd(of: place) { try closeBlock(of: place) }
        if matched == DumpManifest.blockRows { try decideOnUnmatched(isEnd: false) }
    }

    /// Where the row with this tag is due: here, further on, or among those passed over.
    private func place(of tag: UInt32) -> Int? {
        if position < tags.count, tags[position] == tag, !found[position] { return position }
        guard searches < Self.searchesMax else { return nil }
        searches += 1
        let end = min(position + Self.windowRows, tags.count)
        if let near = (min(position, end)..<end).first(where: { tags[$0] == tag && !found[$0] }) { return near }
        return tags.indices.first { tags[$0] == tag && !found[$0] }
    }

    private func block(of row: Int) -> Int {
        var low = 0
        var high = starts.count - 1
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= row { low = middle } else { high = middle }
        }
        return low
    }

    private func blockStart(of row: Int) -> Int { starts[block(of: row)] }
    private func blockEnd(of row: Int) -> Int { starts[block(of: row) + 1] }

    private func closeBlock(of row: Int) throws {
        let block = block(of: row)
        guard heldFrom == starts[block], held.count == starts[block + 1] - starts[block] else {
            return try releaseHeld()
        }
        let text = held.flatMap(\.text)
        let leaf = try text.withUnsafeBytes { try DumpManifest.leaf($0) }
        isProvenBlock[block] = DumpManifest.hex(leaf) == known.blocks[block].sha256
        try releaseHeld(as: isProvenBlock[block] ? .proven : .intact)
    }

    /// Rows whose tags are right, of a block that is not whole, are intact: the manifest has each of them.
    private func releaseHeld(as confidence: Confidence = .intact) throws {
        for row in held { try send(row.text, row.offset, confidence) }
        held.removeAll(keepingCapacity: true)
    }

    private func send(_ text: [UInt8], _ offset: Int, _ confidence: Confidence) throws {
        try text.withUnsafeBufferPointer {
            try sender?.send(UnsafeBufferPointer(rebasing: $0.dropLast()), at: offset, as: confidence)
        }
    }

    /// A manifest of another dump matches nothing: it must condemn nothing.
    private func decideOnUnmatched(isEnd: Bool) throws {
        if fits == nil, isEnd || matched >= DumpManifest.blockRows || unmatchedCount >= Self.trialRows {
            fits = matched * 4 >= unmatchedCount
        }
        guard let fits else { return }
        for row in unmatched {
            let isKept = !fits || isChecked || Self.isSuspect(row.confidence)
            try send(row.text, row.offset, isKept ? row.confidence : .suspect(reason: "the manifest has no such row"))
        }
        unmatched.removeAll(keepingCapacity: true)
    }

    private static func isSuspect(_ confidence: Confidence) -> Bool {
        switch confidence {
        case .suspect, .inferred: true
        case .proven, .intact: false
        }
    }

    func finish(_ summary: TableSummary) throws -> TableSummary {
        try releaseHeld()
        try decideOnUnmatched(isEnd: true)
        try sender?.flush()
        guard fits != false else {
            note(
                .init(
                    fr: "le manifeste n’est pas de cette sauvegarde : rien de \(known.table) n’y a été comparé",
                    en: "the manifest is not of this dump: nothing of \(known.table) was held against it"))
            return summary
        }
        var proved = sender?.summary ?? TableSummary(table: known.table)
        proved.lost = found.count { !$0 }
        proved.isProven = summary.isProven
        reportLost()
        if unmatchedCount > 0 {
            note(
                .init(
                    fr: "\(unmatchedCount) lignes de \(known.table) ne sont pas dans le manifeste",
                    en: "\(unmatchedCount) rows of \(known.table) are not in the manifest"))
        }
        return proved
    }

    private func reportLost() {
        var row = 0
        var runs = 0
        while row < found.count, runs < 1000 {
            guard !found[row] else {
                row += 1
                continue
            }
            let first = row
            while row < found.count, !found[row] { row += 1 }
            runs += 1
            let (start, end) = (block(of: first) + 1, block(of: row - 1) + 1)
            note(
                .init(
                    fr:
                        "les lignes \(first + 1) à \(row) de \(known.table) sont perdues (blocs \(start) à \(end) du manifeste)",
                    en:
                        "rows \(first + 1) to \(row) of \(known.table) are lost (blocks \(start) to \(end) of the manifest)"
                ))
        }
    }

    private func note(_ words: DamageText) {
        damage.append(Damage(kind: .rows, range: 0..<0, table: known.table, explanation: words))
    }
}
