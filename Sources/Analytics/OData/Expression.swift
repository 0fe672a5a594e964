/// A constant of a `$filter`, its digits kept as they came.
enum Literal: Hashable, Sendable {
    case null
    case bool(Bool)
    case integer(String)
    case decimal(String)
    case text(String)
    case date(String)
    case timestamp(String)
}

enum BinaryOperator: String, Sendable, CaseIterable {
    case or, and, eq, ne, lt, le, gt, ge, add, sub, mul, div, divby, mod

    /// OData's order of operators, the loosest first.
    var strength: Int {
        switch self {
        case .or: 1
        case .and: 2
        case .eq, .ne: 3
        case .lt, .le, .gt, .ge: 4
        case .add, .sub: 5
        case .mul, .div, .divby, .mod: 6
        }
    }
}

/// A common expression: what `$filter` and `$orderby` are made of.
indirect enum ODataExpression: Hashable, Sendable {
    case literal(Literal)
    /// `montant`, or `client/segment` over one link.
    case path([String])
    case alias(String)
    case call(String, [ODataExpression])
    case not(ODataExpression)
    case negate(ODataExpression)
    case binary(BinaryOperator, ODataExpression, ODataExpression)
    case within(ODataExpression, [ODataExpression])

    /// False for what is the same in each row.
    var namesColumn: Bool {
        switch self {
        case .literal, .alias: false
        case .path: true
        case .call(_, let arguments): arguments.contains(where: \.namesColumn)
        case .not(let inner), .negate(let inner): inner.namesColumn
        case .binary(_, let left, let right): left.namesColumn || right.namesColumn
        case .within(let value, let list): value.namesColumn || list.contains(where: \.namesColumn)
        }
    }
}

struct OrderItem: Hashable, Sendable {
    let expression: ODataExpression
    let isDescending: Bool
}

struct ExpandItem: Hashable, Sendable {
    let link: String
    /// Empty: all columns.
    let select: [String]
}

enum AggregateMethod: String, Sendable {
    case sum, min, max, average, countdistinct
}

enum AggregateItem: Hashable, Sendable {
    case count(alias: String)
    case column([String], AggregateMethod, alias: String)
    /// A measure by its name.
    case measure(String, alias: String)

    var alias: String {
        switch self {
        case .count(let alias), .column(_, _, let alias), .measure(_, let alias): alias
        }
    }
}

/// `$apply`: filters, then one grouping, then filters of its rows.
struct Grouping: Hashable, Sendable {
    var before: [ODataExpression] = []
    var paths: [[String]] = []
    var items: [AggregateItem] = []
    var after: [ODataExpression] = []
}
