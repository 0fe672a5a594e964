/// One step into a JSON value: `->` keeps JSON, `->>` makes text.
struct JSONStep: Hashable, Sendable {
    enum Key: Hashable, Sendable {
        case name(String)
        case index(Int32)
    }

    let key: Key
    let isText: Bool
}

/// A column, or a value inside of one.
struct FieldName: Hashable, Sendable {
    var name: String
    var path: [JSONStep] = []
}

enum Aggregate: String, Hashable, Sendable, CaseIterable {
    case avg, count, max, min, sum
}

/// What `select=` asks for, in order.
indirect enum SelectItem: Hashable, Sendable {
    case all
    case field(FieldName, alias: String?, cast: String?)
    /// `field` is nil for `count()`.
    case aggregate(Aggregate, FieldName?, alias: String?, fieldCast: String?, cast: String?)
    case relation(RelationItem)
}

struct RelationItem: Hashable, Sendable {
    var name: String
    var alias: String?
    /// A foreign key, a column or a junction that picks one of several relationships.
    var hint: String?
    var isInner = false
    var isSpread = false
    var items: [SelectItem]
    /// The name under which filters and the answer know it.
    var key: String { alias ?? name }
}

enum Operator: String, Hashable, Sendable, CaseIterable {
    case eq, neq, gt, gte, lt, lte, like, ilike, match, imatch, isdistinct
    case cs, cd, ov, sl, sr, nxr, nxl, adj
    case fts, plfts, phfts, wfts

    var sql: String {
        switch self {
        case .eq: "="
        case .neq: "<>"
        case .gt: ">"
        case .gte: ">="
        case .lt: "<"
        case .lte: "<="
        case .like: "like"
        case .ilike: "ilike"
        case .match: "~"
        case .imatch: "~*"
        case .isdistinct: "is distinct from"
        case .cs: "@>"
        case .cd: "<@"
        case .ov: "&&"
        case .sl: "<<"
        case .sr: ">>"
        case .nxr: "&<"
        case .nxl: "&>"
        case .adj: "-|-"
        case .fts, .plfts, .phfts, .wfts: "@@"
        }
    }

    /// The function that makes a text a search query.
    var textSearchFunction: String? {
        switch self {
        case .fts: "to_tsquery"
        case .plfts: "plainto_tsquery"
        case .phfts: "phraseto_tsquery"
        case .wfts: "websearch_to_tsquery"
        default: nil
        }
    }

    var takesQuantifier: Bool {
        switch self {
        case .eq, .like, .ilike, .gt, .gte, .lt, .lte, .match, .imatch: true
        default: false
        }
    }
}

enum Quantifier: String, Hashable, Sendable {
    case any, all
}

enum IsWord: String, Hashable, Sendable {
    case null, not_null, `true`, `false`, unknown

    var sql: String { self == .not_null ? "not null" : rawValue }
}

enum Operation: Hashable, Sendable {
    case compare(Operator, Quantifier?, value: String)
    /// Full text search with the configuration's name.
    case search(Operator, configuration: String?, value: String)
    case within([String])
    case `is`(IsWord)
}

struct Filter: Hashable, Sendable {
    var field: FieldName
    var isNegated = false
    var operation: Operation
}

indirect enum Condition: Hashable, Sendable {
    case filter(Filter)
    case group(isOr: Bool, isNegated: Bool, [Condition])
}

struct OrderTerm: Hashable, Sendable {
    /// The embedded to-one relation whose column it is.
    var relation: String?
    var field: FieldName
    var isDescending: Bool?
    var isNullsFirst: Bool?
}

/// Rows from `offset`, at most `limit`.
struct RowRange: Hashable, Sendable {
    var offset: Int64 = 0
    var limit: Int64?

    var isWhole: Bool { offset == 0 && limit == nil }
}

/// A request's query string, read. What belongs to an embedded relation is kept by its path.
struct RestQuery: Hashable, Sendable {
    struct Part: Hashable, Sendable {
        var conditions: [Condition] = []
        var order: [OrderTerm] = []
        var range = RowRange()
    }

    var select: [SelectItem] = [.all]
    var hasSelect = false
    /// Root under `[]`, embedded relations under their keys from the root down.
    var parts: [[String]: Part] = [:]
    var columns: [String]?
    var onConflict: [String]?
    /// Items without an operator: arguments of a function.
    var arguments: [Argument] = []

    struct Argument: Hashable, Sendable {
        let name: String
        let value: String
    }

    var root: Part { parts[[]] ?? Part() }
}
