/// A table or view by its names.
struct QualifiedName: Hashable, Sendable {
    let schema: String
    let name: String
}

struct Column: Hashable, Sendable {
    let name: String
    /// As SQL names it, length and all: `character varying(30)`.
    let type: String
    /// The type under domains and without its length: `jsonb`, `text`, `int4`.
    let baseType: String
    let isNullable: Bool
    /// The default's SQL, as the catalogue prints it.
    let defaultSQL: String?
    /// Always generated: never written.
    let isGenerated: Bool
    let enumLabels: [String]
    let lengthMax: Int?
    let comment: String?

    var isJSON: Bool { baseType == "json" || baseType == "jsonb" }
    var isTextSearch: Bool { baseType == "tsvector" }
}

/// A table, view or the like that may be served.
struct Relation: Sendable {
    enum Kind: String, Sendable {
        case table = "r"
        case partitioned = "p"
        case view = "v"
        case materialized = "m"
        case foreign = "f"
    }

    let id: Int64
    let name: QualifiedName
    let kind: Kind
    /// Row level security holds for whoever asks: the table's own, or a view's with the caller's rights.
    let isGuarded: Bool
    let isInsertable: Bool
    let isUpdatable: Bool
    let isDeletable: Bool
    let comment: String?
    var columns: [Column] = []
    var primaryKey: [String] = []
    private var positions: [String: Int] = [:]

    init(
        id: Int64, name: QualifiedName, kind: Kind, isGuarded: Bool, isInsertable: Bool, isUpdatable: Bool,
        isDeletable: Bool, comment: String?
    ) {
        self.id = id
        self.name = name
        self.kind = kind
        self.isGuarded = isGuarded
        self.isInsertable = isInsertable
        self.isUpdatable = isUpdatable
        self.isDeletable = isDeletable
        self.comment = comment
    }

    mutating func add(_ column: Column) {
        positions[column.name] = columns.count
        columns.append(column)
    }

    func column(_ name: String) -> Column? { positions[name].map { columns[$0] } }
}

/// How rows of one relation find those of another.
struct Relationship: Hashable, Sendable {
    enum Cardinality: Hashable, Sendable {
        /// The foreign key is ours.
        case manyToOne
        /// The foreign key is theirs.
        case oneToMany
        /// Unique on the key's side; `isOurs`: the foreign key is ours.
        case oneToOne(isOurs: Bool)
        /// Through a junction that holds both keys.
        case manyToMany(Junction)
        /// A function of our row.
        case computed(function: QualifiedName, isToOne: Bool)
    }

    struct Junction: Hashable, Sendable {
        let table: QualifiedName
        let ourConstraint: String
        let theirConstraint: String
        /// Our column and the junction's.
        let ours: [ColumnPair]
        /// The junction's column and theirs.
        let theirs: [ColumnPair]
    }

    let from: QualifiedName
    let to: QualifiedName
    let cardinality: Cardinality
    /// The foreign key's name; empty for junctions and functions.
    let constraint: String
    /// Our column and theirs.
    let pairs: [ColumnPair]

    var isSelf: Bool { from == to }

    var isToOne: Bool {
        switch cardinality {
        case .manyToOne, .oneToOne: true
        case .computed(_, let isToOne): isToOne
        case .oneToMany, .manyToMany: false
        }
    }

    var isComputed: Bool { if case .computed = cardinality { true } else { false } }
}

struct ColumnPair: Hashable, Sendable {
    let ours: String
    let theirs: String
}

/// A function that may be called.
struct Function: Sendable {
    struct Parameter: Hashable, Sendable {
        let name: String
        let type: String
        let isRequired: Bool
        let isVariadic: Bool
    }

    enum Result: Hashable, Sendable {
        case void
        case scalar(type: String)
        /// Rows of a known relation.
        case relation(QualifiedName)
        /// Columns that the function names itself; none are known for a bare `record`.
        case columns([String])
    }

    let id: Int64
    let name: QualifiedName
    let parameters: [Parameter]
    let result: Result
    let returnsSet: Bool
    /// Changes nothing: immutable or stable.
    let isReadOnly: Bool
    let comment: String?

    var isScalar: Bool { if case .scalar = result { true } else { false } }

    /// The one parameter without a name that takes a whole body.
    var bodyParameter: Parameter? {
        guard parameters.count == 1, let only = parameters.first, only.name.isEmpty else { return nil }
        return ["json", "jsonb", "text", "xml", "bytea"].contains(only.type) ? only : nil
    }
}
