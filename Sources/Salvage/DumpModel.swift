/// What a dump is and what it says it holds; made without reading the rows.
public struct Inspection: Sendable {
    public enum Format: String, Sendable, Codable {
        case custom, directory, tar, plain
    }

    public var format: Format
    /// `zlib`, `gzip`, `lz4`, `zstd`; nil for none.
    public var compression: String?
    public var archiveVersion: String?
    public var serverVersion: String?
    public var dumpToolVersion: String?
    public var databaseName: String?
    /// Local time of the machine that made the dump, as written in it.
    public var createdAt: String?
    public var objects: [DumpObject] = []
    public var damage: [Damage] = []

    public init(format: Format) { self.format = format }
}

/// One definition of the dump. It is text: it is judged, never run.
public struct DumpObject: Sendable, Hashable, Codable {
    /// The archive's word for it: `TABLE`, `FUNCTION`, `TRIGGER`, `ACL`, `META-COMMAND`, …
    public var kind: String
    public var schema: String
    public var name: String
    public var owner: String
    public var sql: String
    public var dropStatement: String
    public var copyStatement: String
    /// `byte 1234` or `line 56`.
    public var location: String
    /// Dump id of an archive's entry, 0 in a plain dump.
    public var dumpID: Int

    public init(
        kind: String, schema: String = "", name: String, owner: String = "", sql: String, dropStatement: String = "",
        copyStatement: String = "", location: String, dumpID: Int = 0
    ) {
        self.kind = kind
        self.schema = schema
        self.name = name
        self.owner = owner
        self.sql = sql
        self.dropStatement = dropStatement
        self.copyStatement = copyStatement
        self.location = location
        self.dumpID = dumpID
    }
}

/// What was found, in the two languages of a report. What a library says of its format stays as it says it.
public struct DamageText: Sendable, Hashable {
    public let fr: String
    public let en: String

    public init(fr: String, en: String) {
        self.fr = fr
        self.en = en
    }
}

/// Something broken in the dump, and where.
public struct Damage: Sendable, Hashable, Codable {
    public enum Kind: String, Sendable, Codable, CaseIterable {
        case headerLost = "header-lost"
        case tableOfContents = "table-of-contents"
        case truncated
        case framing
        case compressedData = "compressed-data"
        case checksum
        case bitFlip = "bit-flip"
        case hole
        case memberMissing = "member-missing"
        case memberHeader = "member-header"
        case rows
        case terminatorLost = "terminator-lost"
        case garbage
    }

    public var kind: Kind
    /// Bytes of the file (of the member's file in a directory dump).
    public var range: Range<Int>
    public var table: String?
    /// In English.
    public var explanation: String
    public var explanationFr: String

    public init(kind: Kind, range: Range<Int>, table: String? = nil, explanation: DamageText) {
        self.kind = kind
        self.range = range
        self.table = table
        self.explanation = explanation.en
        self.explanationFr = explanation.fr
    }

    var text: DamageText { DamageText(fr: explanationFr, en: explanation) }
}

/// How sure it is that a row is what the bank had.
public enum Confidence: Sendable, Hashable {
    /// A checksum that covers the row holds.
    case proven
    /// The row's bytes lie outside all located damage and are well formed; no checksum covers them.
    case intact
    /// Some of its bytes were deduced; the score is between 0 and 1.
    case inferred(score: Double)
    /// Implausible: not data.
    case suspect(reason: String)
}

/// Rows of one table, as lines of COPY text.
public struct RowBatch: Sendable {
    public let table: String
    public let columns: [String]
    /// Whole lines, each ending in a newline.
    public var text: [UInt8]
    /// Where each row begins in `text`.
    public var rowStarts: [Int]
    public var confidence: Confidence
    /// Where the batch was found in the file: the stream's name and the byte in its text.
    public let source: String
    public let textOffset: Int

    public var rowCount: Int { rowStarts.count }

    /// The bytes in `text` of the rows in `range`.
    public func bytes(ofRows range: Range<Int>) -> Range<Int> {
        let start = rowStarts[range.lowerBound]
        let end = range.upperBound < rowStarts.count ? rowStarts[range.upperBound] : text.count
        return start..<end
    }

    /// The rows of `range` as a batch of their own.
    func part(_ range: Range<Int>) -> RowBatch {
        guard !range.isEmpty, range.count < rowCount else { return self }
        let bytes = bytes(ofRows: range)
        return RowBatch(
            table: table, columns: columns, text: Array(text[bytes]),
            rowStarts: rowStarts[range].map { $0 - bytes.lowerBound }, confidence: confidence, source: source,
            textOffset: textOffset + bytes.lowerBound)
    }

    public func place(ofRow row: Int) -> String { "\(source), byte \(textOffset + rowStarts[row]) of its text" }
}

/// What the reader tells its caller, in this order per table: begin, rows…, end; `restart` takes back what was sent
/// since `begin`.
public enum ReadEvent: Sendable {
    case begin(table: String, columns: [String])
    case rows(RowBatch)
    /// The stream turned out to be damaged: forget the rows sent since `begin`; they come again, judged one by one.
    case restart(table: String)
    case end(TableSummary)
}

/// The rows of one table, by confidence, when all have been sent.
public struct TableSummary: Sendable {
    public let table: String
    public var proven = 0
    public var intact = 0
    public var inferred = 0
    public var suspect = 0
    /// Rows known to be missing; nil when nothing says how many there were.
    public var lost: Int?
    /// True when a checksum covers the whole stream and holds: the rows sent as `intact` are proven then.
    public var isProven = false
    /// In how many parts the dump brings these rows.
    public var parts = 1

    public init(table: String) { self.table = table }
}

/// What came of reading a dump.
public struct ReadReport: Sendable {
    public var tables: [TableSummary] = []
    public var damage: [Damage] = []
    /// Objects outside all tables. They may carry anything: they are counted, and never loaded.
    public var largeObjects = LargeObjects()

    public init() {}
}

/// The large objects of a dump, and the bytes that they take in it.
public struct LargeObjects: Sendable, Hashable, Codable {
    public var count = 0
    public var bytes: Int64 = 0

    public init() {}

    mutating func add(_ size: Int) {
        count += 1
        bytes += Int64(size)
    }

    /// The name of a file or member that holds one: `blob_16410.dat`.
    static func isFile(_ name: String) -> Bool { name.hasPrefix("blob_") && name.contains(".dat") }
}
