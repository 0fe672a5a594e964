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
        /// The size its header says, when it is another.
        var claimed: Int?
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
            let read = ArchiveContents.read(
                FileWindow(file), at: toc.range.lowerBound, limit: toc.range.upperBound, format: 3)
            contents = read.contents
            inspection.describe(read.header, contents, isKnown: read.hasHeader)
            damage += read.damage
        } else {
            damage.append(
                Damage(
                    kind: .headerLost, range: 0..<0,
                    explanation: .init(
                        fr: "toc.dat n’est pas dans l’archive",
                        en: "toc.dat is not in the archive")))
        }
        inspection.damage = damage
        entries = contents.entries
        catalog = StreamCatalog(entries: contents.entries, shapes: shapes)
    }

    func read(progress: (Int) -> Void, emit: @escaping (ReadEvent) throws -> Void) throws -> ReadReport {
        var report = ReadReport()
        report.damage = inspection.damage
        let byFile = Dictionary(
            entries.filter { $0.kind == "TABLE DATA" }.map { (Self.fileName(of: $0), $0) },
            uniquingKeysWith: { first, _ in first })
        var sources: [UncheckedRun.Source] = []
        var seen: Set<String> = []
        for member in members where LargeObjects.isFile(member.name) { report.largeObjects.add(member.range.count) }
        let data = members.filter {
            $0.name.hasSuffix(".dat") && $0.name != "toc.dat" && !LargeObjects.isFile($0.name)
        }
        let named = Set(data.map(\.name))
        var heads: [StreamCatalog.Head] = []
        for member in data {
            let entry = byFile[member.name] ?? (member.isSound ? nil : entry(after: seen, but: named))
            if let entry { seen.insert(Self.fileName(of: entry)) }
            let count = min(StreamCatalog.headBytes, member.range.count)
            let bytes = try file.read(at: member.range.lowerBound, count: count)
            let place = member.range.lowerBound
            heads.append(StreamCatalog.Head(id: entry?.dumpID ?? -place, place: place, bytes: bytes))
        }
        for (member, stream) in zip(data, catalog.streams(of: heads)) { sources.append(source(member, stream)) }
        let run = UncheckedRun(catalog: catalog, emit: emit)
        try run.read(sources)
        progress(file.size)
        report.tables = run.summaries
        report.damage += run.damage
        reportMissing(seen, &report)
        return report
    }

    private static func fileName(of entry: ArchiveEntry) -> String { entry.fileName ?? "\(entry.dumpID).dat" }

    /// A member without a name is the first of the contents' that has not been seen and has no member of its own.
    private func entry(after seen: Set<String>, but named: Set<String>) -> ArchiveEntry? {
        entries.first {
            $0.kind == "TABLE DATA" && !seen.contains(Self.fileName(of: $0)) && !named.contains(Self.fileName(of: $0))
        }
    }

    private func reportMissing(_ seen: Set<String>, _ report: inout ReadReport) {
        let read = Set(report.tables.map(\.table))
        for entry in entries where entry.kind == "TABLE DATA" && !seen.contains(Self.fileName(of: entry)) {
            let table = catalog.tableName(of: entry)
            guard !read.contains(table) else { continue }
            report.tables.append(TableSummary(table: table))
            report.damage.append(
                Damage(
                    kind: .memberMissing, range: file.size..<file.size, table: table,
                    explanation: .init(
                        fr: "le membre \(Self.fileName(of: entry)) n’est pas dans l’archive",
                        en: "the member \(Self.fileName(of: entry)) is not in the archive")))
        }
    }

    private func source(_ member: Member, _ stream: StreamCatalog.Stream) -> UncheckedRun.Source {
        let file = file
        return UncheckedRun.Source(
            stream: stream, name: member.name,
            feed: { receive in
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
                }
                if let claimed = member.claimed {
                    return Damage(
                        kind: .framing, range: member.range, table: stream.table,
                        explanation: .init(
                            fr:
                                "le membre \(member.name) devrait avoir \(claimed) octets : il en manque, ou il y en a trop",
                            en: "the member \(member.name) should have \(claimed) bytes: some are missing or too many"))
                }
                guard offset < member.range.upperBound else { return nil }
                return Damage(
                    kind: .truncated, range: offset..<member.range.upperBound, table: stream.table,
                    explanation: .init(
                        fr: "le fichier s’arrête avant le membre \(member.name)",
                        en: "the file ends before the member \(member.name) does"))
            }, endsInTerminator: true)
    }

    // MARK: Members

    /// Follows the headers. A size is believed when a header, or the archive's end, stands where it leads.
    private static func members(of file: DumpFile, _ damage: inout [Damage]) throws -> [Member] {
        var window = FileWindow(file)
        var members: [Member] = []
        var offset = 0
        while offset < file.size {
            let block = try window.bytes(at: offset, count: min(blockBytes, file.size - offset)) ?? []
            if let (name, size) = header(block) {
                let start = offset + blockBytes
                let (padded, overflow) = start.addingReportingOverflow(
                    (size + blockBytes - 1) / blockBytes * blockBytes)
                if !overflow, try isBoundary(padded, from: start, &window) {
                    members.append(Member(name: name, range: start..<min(start + size, file.size), isSound: true))
                    offset = padded
                    continue
                }
                let next = try nextHeader(after: start, &window)
                let end = next ?? (overflow ? file.size : min(start + size, file.size))
                members.append(Member(name: name, range: start..<end, isSound: true, claimed: size))
                damage.append(
                    Damage(
                        kind: end == file.size && next == nil ? .truncated : .memberHeader, range: offset..<start,
                        explanation: .init(
                            fr: "le membre \(name) ne finit pas où son en-tête le dit",
                            en: "the member \(name) does not end where its header says")))
                offset = next ?? file.size
            } else if block.allSatisfy({ $0 == 0 }), try isTail(offset, file) {
                break
            } else {
                let next = try nextHeader(after: offset + 1, &window) ?? file.size
                members.append(
                    Member(
                        name: members.isEmpty ? "toc.dat" : "perdu-\(offset).dat",
                        range: min(offset + blockBytes, next)..<next, isSound: false))
                damage.append(
                    Damage(
                        kind: .memberHeader, range: offset..<min(offset + blockBytes, file.size),
                        explanation: .init(
                            fr: "l’en-tête d’un membre est abîmé ; le suivant qui soit sain est à l’octet \(next)",
                            en: "a member's header is damaged; the next sound one is at byte \(next)")))
                offset = next
            }
        }
        return members
    }

    /// Whether the member that begins at `start` ends at `offset`: a header, the archive's closing zeros, or the end of the
    /// file stands there. A damaged header is still mostly zeros; but when a sound one stands shortly before or inside
    /// it, bytes are missing or too many.
    private static func isBoundary(_ offset: Int, from start: Int, _ window: inout FileWindow) throws -> Bool {
        if offset == window.size { return true }
        guard let block = try window.bytes(at: offset, count: blockBytes) else { return false }
        if header(block) != nil { return true }
        guard block.count(where: { $0 == 0 }) >= 200 else { return false }
        let next = try nextHeader(after: start, &window) ?? window.size
        return next >= offset + blockBytes
    }

    private static func isTail(_ offset: Int, _ file: DumpFile) throws -> Bool {
        file.size - offset <= 1 << 20
            ? try file.read(at: offset, count: file.size - offset).allSatisfy { $0 == 0 } : false
    }

    /// The next sound header at any byte: what is missing before it may have moved it off its grid.
    private static func nextHeader(after offset: Int, _ window: inout FileWindow) throws -> Int? {
        var position = offset
        while position + blockBytes <= window.size {
            let skip = try window.withBytes(at: position + 257, atMost: 1 << 20) { bytes in
                bytes.firstIndex(of: UInt8(ascii: "u")) ?? bytes.count
            }
            guard let skip else { return nil }
            position += skip
            if let block = try window.bytes(at: position, count: blockBytes), header(block) != nil { return position }
            position += 1
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
            guard value < 1 << 50 else { return nil }
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
