/// Reads a custom-format archive.
struct CustomReader {
    let file: DumpFile
    let catalog: StreamCatalog
    private(set) var header = ArchiveHeader()
    private(set) var contents = TableOfContents()
    private(set) var damage: [Damage] = []
    private(set) var hasHeader = false
    /// Where each entry's data should begin, as far as the archive says.
    private let anchors: [Int: Int]
    /// The places of the anchors, in order.
    private let places: [Int]
    /// The entries that have data; nil when the contents may not name all of them.
    let dataIDs: Set<Int>?

    /// A block and the table its rows are of.
    private struct Found {
        let block: CustomBlocks.BlockStart
        let stream: StreamCatalog.Stream
    }

    init(file: DumpFile, shapes: [TableShape]) throws {
        self.file = file
        let read = ArchiveContents.read(FileWindow(file), at: 0, limit: file.size, format: 1)
        header = read.header
        hasHeader = read.hasHeader
        contents = read.contents
        damage = read.damage
        catalog = StreamCatalog(entries: contents.entries, shapes: shapes)
        anchors = Dictionary(
            contents.entries.compactMap { entry in
                entry.dataOffset.flatMap { $0 > 0 && $0 < file.size ? ($0, entry.dumpID) : nil }
            }, uniquingKeysWith: { first, _ in first })
        places = anchors.keys.sorted()
        let isWhole = read.hasHeader && read.contents.end != nil && read.contents.damage.isEmpty
        dataIDs =
            isWhole
            ? Set(
                contents.entries.filter { $0.hadData || $0.kind == "TABLE DATA" || $0.kind == "BLOBS" }.map(\.dumpID))
            : nil
    }

    /// Whether the table of contents names every table that has data.
    private var isListWhole: Bool { hasHeader && contents.end != nil && contents.damage.isEmpty }

    func read(progress: (Int) -> Void, emit: @escaping (ReadEvent) throws -> Void) throws -> ReadReport {
        var report = ReadReport()
        report.damage = damage
        let style: CustomBlocks.Style = try isUncompressed() ? .rows : .stream
        var blocks = CustomBlocks(window: FileWindow(file), header: header, knownIDs: dataIDs, style: style)
        let found = try findBlocks(&blocks, &report, progress)
        if style == .rows {
            try readUncompressed(found, blocks, &report, emit)
        } else {
            for one in found {
                progress(one.block.offset)
                try readStream(one, blocks, &report, emit)
            }
        }
        reportMissing(Set(found.map(\.block.dumpID)), Set(report.tables.map(\.table)), &report)
        progress(file.size)
        return report
    }

    private func isUncompressed() throws -> Bool {
        if hasHeader { return header.compression == .none }
        var probe = CustomBlocks(window: FileWindow(file), header: header, knownIDs: nil, style: .stream)
        if try probe.nextBlock(after: contents.end ?? 0) != nil { return false }
        return true
    }

    // MARK: Walking from block to block

    /// All blocks of rows, each with its table. Only the lengths are followed: the rows are not read here.
    private func findBlocks(
        _ blocks: inout CustomBlocks, _ report: inout ReadReport, _ progress: (Int) -> Void
    ) throws -> [Found] {
        var position = contents.end ?? 0
        var seen: Set<Int> = []
        var starts: [CustomBlocks.BlockStart] = []
        var broken: Set<Int> = []
        while position < file.size {
            guard let block = try nextBlock(at: &position, &blocks, seen, &report) else { break }
            let isCopy = !seen.insert(block.dumpID).inserted && !anchors.isEmpty
            if block.isLargeObjects {
                position = skipLargeObjects(block, &blocks, &report.largeObjects)
                continue
            }
            var isBroken = false
            let start = position
            switch try blocks.chunks(of: block, onBreak: { _ in isBroken = true }, { _, _ in }) {
            case .complete(let next): position = next
            case .broken(let at, _):
                position = max(at, block.dataOffset)
                isBroken = true
            }
            if isCopy {
                report.damage.append(
                    Damage(
                        kind: .framing, range: start..<max(position, start + 1),
                        table: catalog.tableName(of: block.dumpID),
                        explanation: .init(
                            fr: "les données de cette table commencent ici une seconde fois",
                            en: "the data of this table begins a second time here")))
                // A block that was copied into its own beginning: the whole one counts.
                guard !isBroken, broken.remove(block.dumpID) != nil,
                    let index = starts.firstIndex(where: { $0.dumpID == block.dumpID })
                else { continue }
                starts[index] = block
                continue
            }
            if isBroken { broken.insert(block.dumpID) }
            starts.append(block)
        }
        let heads = try starts.map {
            StreamCatalog.Head(id: $0.dumpID, place: $0.offset, bytes: try head(of: $0, blocks))
        }
        return zip(starts, catalog.streams(of: heads)).map { Found(block: $0, stream: $1) }
    }

    /// The block at `position`, or the next one behind damage; nil when none is left.
    private func nextBlock(
        at position: inout Int, _ blocks: inout CustomBlocks, _ seen: Set<Int>, _ report: inout ReadReport
    ) throws -> CustomBlocks.BlockStart? {
        let isStart = position == 0 && contents.end == nil
        if !isStart, let block = blocks.block(at: position), !seen.contains(block.dumpID) || anchors.isEmpty {
            return bounded(block)
        }
        if !isStart, let block = blocks.strongBlock(at: position), seen.contains(block.dumpID) {
            return bounded(block)
        }
        if !isStart, let id = anchors[position] ?? expectedID(seen), !seen.contains(id),
            let block = blocks.damagedBlock(at: position, dumpID: id)
        {
            report.damage.append(
                Damage(
                    kind: .framing, range: position..<block.dataOffset, table: catalog.tableName(of: id),
                    explanation: .init(
                        fr: "le début des données de cette table est abîmé : reconnu à sa place",
                        en: "the beginning of this table's data is damaged: told by its place")))
            return bounded(block)
        }
        let next = try blocks.nextBlock(after: position)
        if position > 0 || hasHeader {
            report.damage.append(
                Damage(
                    kind: .framing, range: position..<(next?.offset ?? file.size),
                    explanation: .init(
                        fr: "les données d’aucune table ne commencent dans ces octets",
                        en: "no table's data begins in these bytes")))
        }
        position = next?.offset ?? file.size
        return next.map(bounded)
    }

    /// The first table of the contents that has not been read.
    private func expectedID(_ seen: Set<Int>) -> Int? {
        guard isListWhole else { return nil }
        return contents.entries.first { $0.kind == "TABLE DATA" && !seen.contains($0.dumpID) }?.dumpID
    }

    private func firstPlace(behind offset: Int) -> Int {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            if places[middle] > offset { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// No block goes on past the place where another is known to begin.
    private func bounded(_ block: CustomBlocks.BlockStart) -> CustomBlocks.BlockStart {
        var bounded = block
        var probe = CustomBlocks(window: FileWindow(file), header: header, knownIDs: dataIDs, style: .stream)
        let later = places[firstPlace(behind: block.dataOffset)...]
        bounded.limit = later.first { probe.block(at: $0)?.dumpID == anchors[$0] } ?? file.size
        return bounded
    }

    private func readStream(
        _ found: Found, _ blocks: CustomBlocks, _ report: inout ReadReport,
        _ emit: @escaping (ReadEvent) throws -> Void
    ) throws {
        let codec = Codec.detect(try head(of: found.block, blocks))
        let reader = StreamReader(
            table: found.stream.table, columns: found.stream.columns, grammar: found.stream.grammar,
            source: "entry \(found.block.dumpID)", codec: codec, emit: emit)
        var walker = blocks
        let (summary, damage) = try reader.read { try Self.walk(found, &walker, $0) }
        report.tables.append(summary)
        report.damage += damage
    }

    private static func walk(
        _ found: Found, _ walker: inout CustomBlocks, _ receive: (UnsafeBufferPointer<UInt8>, Int) throws -> Void
    ) throws -> Damage? {
        var first: Range<Int>?
        let end = try walker.chunks(of: found.block, onBreak: { first = first ?? $0 }, receive)
        guard let first else { return nil }
        if case .broken(let at, let reason) = end, first.isEmpty {
            return Damage(kind: .truncated, range: at..<(at + 1), table: found.stream.table, explanation: reason)
        }
        return Damage(
            kind: .framing, range: first, table: found.stream.table,
            explanation: .init(
                fr: "les longueurs des morceaux de données sont fausses ici",
                en: "the lengths of the data's pieces are broken here"))
    }

    private func readUncompressed(
        _ found: [Found], _ blocks: CustomBlocks, _ report: inout ReadReport,
        _ emit: @escaping (ReadEvent) throws -> Void
    ) throws {
        let sources = found.map { one in
            UncheckedRun.Source(
                stream: one.stream, name: "entry \(one.block.dumpID)",
                feed: { receive in
                    var walker = blocks
                    return try Self.walk(one, &walker, receive)
                }, endsInTerminator: true)
        }
        let run = UncheckedRun(catalog: catalog, emit: emit)
        try run.read(sources)
        report.tables = run.summaries
        report.damage += run.damage
    }

    // MARK: Parts

    /// Large objects: for each an id and chunks; ended by id 0. They are not rows: nothing of them is loaded.
    private func skipLargeObjects(
        _ block: CustomBlocks.BlockStart, _ blocks: inout CustomBlocks, _ found: inout LargeObjects
    ) -> Int {
        var cursor = blocks.cursor
        cursor.offset = block.dataOffset
        while let id = try? cursor.int(), id != 0 {
            var size = 0
            while let length = try? cursor.int(), length > 0, length <= file.size - cursor.offset {
                cursor.offset += length
                size += length
            }
            found.add(size)
        }
        return max(cursor.offset, block.dataOffset)
    }

    private func head(of block: CustomBlocks.BlockStart, _ blocks: CustomBlocks) throws -> [UInt8] {
        struct Enough: Error {}
        var walker = blocks
        var head: [UInt8] = []
        do {
            _ = try walker.chunks(of: block, onBreak: { _ in }) { bytes, _ in
                head.append(contentsOf: bytes.prefix(StreamCatalog.headBytes - head.count))
                if head.count >= StreamCatalog.headBytes { throw Enough() }
            }
        } catch is Enough {}
        return head
    }

    private func reportMissing(_ seen: Set<Int>, _ names: Set<String>, _ report: inout ReadReport) {
        for entry in contents.entries where entry.kind == "TABLE DATA" && !seen.contains(entry.dumpID) {
            let table = catalog.tableName(of: entry)
            guard !names.contains(table) else { continue }
            report.tables.append(TableSummary(table: table))
            report.damage.append(
                Damage(
                    kind: .memberMissing, range: file.size..<file.size, table: table,
                    explanation: .init(
                        fr: "les données de \(table) ne sont pas dans le fichier",
                        en: "the data of \(table) is not in the file")))
        }
    }
}
