/// Finds the relationship that `select=…,rel!hint(…)` means.
struct RelationFinder {
    let snapshot: Snapshot

    func find(_ item: RelationItem, from origin: QualifiedName) throws(RestError) -> Relationship {
        let all = snapshot.relationships[origin] ?? []
        let computed = all.filter { relationship in
            if case .computed(let function, _) = relationship.cardinality { function.name == item.name } else { false }
        }
        if let relationship = computed.first { return relationship }
        let found = all.filter { !$0.isComputed && $0.to.schema == origin.schema && matches($0, item.name, item.hint) }
        if found.count == 1, let only = found.first { return only }
        if found.isEmpty { throw missing(item, origin, all) }
        throw ambiguous(item, origin, found)
    }

    private func matches(_ relationship: Relationship, _ target: String, _ hint: String?) -> Bool {
        if relationship.isSelf {
            guard let hint else {
                return isColumn(target, of: relationship)
                    || (relationship.to.name == target && !relationship.isToOne)
            }
            return relationship.to.name == target && !relationship.isToOne && fits(relationship, hint: hint)
        }
        // A key's or column's name means the table behind it, not the views of that table.
        let isNamed =
            !isView(relationship.to) && (relationship.constraint == target || isColumn(target, of: relationship))
        guard relationship.to.name == target || isNamed else { return false }
        return hint.map { fits(relationship, hint: $0) } ?? true
    }

    private func isView(_ name: QualifiedName) -> Bool {
        let kind = snapshot.relations[name]?.kind
        return kind == .view || kind == .materialized
    }

    /// A key's single column on our side.
    private func isColumn(_ name: String, of relationship: Relationship) -> Bool {
        guard relationship.isToOne, relationship.pairs.count == 1 else { return false }
        return relationship.pairs[0].ours == name
    }

    private func fits(_ relationship: Relationship, hint: String) -> Bool {
        if relationship.constraint == hint, !hint.isEmpty { return true }
        if case .manyToMany(let junction) = relationship.cardinality {
            return junction.table.name == hint || junction.ourConstraint == hint || junction.theirConstraint == hint
        }
        guard relationship.pairs.count == 1 else { return false }
        return relationship.pairs[0].ours == hint || relationship.pairs[0].theirs == hint
    }

    private func missing(_ item: RelationItem, _ origin: QualifiedName, _ all: [Relationship]) -> RestError {
        let near = Nearest.name(item.name, among: all.map(\.to.name))
        let using = item.hint.map { " using the hint '\($0)'" } ?? ""
        return RestError(
            "PGRST200", 400,
            "Could not find a relationship between '\(origin.name)' and '\(item.name)' in the schema cache",
            details: "Searched for a foreign key relationship between '\(origin.name)' and '\(item.name)'\(using) "
                + "in the schema '\(origin.schema)', but no matches were found.",
            hint: near.map { "Perhaps you meant '\($0)' instead of '\(item.name)'." })
    }

    private func ambiguous(_ item: RelationItem, _ origin: QualifiedName, _ found: [Relationship]) -> RestError {
        let words = found.map { relationship -> String in
            switch relationship.cardinality {
            case .manyToMany(let junction): "\(item.name)!\(junction.table.name)"
            default: "\(item.name)!\(relationship.constraint)"
            }
        }
        return RestError(
            "PGRST201", 300,
            "Could not embed because more than one relationship was found for '\(origin.name)' and '\(item.name)'",
            details: found.map(describe).joined(separator: "; "),
            hint: "Try changing '\(item.name)' to one of the following: "
                + words.map { "'\($0)'" }.joined(separator: ", ")
                + ". Find the desired relationship in the 'details' key.")
    }

    private func describe(_ relationship: Relationship) -> String {
        switch relationship.cardinality {
        case .manyToMany(let junction):
            return "\(relationship.from.name) with \(relationship.to.name), many-to-many using \(junction.table.name)"
        default:
            let kind = relationship.isToOne ? "many-to-one" : "one-to-many"
            let pairs = relationship.pairs.map { "\($0.ours) with \($0.theirs)" }.joined(separator: ", ")
            return "\(relationship.from.name) with \(relationship.to.name), \(kind) using \(relationship.constraint)"
                + " (\(pairs))"
        }
    }
}
