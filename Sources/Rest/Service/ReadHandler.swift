internal import Postgres
internal import Web

/// GET and HEAD of a relation.
struct ReadHandler {
    let context: RequestContext
    let carrier: Carrier

    init(_ context: RequestContext, _ carrier: Carrier) {
        self.context = context
        self.carrier = carrier
    }

    func respond(_ name: QualifiedName) async throws -> ApiResponse {
        let relation = try context.snapshot.relation(name, context.settings)
        var query = try QueryGrammar.parse(context.request.query, takesArguments: false)
        query.parts[[], default: .init()].range = try context.range(query.root.range)
        var planner = Planner(context.snapshot, context.settings)
        let node = try planner.read(query, of: relation, from: .relation(name), alias: name.name)
        let format = try context.format()
        var flight = Flight(main: SQLText(), plan: format.plan, isReadOnly: true)
        flight.readsResponse = context.settings.preRequest != nil
        let count = context.preferences.count
        flight.main.answer(
            node, after: nil, as: context.isHead ? .none : format.shape,
            countsAll: count == .exact || count == .estimated, readsResponse: flight.readsResponse)
        if count == .planned || count == .estimated {
            var counted = SQLText()
            counted.countSource(node)
            flight.counted = counted
        }
        var answer = try await Runner(carrier: carrier).run(flight, in: context)
        switch count {
        case .planned: answer.total = answer.planned
        case .estimated:
            if let most = context.settings.rowsMax, let planned = answer.planned, let total = answer.total, total > most
            {
                answer.total = max(planned, most)
            }
        case .exact, nil: break
        }
        return try context.finish(context.rows(answer, node.range, format), answer)
    }
}
