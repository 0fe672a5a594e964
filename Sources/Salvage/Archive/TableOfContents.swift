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
    /// One past its last byte, when an entry was read.
    var end: Int?
    var damage: [Damage] = []

    /// More entries than this, or ids beyond it, are taken for damage.
    static let entriesMax = 5_000_000

    /// Layout: PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c, ReadToc.
    static func read(_ cursor: inout ArchiveCursor, _ header: ArchiveHeader) throws -> TableOfContents {
        var contents = TableOfContents()
        let start = cursor.offset
        var entryStart = start
        do {
            let count = try cursor.int()
            // pg_dump writes at least the encoding.
            guard (1...entriesMax).contains(count) else {
                throw ArchiveCursor.Broken(offset: start, reason: .init(fr: "\(count) entrées", en: "\(count) entries"))
            }
            for _ in 0..<count {
                entryStart = cursor.offset
                contents.entries.append(try entry(&cursor, header))
                contents.end = cursor.offset
            }
            contents.readUncounted(&cursor, header)
        } catch let broken as ArchiveCursor.Broken {
            contents.damage.append(
                Damage(
                    kind: .tableOfContents, range: entryStart..<max(broken.offset + 1, entryStart + 1),
                    explanation: .init(
                        fr: "le sommaire ne se lit pas plus loin : \(broken.reason.fr)",
                        en: "the table of contents can not be read on: \(broken.reason.en)")))
            contents.salvageEntries(&cursor, header, from: entryStart + 1)
        }
        return contents
    }

    /// The entries that stand behind `start`, where no header says where they begin.
    static func search(_ cursor: inout ArchiveCursor, _ header: ArchiveHeader, from start: Int) -> TableOfContents {
        var contents = TableOfContents()
        contents.salvageEntries(&cursor, header, from: start)
        return contents
    }

    /// Entries behind the last counted one: the count itself was damaged.
    private mutating func readUncounted(_ cursor: inout ArchiveCursor, _ header: ArchiveHeader) {
        var attempt = cursor
        var found = 0
        let start = cursor.offset
        while entries.count < Self.entriesMax, let entry = try? Self.entry(&attempt, header) {
            entries.append(entry)
            found += 1
            cursor = attempt
            end = attempt.offset
        }
        guard found > 0 else { return }
        damage.append(
            Damage(
                kind: .tableOfContents, range: start..<cursor.offset,
                explanation: .init(
                    fr: "le sommaire contient \(found) entrées de plus qu’il ne dit",
                    en: "the table of contents holds \(found) entries more than it says")))
    }

    /// Looks for further entries behind a broken one, byte by byte, over a bounded stretch.
    private mutating func salvageEntries(_ cursor: inout ArchiveCursor, _ header: ArchiveHeader, from start: Int) {
        var position = start
        var missed = 0
        let missedMax = 256 << 10
        while missed < missedMax, position < cursor.end {
            var attempt = cursor
            attempt.offset = position
            if Self.mayBegin(&attempt), let entry = try? Self.entry(&attempt, header) {
                entries.append(entry)
                cursor = attempt
                position = attempt.offset
                end = position
                missed = 0
            } else {
                position += 1
                missed += 1
            }
        }
    }

    /// A quick look: an id, the mark of data, and a short number's length.
    private static func mayBegin(_ cursor: inout ArchiveCursor) -> Bool {
        let step = 1 + cursor.intSize
        guard let id = cursor.peek(cursor.offset), (1...entriesMax).contains(id),
            let hadData = cursor.peek(cursor.offset + step), hadData == 0 || hadData == 1,
            let length = cursor.peek(cursor.offset + 2 * step), (1...16).contains(length)
        else { return false }
        return true
    }

    /// One entry; every field that has a known form must be of it, so that damage is not read as contents.
    private static func entry(_ cursor: inout ArchiveCursor, _ header: ArchiveHeader) throws -> ArchiveEntry {
        var entry = ArchiveEntry()
        entry.offset = cursor.offset
        func broken(_ reason: DamageText) -> ArchiveCursor.Broken {
            ArchiveCursor.Broken(offset: entry.offset, reason: reason)
        }
        entry.dumpID = try cursor.int()
        guard (1...entriesMax).contains(entry.dumpID) else {
            throw broken(.init(fr: "une entrée de numéro \(entry.dumpID)", en: "an entry of id \(entry.dumpID)"))
        }
        let hadData = try cursor.int()
        guard hadData == 0 || hadData == 1 else {
            throw broken(
                .init(
                    fr: "la marque de données d’une entrée est \(hadData)", en: "an entry's mark of data is \(hadData)")
            )
        }
        entry.hadData = hadData == 1
        guard try cursor.number(), try cursor.number() else {
            throw broken(
                .init(fr: "une entrée sans le numéro de son objet", en: "an entry without its object's number"))
        }
        entry.tag = try cursor.string() ?? ""
        entry.kind = try cursor.string(bytesMax: 64) ?? ""
        guard entry.isPlausible else {
            throw broken(
                .init(
                    fr: "une entrée de genre « \(entry.kind.prefix(20)) »",
                    en: "an entry of kind “\(entry.kind.prefix(20))”"))
        }
        if header.minor >= 11 {
            let section = try cursor.int()
            guard (1...4).contains(section) else {
                throw broken(.init(fr: "une entrée de section \(section)", en: "an entry of section \(section)"))
            }
        }
        entry.definition = try cursor.string() ?? ""
        entry.dropStatement = try cursor.string() ?? ""
        entry.copyStatement = try cursor.string() ?? ""
        entry.schema = try cursor.string() ?? ""
        _ = try cursor.string()
        if header.minor >= 14 { _ = try cursor.string() }
        if header.minor >= 16 { _ = try cursor.int() }
        entry.owner = try cursor.string() ?? ""
        let withOids = try cursor.string(bytesMax: 16)
        guard withOids == "false" || withOids == "true" else {
            throw broken(.init(fr: "une entrée qui s’arrête trop tôt", en: "an entry that ends too early"))
        }
        while let dependency = try cursor.string(bytesMax: 16) {
            guard entry.dependencies.count < entriesMax, let id = Int(dependency) else {
                throw broken(.init(fr: "les dépendances d’une entrée", en: "an entry's dependencies"))
            }
            entry.dependencies.append(id)
        }
        if header.format == 1 {
            entry.dataOffset = try cursor.fileOffset()
        } else {
            entry.fileName = try cursor.string(bytesMax: 1024).flatMap { $0.isEmpty ? nil : $0 }
        }
        return entry
    }
}

extension ArchiveEntry {
    /// pg_dump's descriptions are upper-case words.
    fileprivate var isPlausible: Bool {
        !kind.isEmpty && kind.count < 40 && kind.utf8.allSatisfy { (65...90).contains($0) || $0 == 32 }
            && !tag.utf8.contains { $0 < 32 && $0 != 9 && $0 != 10 }
    }
}
