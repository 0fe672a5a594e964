/// The first bytes of a custom, tar or directory archive: `PGDMP`, versions, sizes, date, names.
///
/// Layout: PostgreSQL's src/bin/pg_dump/pg_backup_archiver.c, ReadHead and WriteHead, versions 1.10 to 1.16.
struct ArchiveHeader: Sendable {
    var major = 1
    var minor = 14
    var revision = 0
    var intSize = 4
    var offsetSize = 8
    var format = 1
    var compression: Codec = .zlib
    var createdAt = ""
    var databaseName = ""
    var serverVersion = ""
    var dumpToolVersion = ""

    static let magic = Array("PGDMP".utf8)

    var version: String { "\(major).\(minor)" }
}

/// Reads the archive's integers, strings and offsets, never past the file or past a limit.
struct ArchiveCursor {
    var window: FileWindow
    var offset: Int
    var intSize = 4
    var offsetSize = 8
    /// One past the last byte that may be read: the end of a tar member.
    var limit = Int.max

    var end: Int { min(limit, window.size) }

    init(window: FileWindow, offset: Int) {
        self.window = window
        self.offset = offset
    }

    /// The bytes are not what they should be, at `offset`.
    struct Broken: Error {
        let offset: Int
        let reason: DamageText
    }

    /// A definition longer than this is taken for a damaged length.
    static let stringBytesMax = 64 << 20

    mutating func byte() throws -> Int {
        guard offset < limit, let byte = try window.byte(at: offset) else {
            throw Broken(offset: offset, reason: .init(fr: "le fichier s’arrête ici", en: "the file ends here"))
        }
        offset += 1
        return Int(byte)
    }

    mutating func int() throws -> Int {
        let start = offset
        let sign = try byte()
        guard sign <= 1 else {
            throw Broken(
                offset: start,
                reason: .init(fr: "pas un octet de signe d’entier (\(sign))", en: "no integer's sign byte (\(sign))"))
        }
        var value = 0
        for position in 0..<intSize {
            let part = try byte()
            if position < 7 {
                value |= part << (8 * position)
            } else if part != 0 {
                throw Broken(
                    offset: start, reason: .init(fr: "un entier de plus de 56 bits", en: "an integer beyond 56 bits"))
            }
        }
        return sign == 1 ? -value : value
    }

    /// The integer at `at`, without moving; nil when there is none. Throws nothing: searches call it for every byte.
    mutating func peek(_ at: Int) -> Int? {
        guard at >= 0, at < end - intSize, let sign = try? window.byte(at: at), sign <= 1 else { return nil }
        var value = 0
        for position in 0..<intSize {
            guard let part = try? window.byte(at: at + 1 + position) else { return nil }
            if position < 7 {
                value |= Int(part) << (8 * position)
            } else if part != 0 {
                return nil
            }
        }
        return sign == 1 ? -value : value
    }

    /// Nil for the archive's NULL.
    mutating func string(bytesMax: Int = stringBytesMax) throws -> String? {
        let start = offset
        let length = try int()
        if length < 0 {
            guard length == -1 else {
                throw Broken(
                    offset: start,
                    reason: .init(fr: "une chaîne de longueur \(length)", en: "a string of length \(length)"))
            }
            return nil
        }
        guard length <= bytesMax, length <= end - offset, let bytes = try window.bytes(at: offset, count: length) else {
            throw Broken(
                offset: start, reason: .init(fr: "une chaîne de longueur \(length)", en: "a string of length \(length)")
            )
        }
        offset += length
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Reads a string and says whether it is a number.
    mutating func number() throws -> Bool {
        guard let text = try string(bytesMax: 16) else { return false }
        return !text.isEmpty && text.utf8.allSatisfy(FieldForm.isDigit)
    }

    /// A position in the file; nil when the archive says it has none.
    mutating func fileOffset() throws -> Int? {
        let start = offset
        let flag = try byte()
        guard (1...3).contains(flag) else {
            throw Broken(
                offset: start,
                reason: .init(fr: "la marque d’une position vaut \(flag)", en: "an offset's flag of \(flag)"))
        }
        var value = 0
        for position in 0..<offsetSize {
            let part = try byte()
            if position < 7 { value |= part << (8 * position) }
        }
        return flag == 2 ? value : nil
    }

    mutating func header() throws -> ArchiveHeader {
        guard let magic = try window.bytes(at: offset, count: 5), magic == ArchiveHeader.magic else {
            throw Broken(
                offset: offset,
                reason: .init(
                    fr: "le mot magique de l’archive n’y est pas", en: "the archive's magic word is not there"))
        }
        offset += 5
        var header = ArchiveHeader()
        header.major = try byte()
        header.minor = try byte()
        header.revision = try byte()
        guard header.major == 1, (10...30).contains(header.minor) else {
            throw Broken(
                offset: offset - 3,
                reason: .init(
                    fr: "la version d’archive \(header.version) n’est pas connue",
                    en: "archive version \(header.version) is not known"))
        }
        header.intSize = try byte()
        header.offsetSize = try byte()
        header.format = try byte()
        guard (1...8).contains(header.intSize), (1...8).contains(header.offsetSize) else {
            throw Broken(
                offset: offset - 3,
                reason: .init(fr: "des entiers de \(header.intSize) octets", en: "integers of \(header.intSize) bytes"))
        }
        intSize = header.intSize
        offsetSize = header.offsetSize
        try readCompression(&header)
        let parts = try (0..<7).map { _ in try int() }
        header.createdAt = Self.date(parts)
        header.databaseName = try string() ?? ""
        header.serverVersion = try string() ?? ""
        header.dumpToolVersion = try string() ?? ""
        return header
    }

    private mutating func readCompression(_ header: inout ArchiveHeader) throws {
        if header.minor >= 15 {
            let algorithm = try byte()
            guard algorithm <= 3 else {
                throw Broken(
                    offset: offset - 1, reason: .init(fr: "la compression \(algorithm)", en: "compression \(algorithm)")
                )
            }
            header.compression = [.none, .zlib, .lz4, .zstd][algorithm]
        } else {
            header.compression = try int() == 0 ? .none : .zlib
        }
    }

    private static func date(_ parts: [Int]) -> String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return
            "\(parts[5] &+ 1900)-\(two(parts[4] &+ 1))-\(two(parts[3])) \(two(parts[2])):\(two(parts[1])):\(two(parts[0]))"
    }
}
