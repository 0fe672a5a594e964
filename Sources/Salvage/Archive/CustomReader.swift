/// Reads a custom-format archive.
struct CustomReader {
    let file: DumpFile
    let catalog: StreamCatalog
    private(set) var header = ArchiveHeader()
    private(set) var contents = TableOfContents()
    private(set) var damage: [Damage] = []
    private(set) var hasHeader = false

    init(file: DumpFile, shapes: [TableShape]) throws {
        self.file = file
        var cursor = ArchiveCursor(window: FileWindow(file), offset: 0)
        var contents = TableOfContents()
        do {
            header = try cursor.header()
            hasHeader = true
            contents = try TableOfContents.read(&cursor, header)
        } catch let broken as ArchiveCursor.Broken {
            damage.append(
                Damage(
                    kind: .headerLost, range: 0..<max(broken.offset, 1),
                    explanation: "the archive's header can not be read: \(broken.reason)"))
        }
        damage += contents.damage
        self.contents = contents
        catalog = StreamCatalog(entries: contents.entries, shapes: shapes)
    }

    var dataIDs: Set<Int>? {
        guard contents.end != nil else { return nil }
        return Set(
            contents.entries.filter { $0.hadData || $0.kind == "TABLE DATA" || $0.kind == "BLOBS" }.map(\.dumpID))
    }

    func read(progress: (Int) -> Void, emit: @escaping (ReadEvent) throws -> Void) throws -> ReadReport {
        var report = ReadReport()
        report.damage = damage
        var blocks = CustomBlocks(window: FileWindow(file), header: header, knownIDs: dataIDs)
        var position = contents.end ?? 0
        var seen: Set<Int> = []
        while position < file.size {
            progress(position)
            guard let block = blocks.block(at: position), position > 0 || contents.end != nil else {
                position = try skipDamage(from: position, &blocks, &report)
                continue
            }
            position = try readBlock(block, &blocks, &report, &seen, emit)
        }
        reportMissing(seen, &report)
        progress(file.size)
        return report
    }

    /// Looks for the next block behind bytes that are none.
    private func skipDamage(from position: Int, _ blocks: inout CustomBlocks, _ report: inout ReadReport) throws -> Int
    {
        let codec = hasHeader ? header.compression : nil
        let next = try blocks.nextBlock(after: position, codec: codec)?.offset ?? file.size
        if contents.end != nil || next > position, position > 0 || !hasHeader {
            report.damage.append(
                Damage(
                    kind: .framing, range: position..<next, explanation: "no table's data begins in these bytes"))
        }
        return next
    }

    private func readBlock(
        _ block: CustomBlocks.BlockStart, _ blocks: inout CustomBlocks, _ report: inout ReadReport,
        _ seen: inout Set<Int>, _ emit: @escaping (ReadEvent) throws -> Void
    ) throws -> Int {
        var end = CustomBlocks.BlockEnd.broken(at: block.dataOffset, reason: "not read")
        seen.insert(block.dumpID)
        guard !block.isLargeObjects else {
            return try skipLargeObjects(block, &blocks)
        }
        var probe = blocks
        let head = try Self.head(of: block, &probe)
        let codec = Codec.detect(head)
        let stream = try catalog.stream(of: block.dumpID, head: head, codec: codec, place: block.offset)
        let reader = StreamReader(
            table: stream.table, columns: stream.columns, grammar: stream.grammar, source: "entry \(block.dumpID)",
            codec: codec, emit: emit)
        var walker = blocks
        let (summary, damage) = try reader.read { receive in
            end = try walker.chunks(from: block.dataOffset, receive)
            if case .broken(let at, let reason) = end {
                return Damage(
                    kind: at >= file.size - 1 ? .truncated : .framing, range: at..<min(at + 1, max(file.size, at + 1)),
                    table: stream.table, explanation: reason)
            }
            return nil
        }
        report.tables.append(summary)
        report.damage += damage
        switch end {
        case .complete(let next): return next
        case .broken(let at, _):
            return try blocks.nextBlock(after: max(at, block.dataOffset), codec: codec)?.offset ?? file.size
        }
    }

    /// Large objects: for each an id and chunks; ended by id 0. They are not rows: nothing of them is loaded.
    private func skipLargeObjects(_ block: CustomBlocks.BlockStart, _ blocks: inout CustomBlocks) throws -> Int {
        var cursor = blocks.cursor
        cursor.offset = block.dataOffset
        while let id = try? cursor.int(), id != 0 {
            guard case .complete(let next) = try blocks.chunks(from: cursor.offset, { _, _ in }) else { break }
            cursor.offset = next
        }
        return max(cursor.offset, block.dataOffset)
    }

    private static func head(of block: CustomBlocks.BlockStart, _ blocks: inout CustomBlocks) throws -> [UInt8] {
        struct Enough: Error {}
        var head: [UInt8] = []
        do {
            _ = try blocks.chunks(from: block.dataOffset) { bytes, _ in
                head.append(contentsOf: bytes.prefix(StreamCatalog.headBytes - head.count))
                if head.count >= StreamCatalog.headBytes { throw Enough() }
            }
        } catch is Enough {}
        return head
    }

    private func reportMissing(_ seen: Set<Int>, _ report: inout ReadReport) {
        for entry in contents.entries where entry.kind == "TABLE DATA" && !seen.contains(entry.dumpID) {
            let table = catalog.tableName(of: entry)
            report.tables.append(TableSummary(table: table))
            report.damage.append(
                Damage(
                    kind: .memberMissing, range: file.size..<file.size, table: table,
                    explanation: "the data of \(table) is not in the file"))
        }
    }
}
