internal import HTTPTypes
public import Web

/// What a read shows of one relation.
public struct ShownRelation: Hashable, Sendable {
    /// `public.clients`
    public let relation: String
    /// Nil: every column.
    public let columns: [String]?

    public init(relation: String, columns: [String]?) {
        self.relation = relation
        self.columns = columns
    }
}

extension RestService {
    /// What an answer at `path` shows, by the plan that made it: relations that are embedded by a key or under another name
    /// count as what they are. Empty: no rows of a relation. Nil: it can not be planned now.
    ///
    /// - Parameter select: what the answered request had; nil when it had none.
    public func shown(path: String, select: String?, schema: String?, actor: Actor) -> [ShownRelation]? {
        let names = path.split(separator: "/", omittingEmptySubsequences: true).map { QueryItems.decodePath($0) ?? "" }
        guard let snapshot = try? cache.current() else { return nil }
        let schema = schema ?? snapshot.schemas.first ?? "public"
        var query = RestQuery()
        if let select {
            guard let items = try? SelectGrammar.parse(select) else { return nil }
            query.select = items
        }
        var found: [ShownRelation] = []
        switch names.count {
        case 0: return []
        case 1:
            let name = QualifiedName(schema: schema, name: names[0])
            guard let relation = snapshot.relations[name] else {
                // A batch's own requests are told one by one.
                return names[0] == "batch" ? [] : nil
            }
            guard let node = plan(query, relation, snapshot) else { return nil }
            node.collect(into: &found)
        case 2 where names[0] == "rpc":
            found.append(ShownRelation(relation: "rpc/" + names[1], columns: nil))
            for function in snapshot.functions[QualifiedName(schema: schema, name: names[1])] ?? [] {
                guard case .relation(let target) = function.result, let relation = snapshot.relations[target],
                    let node = plan(query, relation, snapshot)
                else { continue }
                node.collect(into: &found)
            }
        default: return []
        }
        return found
    }

    private func plan(_ query: RestQuery, _ relation: Relation, _ snapshot: Snapshot) -> ReadNode? {
        var planner = Planner(snapshot, settings)
        return try? planner.read(query, of: relation, from: .relation(relation.name), alias: relation.name.name)
    }
}

extension ReadNode {
    fileprivate func collect(into found: inout [ShownRelation]) {
        for case .embed(let index) in items { embeds[index].node.collect(into: &found) }
        guard let relation else { return }
        var columns: [String]? = []
        for item in items {
            switch item {
            case .all: columns = nil
            case .field(let field, _, _), .aggregate(_, .some(let field), _, _, _):
                // What a function makes of the row may be made of any column.
                if relation.column(field.name) == nil { columns = nil } else { columns?.append(field.name) }
            case .aggregate(_, .none, _, _, _), .embed: continue
            }
        }
        found.append(ShownRelation(relation: relation.name.schema + "." + relation.name.name, columns: columns))
    }
}
