internal import Postgres
internal import Web

/// What a read becomes before it is sent.
struct PlannedRead {
    let node: ReadNode
    let format: Format
    let flight: Flight
}

extension RequestContext {
    func planRead(_ name: QualifiedName) throws(RestError) -> PlannedRead {
        let relation = try snapshot.relation(name, settings)
        var query = try QueryGrammar.parse(request.query, takesArguments: false)
        query.parts[[], default: .init()].range = try range(query.root.range)
        var planner = Planner(snapshot, settings)
        let node = try planner.read(query, of: relation, from: .relation(name), alias: name.name)
        let format = try format()
        var flight = Flight(main: SQLText(), plan: format.plan, isReadOnly: true)
        flight.readsResponse = settings.preRequest != nil
        let count = preferences.count
        if !isHead, format == .json, count == nil, !flight.readsResponse, node.isOneRow {
            flight.isRowWise = true
            flight.main.rowWise(node)
            return PlannedRead(node: node, format: format, flight: flight)
        }
        flight.main.answer(
            node, after: nil, as: isHead ? .none : format.shape,
            countsAll: count == .exact || count == .estimated, readsResponse: flight.readsResponse)
        if count == .planned || count == .estimated {
            var counted = SQLText()
            counted.countSource(node)
            flight.counted = counted
        }
        return PlannedRead(node: node, format: format, flight: flight)
    }
}

extension ReadNode {
    /// Whether a table's whole key is given: one row at most.
    ///
    /// Two aggregates over one row are a fifth of what its read costs the server.
    var isOneRow: Bool {
        guard let relation, [.table, .partitioned].contains(relation.kind), !relation.primaryKey.isEmpty,
            embeds.isEmpty, !hasAggregates, range.offset == 0
        else { return false }
        return relation.primaryKey.allSatisfy { column in
            conditions.contains { condition in
                guard case .filter(let filter) = condition, !filter.isNegated, filter.field.path.isEmpty,
                    filter.field.name == column, case .compare(.eq, nil, _) = filter.operation
                else { return false }
                return true
            }
        }
    }
}

/// GET and HEAD of a relation.
struct ReadHandler {
    let context: RequestContext
    let carrier: Carrier

    init(_ context: RequestContext, _ carrier: Carrier) {
        self.context = context
        self.carrier = carrier
    }

    func respond(_ name: QualifiedName) async throws -> ApiResponse {
        let plan = try context.planRead(name)
        var answer = try await Runner(carrier: carrier).run(plan.flight, in: context)
        switch context.preferences.count {
        case .planned: answer.total = answer.planned
        case .estimated:
            if let most = context.settings.rowsMax, let planned = answer.planned, let total = answer.total, total > most
            {
                answer.total = max(planned, most)
            }
        case .exact, nil: break
        }
        return try context.finish(context.rows(answer, plan.node.range, plan.format), answer)
    }
}
