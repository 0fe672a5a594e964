/// Reads a tar-format dump: toc.dat, one uncompressed member per table, restore.sql.
///
/// Member headers are of POSIX ustar (IEEE 1003.1): 512 bytes, octal sizes, a checksum of the header. A damaged header is
/// passed over by looking for the next sound one.
struct TarReader {
    struct Member {
        let name: String
        let range: Range<Int>
        /// False when the header was damaged and the member's place and name were deduced.
        let isSound: Bool
    }

    static let blockBytes = 512

    let file: DumpFile
    let catalog: StreamCatalog
    private(set) var inspection = Inspection(format: .tar)
    private let members: [Member]
    private let entries: [ArchiveEntry]

    init(file: DumpFile, shapes: [TableShape]) throws {
        self.file = file
        var damage: [Damage] = []
        members = try Self.members(of: file, &damage)
        var contents = TableOfContents()
        if let toc = members.first(where: { $0.name == "toc.dat" }) {
            var cursor = ArchiveCursor(window: FileWindow(file), offset: toc.range.lowerBound)
            do {
                let header = try cursor.header()
                contents = try TableOfContents.read(&cursor, header)
                inspection.describe(header, contents, isKnown: true)
                damage += contents.damage
            } catch let broken as ArchiveCursor.Broken {
                damage.append(
                    Damage(
                        kind: .headerLost, range: toc.range.lowerBound..<max(broken.offset, toc.range.lowerBound + 1),
                        explanation: "toc.dat can not be read: \(broken.reason)"))
            }
        } else {
            damage.append(Damage(kind: .headerLost, range: 0..<0, explanation: "toc.dat is not in the archive"))
        }
        inspection.damage = damage
        entries = contents.entries
        catalog = StreamCatalog(entries: contents.entries, shapes: shapes)
    }

    func read(progress: (Int) -> Void, emit: @escaping (ReadEvent) throws -> Void) throws -> ReadReport {
        var report = ReadReport()
        report.damage = inspection.damage
        let byFile = Dictionary(
            entries.filter { $0.kind == "TABLE DATA" }.map { ($0.fileName ?? "\($0.dumpID).dat", $0) },
            uniquingKeysWith: { first, _ in first })
        var seen: Set<String> = []
        for member in members where member.name.hasSuffix(".dat") && member.name != "toc.dat" {
            guard !member.name.hasPrefix("blob") else { continue }
            seen.insert(member.name)
            let stream: StreamCatalog.Stream
            if let entry = byFile[member.name] {
                stream = catalog.stream(of: entry)
            } else {
                let head = try file.read(
                    at: member.range.lowerBound, count: min(StreamCatalog.headBytes, member.range.count))
                stream = try catalog.stream(
                    of: Int(member.name.dropLast(4)) ?? 0, head: head, codec: .none, place: member.range.lowerBound)
            }
            try read(member, stream, progress, emit, &report)
        }
        for entry in entries where entry.kind == "TABLE DATA" && !seen.contains(entry.fileName ?? "\(entry.dumpID).dat")
        {
            let table = catalog.tableName(of: entry)
            report.tables.append(TableSummary(table: table))
            report.damage.append(
                Damage(
                    kind: .memberMissing, range: file.size..<file.size, table: table,
                    explanation: "the member \(entry.fileName ?? "") is not in the archive"))
        }
        return report
    }

    private func read(
        _ member: Member, _ stream: StreamCatalog.Stream, _ progress: (Int) -> Void,
        _ emit: @escaping (ReadEvent) throws -> Void, _ report: inout ReadReport
    ) throws {
        let reader = StreamReader(
            table: stream.table, columns: stream.columns, grammar: stream.grammar, source: member.name, codec: .none,
            emit: emit)
        let (summary, damage) = try reader.read { receive in
            var window = FileWindow(file)
            var offset = member.range.lowerBound
            while offset < member.range.upperBound,
                let count = try window.withBytes(
                    at: offset, atMost: min(256 << 10, member.range.upperBound - offset),
                    { bytes in
                        try receive(bytes, offset)
                        return bytes.count
                    })
            {
                offset += count
                progress(offset)
            }
            guard offset < member.range.upperBound else { return nil }
            return Damage(
                kind: .truncated, range: offset..<member.range.upperBound, table: stream.table,
                explanation: "the file ends before the member \(member.name) does")
        }
        report.tables.append(summary)
        report.damage += damage
    }

    private static func members(of file: DumpFile, _ damage: inout [Damage]) throws -> [Member] {
        var window = FileWindow(file)
        var members: [Member] = []
        var offset = 0
        while offset + blockBytes <= file.size {
            guard let block = try window.bytes(at: offset, count: blockBytes) else { break }
            if let (name, size) = header(block) {
                let start = offset + blockBytes
                members.append(Member(name: name, range: start..<(start + size), isSound: true))
                offset = start + (size + blockBytes - 1) / blockBytes * blockBytes
            } else if block.allSatisfy({ $0 == 0 }), try isTail(offset, file) {
                break
            } else {
                let next = try nextHeader(after: offset, &window) ?? file.size
                members.append(
                    Member(
                        name: try lostName(members, offset), range: (offset + blockBytes)..<next, isSound: false))
                damage.append(
                    Damage(
                        kind: .memberHeader, range: offset..<(offset + blockBytes),
                        explanation: "a member's header is damaged; the next sound one is at byte \(next)"))
                offset = next
            }
        }
        return members
    }

    /// The name of a member whose header is lost: not known, but unique.
    private static func lostName(_ members: [Member], _ offset: Int) throws -> String {
        members.isEmpty ? "toc.dat" : "perdu-\(offset).dat"
    }

    private static func isTail(_ offset: Int, _ file: DumpFile) throws -> Bool {
        file.size - offset <= 1 << 20
            ? try file.read(at: offset, count: file.size - offset).allSatisfy { $0 == 0 } : false
    }

    private static func nextHeader(after offset: Int, _ window: inout FileWindow) throws -> Int? {
        var position = offset + blockBytes
        while position + blockBytes <= window.size {
            if let block = try window.bytes(at: position, count: blockBytes), header(block) != nil { return position }
            position += blockBytes
        }
        return nil
    }

    /// Name and size, when the block is a header whose checksum holds.
    static func header(_ block: [UInt8]) -> (name: String, size: Int)? {
        guard block.count == blockBytes, block[257..<262].elementsEqual("ustar".utf8) else { return nil }
        guard let size = octal(block[124..<136]), let checksum = octal(block[148..<156]) else { return nil }
        var sum = 0
        for (index, byte) in block.enumerated() { sum += (148..<156).contains(index) ? 32 : Int(byte) }
        guard sum == checksum, size >= 0, size < 1 << 50 else { return nil }
        let name = String(decoding: block[..<100].prefix { $0 != 0 }, as: UTF8.self)
        return name.isEmpty ? nil : (name, size)
    }

    /// An octal number, or PostgreSQL's base-256 form for sizes over 8 GB (GNU: the first byte is 128).
    private static func octal(_ bytes: ArraySlice<UInt8>) -> Int? {
        if bytes.first == 128 {
            return bytes.dropFirst(5).reduce(0) { $0 &<< 8 | Int($1) }
        }
        var value = 0
        var hasDigits = false
        for byte in bytes {
            if byte == 32 || byte == 0 {
                if hasDigits { break }
                continue
            }
            guard (48...55).contains(byte) else { return nil }
            value = value << 3 | Int(byte - 48)
            hasDigits = true
        }
        return hasDigits ? value : nil
    }

    static func looksLikeTar(_ head: [UInt8]) -> Bool {
        head.count >= blockBytes && header(Array(head[..<blockBytes])) != nil
    }

    /// Whether a sound member header stands anywhere in the first megabytes.
    static func holdsMembers(_ file: DumpFile) throws -> Bool {
        var window = FileWindow(file)
        var offset = 0
        while offset + blockBytes <= min(file.size, 64 << 20) {
            if let block = try window.bytes(at: offset, count: blockBytes), header(block) != nil { return true }
            offset += blockBytes
        }
        return false
    }
}
