internal import Foundation

/// Reads a directory-format dump: toc.dat and one compressed file per table.
struct DirectoryReader {
    let path: String
    let catalog: StreamCatalog
    private(set) var inspection = Inspection(format: .directory)
    private let entries: [ArchiveEntry]

    init(path: String, shapes: [TableShape]) throws {
        self.path = path
        var contents = TableOfContents()
        let name = path + "/toc.dat"
        if FileManager.default.fileExists(atPath: name) {
            let file = try DumpFile(path: name, isMember: true)
            let read = ArchiveContents.read(FileWindow(file), at: 0, limit: file.size, format: 5)
            contents = read.contents
            inspection.describe(read.header, contents, isKnown: read.hasHeader)
            inspection.damage = read.damage
        } else {
            inspection.damage.append(
                Damage(
                    kind: .memberMissing, range: 0..<0,
                    explanation: .init(
                        fr: "toc.dat manque : les tables sont reconnues à leurs lignes",
                        en: "toc.dat is missing: tables are told by their rows")
                ))
        }
        entries = contents.entries
        catalog = StreamCatalog(entries: contents.entries, shapes: shapes)
    }

    func read(progress: (Int) -> Void, emit: @escaping (ReadEvent) throws -> Void) throws -> ReadReport {
        var report = ReadReport()
        report.damage = inspection.damage
        let present = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted {
            (Self.number(of: $0), $0) < (Self.number(of: $1), $1)
        }
        var members: [(name: String, head: StreamCatalog.Head)] = []
        for name in present where name != "toc.dat" && name.contains(".dat") {
            guard let file = try? DumpFile(path: path + "/" + name, isMember: true) else { continue }
            guard !LargeObjects.isFile(name) else {
                report.largeObjects.add(file.size)
                continue
            }
            let entry = entries.first { $0.kind == "TABLE DATA" && Self.names(of: $0).contains(name) }
            let id = entry?.dumpID ?? -Self.number(of: name)
            let head = try file.read(at: 0, count: StreamCatalog.headBytes)
            members.append((name, StreamCatalog.Head(id: id, place: Self.number(of: name), bytes: head)))
        }
        let streams = catalog.streams(of: members.map(\.head))
        try read(Array(zip(members.map(\.name), streams)), progress, emit, &report)
        let ids = Set(members.map(\.head.id))
        for entry in entries where entry.kind == "TABLE DATA" && !ids.contains(entry.dumpID) {
            let table = catalog.tableName(of: entry)
            guard !report.tables.contains(where: { $0.table == table }) else { continue }
            report.tables.append(TableSummary(table: table))
            report.damage.append(
                Damage(
                    kind: .memberMissing, range: 0..<0, table: table,
                    explanation: .init(
                        fr: "\(Self.names(of: entry)[0]) manque",
                        en: "\(Self.names(of: entry)[0]) is missing")))
        }
        return report
    }

    private func read(
        _ members: [(String, StreamCatalog.Stream)], _ progress: (Int) -> Void,
        _ emit: @escaping (ReadEvent) throws -> Void, _ report: inout ReadReport
    ) throws {
        var done = 0
        var unchecked: [UncheckedRun.Source] = []
        for (name, stream) in members {
            let file = try DumpFile(path: path + "/" + name, isMember: true)
            let codec = try Self.codec(of: name, file)
            if codec == .none {
                let feed: StreamReader.Feed = { receive in
                    try Self.feed(file, progress: { _ in }, receive)
                    return nil
                }
                unchecked.append(UncheckedRun.Source(stream: stream, name: name, feed: feed, endsInTerminator: true))
                continue
            }
            let reader = StreamReader(
                table: stream.table, columns: stream.columns, grammar: stream.grammar, source: name, codec: codec,
                emit: emit)
            let base = done
            let (summary, damage) = try reader.read { receive in
                try Self.feed(file, progress: { progress(base + $0) }, receive)
                return nil
            }
            done += file.size
            report.tables.append(summary)
            report.damage += damage
        }
        guard !unchecked.isEmpty else { return }
        let run = UncheckedRun(catalog: catalog, emit: emit)
        try run.read(unchecked)
        report.tables += run.summaries
        report.damage += run.damage
    }

    private static func feed(
        _ file: DumpFile, progress: (Int) -> Void, _ receive: (UnsafeBufferPointer<UInt8>, Int) throws -> Void
    ) throws {
        var window = FileWindow(file)
        var offset = 0
        while let count = try window.withBytes(
            at: offset, atMost: 256 << 10,
            { bytes in
                try receive(bytes, offset)
                return bytes.count
            })
        {
            offset += count
            progress(offset)
        }
    }

    /// By the first bytes; when these are of no format, by the name.
    private static func codec(of name: String, _ file: DumpFile) throws -> Codec {
        let found = try Codec.detect(file.read(at: 0, count: 16))
        guard found == .none else { return found }
        return name.hasSuffix(".gz") ? .gzip : name.hasSuffix(".lz4") ? .lz4 : name.hasSuffix(".zst") ? .zstd : .none
    }

    private static func number(of name: String) -> Int { Int(name.prefix { $0.isNumber }.prefix(9)) ?? 0 }

    private static func names(of entry: ArchiveEntry) -> [String] {
        let base = entry.fileName ?? "\(entry.dumpID).dat"
        return [base, base + ".gz", base + ".lz4", base + ".zst"]
    }
}
