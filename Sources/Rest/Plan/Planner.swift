/// Turns a request that was read into a plan over known relations, or says what it names that is not there.
struct Planner {
    let snapshot: Snapshot
    let settings: RestSettings
    private var counter = 0
    static let embedsMax = 64

    init(_ snapshot: Snapshot, _ settings: RestSettings) {
        self.snapshot = snapshot
        self.settings = settings
    }

    /// A read of `relation`, or of what stands before the query under its name.
    mutating func read(
        _ query: RestQuery, of relation: Relation?, from source: Source, alias: String, limitsRows: Bool = true
    ) throws(RestError) -> ReadNode {
        var node = ReadNode(source: source, relation: relation, alias: alias)
        var known: Set<[String]> = [[]]
        try fill(&node, query.select, query, path: [], limitsRows: limitsRows, &known)
        for path in query.parts.keys.sorted(by: { $0.joined() < $1.joined() }) where !known.contains(path) {
            throw notEmbedded(path.joined(separator: "."))
        }
        return node
    }

    private func notEmbedded(_ name: String) -> RestError {
        RestError(
            "PGRST108", 400, "'\(name)' is not an embedded resource in this request",
            hint: "Verify that '\(name)' is included in the 'select' query parameter.")
    }

    private mutating func fill(
        _ node: inout ReadNode, _ items: [SelectItem], _ query: RestQuery, path: [String], limitsRows: Bool,
        _ known: inout Set<[String]>
    ) throws(RestError) {
        for item in items {
            switch item {
            case .all: node.items.append(.all)
            case .field(let field, let alias, let cast):
                try check(field, in: node)
                node.items.append(.field(field, name: alias ?? field.shownName, cast: try typeName(cast)))
            case .aggregate(let function, let field, let alias, let fieldCast, let cast):
                guard settings.allowsAggregates else {
                    throw RestError("PGRST123", 400, "Use of aggregate functions is not allowed")
                }
                if let field { try check(field, in: node) }
                node.items.append(
                    .aggregate(
                        function, field, name: alias ?? function.rawValue, fieldCast: try typeName(fieldCast),
                        cast: try typeName(cast)))
            case .relation(let relation):
                try embed(relation, in: &node, query, path: path, limitsRows: limitsRows, &known)
            }
        }
        let part = query.parts[path] ?? RestQuery.Part()
        for condition in part.conditions { node.conditions.append(try plan(condition, in: node)) }
        for term in part.order { try plan(term, in: &node) }
        node.range = part.range
        if limitsRows, let most = settings.rowsMax { node.range.limit = min(node.range.limit ?? most, most) }
    }

    private mutating func embed(
        _ item: RelationItem, in node: inout ReadNode, _ query: RestQuery, path: [String], limitsRows: Bool,
        _ known: inout Set<[String]>
    ) throws(RestError) {
        guard let origin = node.relation?.name else {
            throw RestError(
                "PGRST200", 400, "Could not embed '\(item.name)': the rows are of no known table")
        }
        counter += 1
        guard counter <= Self.embedsMax, path.count < Cursor.depthMax else {
            throw RestError("PGRST100", 400, "more than \(Self.embedsMax) embedded resources")
        }
        let relationship = try RelationFinder(snapshot: snapshot).find(item, from: origin)
        let target = try snapshot.relation(relationship.to, settings)
        // Who belongs to whom is what a junction says: it is served like any table, or not at all.
        if case .manyToMany(let junction) = relationship.cardinality {
            _ = try snapshot.relation(junction.table, settings)
        }
        let number = counter
        var inner = ReadNode(
            source: .relation(relationship.to), relation: target, alias: "\(relationship.to.name)_\(number)")
        let innerPath = path + [item.key]
        known.insert(innerPath)
        try fill(&inner, item.items, query, path: innerPath, limitsRows: limitsRows, &known)
        node.items.append(.embed(node.embeds.count))
        node.embeds.append(
            Embed(
                node: inner, relationship: relationship, key: item.key, isInner: item.isInner, isSpread: item.isSpread,
                rowsAlias: "pgrst_r\(number)", junctionAlias: "pgrst_j\(number)"))
    }

    // MARK: Checks

    /// Rows of no known relation have the columns that their function names, or none that are known.
    private func check(_ field: FieldName, in node: ReadNode) throws(RestError) {
        if let relation = node.relation {
            guard snapshot.has(field.name, in: relation) else { throw Self.unknown(field.name, relation) }
        } else if case .call(let call) = node.source, case .columns(let names) = call.function.result, !names.isEmpty {
            guard names.contains(field.name) else {
                throw RestError("42703", 400, "column \(node.alias).\(field.name) does not exist")
            }
        }
    }

    static func unknown(_ column: String, _ relation: Relation) -> RestError {
        let near = Nearest.name(column, among: relation.columns.map(\.name))
        return RestError(
            "42703", 400, "column \(relation.name.name).\(column) does not exist",
            hint: near.map { "Perhaps you meant to reference the column \"\(relation.name.name).\($0)\"." })
    }

    private func typeName(_ cast: String?) throws(RestError) -> String? {
        guard let cast else { return nil }
        var name = cast.lowercased()
        var suffix = ""
        while name.hasSuffix("[]") {
            name.removeLast(2)
            suffix += "[]"
        }
        guard snapshot.typeNames.contains(name), suffix.utf8.count <= 4 else {
            throw RestError("42704", 400, "type \"\(cast)\" does not exist")
        }
        return (Self.isPlain(name) ? name : SQLText.quoted(name)) + suffix
    }

    private static func isPlain(_ name: String) -> Bool {
        name.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 || $0 == 32 }
    }

    private func plan(_ condition: Condition, in node: ReadNode) throws(RestError) -> PlannedCondition {
        switch condition {
        case .group(let isOr, let isNegated, let conditions):
            var planned: [PlannedCondition] = []
            for inner in conditions { planned.append(try plan(inner, in: node)) }
            return .group(isOr: isOr, isNegated: isNegated, planned)
        case .filter(let filter):
            if filter.field.path.isEmpty, node.relation.map({ !snapshot.has(filter.field.name, in: $0) }) ?? false,
                let index = node.embeds.firstIndex(where: { $0.key == filter.field.name })
            {
                guard case .is(let word) = filter.operation, word == .null || word == .not_null else {
                    throw RestError(
                        "PGRST120", 400, "Bad operator on the '\(filter.field.name)' embedded resource",
                        details: "Only is null or not is null filters are allowed on embedded resources")
                }
                return .embedIsEmpty(index, isNegated: filter.isNegated != (word == .not_null))
            }
            try check(filter.field, in: node)
            return .filter(filter)
        }
    }

    private func plan(_ term: OrderTerm, in node: inout ReadNode) throws(RestError) {
        guard let name = term.relation else {
            try check(term.field, in: node)
            node.order.append(
                PlannedOrder(
                    key: .field(term.field), isDescending: term.isDescending, isNullsFirst: term.isNullsFirst))
            return
        }
        guard let index = node.embeds.firstIndex(where: { $0.key == name }) else { throw notEmbedded(name) }
        guard node.embeds[index].relationship.isToOne else {
            throw RestError(
                "PGRST118", 400, "A related order on '\(name)' is not possible",
                details: "'\(node.alias)' and '\(name)' do not form a many-to-one or one-to-one relationship")
        }
        try check(term.field, in: node.embeds[index].node)
        node.embeds[index].orderFields.append(term.field)
        node.order.append(
            PlannedOrder(
                key: .embed(index, node.embeds[index].orderFields.count - 1), isDescending: term.isDescending,
                isNullsFirst: term.isNullsFirst))
    }
}

extension FieldName {
    /// What an answer calls it: the last key of a path, or the column.
    var shownName: String {
        for step in path.reversed() {
            if case .name(let name) = step.key { return name }
        }
        return name
    }
}
