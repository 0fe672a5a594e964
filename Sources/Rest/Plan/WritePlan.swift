/// A change of a relation's rows.
struct WritePlan: Sendable {
    enum Kind: Sendable {
        case insert(conflict: Conflict?)
        case update
        case delete
    }

    struct Conflict: Sendable {
        let columns: [String]
        let isMerging: Bool
    }

    let kind: Kind
    let relation: Relation
    /// Written columns, in the order of the relation's catalogue entry names.
    let columns: [Column]
    /// A JSON array of objects for an insert, an object for an update.
    let body: String
    /// Absent members take the column's default instead of NULL.
    let fillsDefaults: Bool
    let conditions: [PlannedCondition]
    /// What is given back of each row.
    let returned: [String]
    /// Nothing is written: an empty array, or an update without a column.
    let isEmpty: Bool

    /// The relation as the conditions see it.
    var node: ReadNode {
        ReadNode(source: .relation(relation.name), relation: relation, alias: relation.name.name)
    }
}

extension ReadNode {
    /// Columns of the rows that a write must give back for this node to be read from them.
    var columnsNeeded: [String] {
        var names: [String] = []
        for item in items {
            switch item {
            case .all: names += (relation?.columns ?? []).map(\.name)
            case .field(let field, _, _): names.append(field.name)
            case .aggregate(_, let field, _, _, _): if let field { names.append(field.name) }
            case .embed: break
            }
        }
        for term in order { if case .field(let field) = term.key { names.append(field.name) } }
        for embed in embeds {
            switch embed.relationship.cardinality {
            case .manyToMany(let junction): names += junction.ours.map(\.ours)
            default: names += embed.relationship.pairs.map(\.ours)
            }
        }
        var seen: Set<String> = []
        return names.filter { seen.insert($0).inserted }
    }
}
