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
            let (header, read, damage) = try Self.readContents(DumpFile(path: name))
            contents = read
            inspection.describe(header ?? ArchiveHeader(), contents, isKnown: header != nil)
            inspection.damage = damage
        } else {
            inspection.damage.append(
                Damage(
                    kind: .memberMissing, range: 0..<0, explanation: "toc.dat is missing: tables are told by their rows"
                ))
        }
        entries = contents.entries
        catalog = StreamCatalog(entries: contents.entries, shapes: shapes)
    }

    static func readContents(_ file: DumpFile) throws -> (ArchiveHeader?, TableOfContents, [Damage]) {
        var cursor = ArchiveCursor(window: FileWindow(file), offset: 0)
        do {
            let header = try cursor.header()
            let contents = try TableOfContents.read(&cursor, header)
            return (header, contents, contents.damage)
        } catch let broken as ArchiveCursor.Broken {
            let damage = Damage(
                kind: .headerLost, range: 0..<max(broken.offset, 1),
                explanation: "the header of \(file.path) can not be read: \(broken.reason)")
            return (nil, TableOfContents(), [damage])
        }
    }

    func read(progress: (Int) -> Void, emit: @escaping (ReadEvent) throws -> Void) throws -> ReadReport {
        var report = ReadReport()
        report.damage = inspection.damage
        let present = ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
        var done = 0
        var used: Set<String> = ["toc.dat"]
        for entry in entries where entry.kind == "TABLE DATA" {
            let stream = catalog.stream(of: entry)
            guard let member = Self.member(of: entry, among: present) else {
                report.tables.append(TableSummary(table: stream.table))
                report.damage.append(
                    Damage(
                        kind: .memberMissing, range: 0..<0, table: stream.table,
                        explanation: "\(entry.fileName ?? "\(entry.dumpID).dat") is missing"))
                continue
            }
            used.insert(member)
            try readMember(member, stream, &done, progress, emit, &report)
        }
        for member in present where !used.contains(member) && member.contains(".dat") && !member.hasPrefix("blob") {
            let id = Int(member.prefix { $0.isNumber }) ?? 0
            let file = try DumpFile(path: path + "/" + member)
            let head = try file.read(at: 0, count: StreamCatalog.headBytes)
            let stream = try catalog.stream(of: id, head: head, codec: Codec.detect(head), place: 0)
            try readMember(member, stream, &done, progress, emit, &report)
        }
        return report
    }

    private static func member(of entry: ArchiveEntry, among names: [String]) -> String? {
        let base = entry.fileName ?? "\(entry.dumpID).dat"
        return [base, base + ".gz", base + ".lz4", base + ".zst"].first { names.contains($0) }
    }

    private func readMember(
        _ member: String, _ stream: StreamCatalog.Stream, _ done: inout Int, _ progress: (Int) -> Void,
        _ emit: @escaping (ReadEvent) throws -> Void, _ report: inout ReadReport
    ) throws {
        let file = try DumpFile(path: path + "/" + member)
        let codec = try Codec.detect(file.read(at: 0, count: 16))
        let reader = StreamReader(
            table: stream.table, columns: stream.columns, grammar: stream.grammar, source: member, codec: codec,
            emit: emit)
        let base = done
        let (summary, damage) = try reader.read { receive in
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
                progress(base + offset)
            }
            return nil
        }
        done += file.size
        report.tables.append(summary)
        report.damage += damage
    }
}
