/// What a column holds, in the few types that Power BI, OData and PostgreSQL share.
public enum ColumnType: Sendable, Hashable {
    case bool, int32, int64, double, text, date, timestamp
    case decimal(precision: Int, scale: Int)

    public var isNumber: Bool {
        switch self {
        case .int32, .int64, .double, .decimal: true
        case .bool, .text, .date, .timestamp: false
        }
    }
}

public struct Column: Sendable, Hashable {
    public let name: String
    public let type: ColumnType
    public let isNullable: Bool

    public init(_ name: String, _ type: ColumnType, isNullable: Bool = false) {
        self.name = name
        self.type = type
        self.isNullable = isNullable
    }
}

/// A foreign key of one column: `client_cle` leads to `dim_client` and is called `client`.
public struct Link: Sendable, Hashable {
    public let name: String
    public let column: String
    public let target: String
    public let targetColumn: String

    public init(column: String, target: String, targetColumn: String) {
        name = column.hasSuffix("_cle") ? String(column.dropLast(4)) : column
        self.column = column
        self.target = target
        self.targetColumn = targetColumn
    }
}

/// A table of schema `bi` that its reader may see.
public struct Entity: Sendable, Hashable {
    public let name: String
    public let comment: String
    public let columns: [Column]
    /// The primary key's columns, in its order.
    public let key: [String]
    public let links: [Link]

    public init(name: String, comment: String = "", columns: [Column], key: [String], links: [Link] = []) {
        self.name = name
        self.comment = comment
        self.columns = columns
        self.key = key
        self.links = links
    }

    public var isFact: Bool { !name.hasPrefix("dim_") }

    public func column(_ name: String) -> Column? { columns.first { $0.name == name } }
    public func link(_ name: String) -> Link? { links.first { $0.name == name } }
}

/// The star schema as the database has it: the one definition that OData, Power BI and the consoles are made from.
public struct Model: Sendable, Hashable {
    public let entities: [Entity]
    private let places: [String: Int]

    public init(_ entities: [Entity]) {
        self.entities = entities
        places = Dictionary(entities.enumerated().map { ($1.name, $0) }) { first, _ in first }
    }

    public func entity(_ name: String) -> Entity? { places[name].map { entities[$0] } }
}
