/// One entry of an archive's table of contents.
struct ArchiveEntry: Sendable {
    var dumpID = 0
    var hadData = false
    var tag = ""
    var kind = ""
    var definition = ""
    var dropStatement = ""
    var copyStatement = ""
    var schema = ""
    var owner = ""
    var dependencies: [Int] = []
    /// Custom format: where its data block is, when the archive says.
    var dataOffset: Int?
    /// Directory and tar: the member that holds its data.
    var fileName: String?
    /// Where the entry itself stands in the file.
    var offset = 0

    var object: DumpObject {
        DumpObject(
            kind: kind, schema: schema, name: tag, owner: owner, sql: definition, dropStatement: dropStatement,
            copyStatement: copyStatement, location: "byte \(offset)", dumpID: dumpID)
    }
}

/// The table of contents as far as it can be read.
struct TableOfContents: Sendable {
    var entries: [ArchiveEntry] = []
    /// One past its last byte, when it was read to its end.
    var end: Int?
    var damage: [Damage] = []

    /// More entries than this, or ids beyond it, are taken for damage.
    static let entriesMax = 5_000_000

    static func read(_ cursor: inout ArchiveCursor, _ header: ArchiveHeader) throws -> TableOfContents {
        var contents = TableOfContents()
        let start = cursor.offset
        do {
            let count = try cursor.int()
            guard (0...entriesMax).contains(count) else {
                throw ArchiveCursor.Broken(offset: start, reason: "\(count) entries")
            }
            for _ in 0..<count { contents.entries.append(try entry(&cursor, header)) }
            contents.end = cursor.offset
        } catch let broken as ArchiveCursor.Broken {
            contents.damage.append(
                Damage(
                    kind: .tableOfContents, range: broken.offset..<max(broken.offset + 1, cursor.offset),
                    explanation: "the table of contents can not be read on: \(broken.reason)"))
            contents.salvageEntries(&cursor, header, from: max(broken.offset, start))
        }
        return contents
    }

    /// Looks for further entries behind a broken one, byte by byte, over a bounded stretch.
    private mutating func salvageEntries(_ cursor: inout ArchiveCursor, _ header: ArchiveHeader, from start: Int) {
        var position = start + 1
        var missed = 0
        let missedMax = 1 << 20
        while missed < missedMax, position < cursor.window.size {
            var attempt = cursor
            attempt.offset = position
            if let entry = try? Self.entry(&attempt, header), entry.isPlausible {
                entries.append(entry)
                cursor = attempt
                position = attempt.offset
                missed = 0
            } else {
                position += 1
                missed += 1
            }
        }
    }

    private static func entry(_ cursor: inout ArchiveCursor, _ header: ArchiveHeader) throws -> ArchiveEntry {
        var entry = ArchiveEntry()
        entry.offset = cursor.offset
        entry.dumpID = try cursor.int()
        guard (1...entriesMax).contains(entry.dumpID) else {
            throw ArchiveCursor.Broken(offset: entry.offset, reason: "an entry of id \(entry.dumpID)")
        }
        entry.hadData = try cursor.int() != 0
        _ = try cursor.string()
        _ = try cursor.string()
        entry.tag = try cursor.string() ?? ""
        entry.kind = try cursor.string() ?? ""
        if header.minor >= 11 { _ = try cursor.int() }
        entry.definition = try cursor.string() ?? ""
        entry.dropStatement = try cursor.string() ?? ""
        entry.copyStatement = try cursor.string() ?? ""
        entry.schema = try cursor.string() ?? ""
        _ = try cursor.string()
        if header.minor >= 14 { _ = try cursor.string() }
        if header.minor >= 16 { _ = try cursor.int() }
        entry.owner = try cursor.string() ?? ""
        _ = try cursor.string()
        while let dependency = try cursor.string() {
            guard entry.dependencies.count < entriesMax else {
                throw ArchiveCursor.Broken(offset: cursor.offset, reason: "endless dependencies")
            }
            if let id = Int(dependency) { entry.dependencies.append(id) }
        }
        if header.format == 1 {
            entry.dataOffset = try cursor.fileOffset()
        } else {
            entry.fileName = try cursor.string()
        }
        return entry
    }
}

extension ArchiveEntry {
    /// Whether a find among damaged bytes looks like an entry: pg_dump's descriptions are upper-case words.
    fileprivate var isPlausible: Bool {
        !kind.isEmpty && kind.count < 40 && !tag.isEmpty
            && kind.utf8.allSatisfy { (65...90).contains($0) || $0 == 32 }
            && !tag.utf8.contains { $0 < 32 }
    }
}
