/// What is known of a table: its name and its columns in the order of its COPY data.
public struct TableShape: Sendable, Hashable, Codable {
    /// With its schema: `public.clients`.
    public let name: String
    public let columns: [ColumnShape]

    public init(name: String, columns: [ColumnShape]) {
        self.name = name
        self.columns = columns
    }

    /// The shapes of the `CREATE TABLE` statements in `sql`; other statements are passed over.
    public static func parse(sql: String) throws(SalvageError) -> [TableShape] {
        let shapes = SQLSplitter.statements(of: Array(sql.utf8)).compactMap { CreateTableParser.shape(of: $0.text) }
        guard !shapes.isEmpty else {
            throw SalvageError(
                code: "shape_not_found", message: "there is no CREATE TABLE statement in the text",
                hint: "Give the tables as pg_dump --schema-only writes them.")
        }
        return shapes
    }
}

public struct ColumnShape: Sendable, Hashable, Codable {
    public let name: String
    public let type: ColumnType
    public let isNullable: Bool

    public init(name: String, type: ColumnType, isNullable: Bool = true) {
        self.name = name
        self.type = type
        self.isNullable = isNullable
    }
}

/// The types whose text form the reader can check. Any other is text to it.
public enum ColumnType: Sendable, Hashable, Codable {
    case smallint, integer, bigint
    case numeric(precision: Int?, scale: Int)
    case real
    case boolean
    case date, time, timestamp, timestamptz, interval
    case uuid, bytea, inet, json
    /// `limit` in characters.
    case text(limit: Int?)
    case character(length: Int)
    /// Anything else: an array, a domain, an enumeration.
    case other(String)

    /// The type of a raw table's column. Only types of PostgreSQL's own, so that nothing of the dump's is needed, and
    /// without lengths or scales: a broken one would round amounts, cut texts or stop the table from being made.
    public var safeSQL: String {
        switch self {
        case .smallint: "smallint"
        case .integer: "integer"
        case .bigint: "bigint"
        case .numeric: "numeric"
        case .real: "double precision"
        case .boolean: "boolean"
        case .date: "date"
        case .time: "time"
        case .timestamp: "timestamp"
        case .timestamptz: "timestamptz"
        case .interval: "interval"
        case .uuid: "uuid"
        case .bytea: "bytea"
        case .inet: "inet"
        case .json: "jsonb"
        case .character: "bpchar"
        case .text, .other: "text"
        }
    }
}
