/// Where a node's rows come from.
enum Source: Sendable {
    case relation(QualifiedName)
    /// Rows that a write in front of the query gives back.
    case written
    case call(Call)
    /// What a call in front of the query gave, which is made once however often its rows are looked at.
    case called(Call)
}

/// A function with its arguments, as they are printed.
struct Call: Sendable {
    enum Argument: Sendable {
        /// A value bound as text and cast to the parameter's type.
        case value(String)
        /// Several values for a variadic parameter.
        case values([String])
        /// The member of the body that has the parameter's name.
        case member
        /// The body itself.
        case body
    }

    let function: Function
    let arguments: [(parameter: Function.Parameter, value: Argument)]
    /// The request's body when an argument needs it.
    let body: [UInt8]
}

/// One level of a read: a relation, what of it is shown, and what is embedded in it.
struct ReadNode: Sendable {
    var source: Source
    /// Nil for functions that give rows of no known relation.
    var relation: Relation?
    /// What the SQL calls it.
    var alias: String
    var items: [Item] = []
    var embeds: [Embed] = []
    var conditions: [PlannedCondition] = []
    var order: [PlannedOrder] = []
    var range = RowRange()

    enum Item: Sendable {
        case all
        case field(FieldName, name: String, cast: String?)
        case aggregate(Aggregate, FieldName?, name: String, fieldCast: String?, cast: String?)
        /// The embedded relation at this index of `embeds`.
        case embed(Int)
    }

    var hasAggregates: Bool {
        items.contains { item in
            switch item {
            case .aggregate: true
            case .embed(let index):
                embeds[index].isSpread && embeds[index].relationship.isToOne && embeds[index].node.hasAggregates
            case .all, .field: false
            }
        }
    }
}

/// A relation inside of another.
struct Embed: Sendable {
    var node: ReadNode
    let relationship: Relationship
    /// The name in the answer.
    let key: String
    let isInner: Bool
    let isSpread: Bool
    /// What the SQL calls its rows, and its junction.
    let rowsAlias: String
    let junctionAlias: String
    /// Columns of a to-one relation that the parent is ordered by.
    var orderFields: [FieldName] = []

    /// `rel()` joins and filters, and shows nothing.
    var isShown: Bool { !node.items.isEmpty }
}

indirect enum PlannedCondition: Sendable {
    case filter(Filter)
    /// Whether the embedded relation at the index has no row.
    case embedIsEmpty(Int, isNegated: Bool)
    case group(isOr: Bool, isNegated: Bool, [PlannedCondition])
}

struct PlannedOrder: Sendable {
    enum Key: Sendable {
        case field(FieldName)
        /// A column of an embed, by its place among the embed's `orderFields`.
        case embed(Int, Int)
    }

    let key: Key
    let isDescending: Bool?
    let isNullsFirst: Bool?
}
