internal import HTTPTypes
internal import Postgres
internal import Web

/// POST, PUT, PATCH and DELETE of a relation.
struct WriteHandler {
    let context: RequestContext
    let carrier: Carrier

    init(_ context: RequestContext, _ carrier: Carrier) {
        self.context = context
        self.carrier = carrier
    }

    private var wantsRows: Bool { context.preferences.returning == .representation }

    func insert(into name: QualifiedName) async throws -> ApiResponse {
        let relation = try context.snapshot.relation(name, context.settings)
        let query = try QueryGrammar.parse(context.request.query, takesArguments: false)
        let payload = try Payload.read(context.request.body, type: context.contentType, columns: query.columns)
        var conflict: WritePlan.Conflict?
        if let resolution = context.preferences.resolution {
            let columns = query.onConflict ?? relation.primaryKey
            for column in columns where relation.column(column) == nil { throw Self.unknown(column, relation) }
            conflict = .init(columns: columns, isMerging: resolution == .mergeDuplicates)
        }
        let wantsKey = context.preferences.returning == .headersOnly
        let key = wantsKey ? relation.primaryKey : []
        let (node, returned) = try read(query, relation, extra: key)
        let plan = WritePlan(
            kind: .insert(conflict: conflict), relation: relation, columns: try columns(payload, relation),
            body: payload.rows, fillsDefaults: context.preferences.missingDefault == true, conditions: [],
            returned: returned, isEmpty: payload.count == 0)
        let answer = try await run(plan, node, key: payload.count == 1 ? key : [])
        var response = try self.response(answer, node, status: 201, empty: 201)
        response.fields[.contentRange] = "*/" + (context.preferences.count == nil ? "*" : "\(answer.rowCount)")
        if let location = Self.location(relation, key, answer.key) { response.fields[.location] = location }
        return try context.finish(response, answer)
    }

    /// One row, by its whole key.
    func put(into name: QualifiedName) async throws -> ApiResponse {
        let relation = try context.snapshot.relation(name, context.settings)
        let query = try QueryGrammar.parse(context.request.query, takesArguments: false)
        guard context.request.fields[.range] == nil else { throw Self.rangeRefused(context.request.method) }
        let asked = try keys(query, relation)
        let payload = try Payload.read(context.request.body, type: context.contentType, columns: query.columns)
        guard payload.count == 1, let object = try? JSONReader.read(payload.first),
            asked.allSatisfy({ object[$0.key].map(Self.text) == $0.value })
        else {
            throw RestError("PGRST115", 400, "Payload values do not match URL in primary key column(s)")
        }
        let (node, returned) = try read(query, relation, extra: [])
        let plan = WritePlan(
            kind: .insert(conflict: .init(columns: relation.primaryKey, isMerging: true)), relation: relation,
            columns: try columns(payload, relation), body: payload.rows, fillsDefaults: false, conditions: [],
            returned: returned, isEmpty: false)
        let answer = try await run(plan, node)
        return try context.finish(try response(answer, node, status: 200, empty: 204), answer)
    }

    private func keys(_ query: RestQuery, _ relation: Relation) throws(RestError) -> [String: String] {
        var found: [String: String] = [:]
        for condition in query.root.conditions {
            if case .filter(let filter) = condition, !filter.isNegated, filter.field.path.isEmpty,
                case .compare(.eq, nil, let value) = filter.operation
            {
                found[filter.field.name] = value
            }
        }
        guard !relation.primaryKey.isEmpty, found.count == query.root.conditions.count,
            Set(found.keys) == Set(relation.primaryKey)
        else {
            throw RestError(
                "PGRST105", 405, "Filters must include all and only primary key columns with 'eq' operators")
        }
        return found
    }

    private static func text(_ value: JSON) -> String {
        switch value {
        case .string(let text): text
        default: value.text
        }
    }

    func update(_ name: QualifiedName) async throws -> ApiResponse {
        let relation = try context.snapshot.relation(name, context.settings)
        let query = try QueryGrammar.parse(context.request.query, takesArguments: false)
        let payload = try Payload.read(context.request.body, type: context.contentType, columns: query.columns)
        let (node, returned) = try read(query, relation, extra: [])
        let columns = try columns(payload, relation)
        let plan = WritePlan(
            kind: .update, relation: relation, columns: columns, body: payload.first, fillsDefaults: false,
            conditions: try conditions(query, relation), returned: returned, isEmpty: columns.isEmpty)
        var answer = Answer()
        if plan.isEmpty {
            answer.body = Array("[]".utf8)
        } else {
            answer = try await run(plan, node)
        }
        var response = try self.response(answer, node, status: 200, empty: 204)
        response.fields[.contentRange] = RequestContext.contentRange(
            0, answer.rowCount, context.preferences.count == nil ? nil : answer.rowCount)
        return try context.finish(response, answer)
    }

    func delete(from name: QualifiedName) async throws -> ApiResponse {
        let relation = try context.snapshot.relation(name, context.settings)
        let query = try QueryGrammar.parse(context.request.query, takesArguments: false)
        let (node, returned) = try read(query, relation, extra: [])
        let plan = WritePlan(
            kind: .delete, relation: relation, columns: [], body: "", fillsDefaults: false,
            conditions: try conditions(query, relation), returned: returned, isEmpty: false)
        let answer = try await run(plan, node)
        var response = try self.response(answer, node, status: 200, empty: 204)
        response.fields[.contentRange] = "*/" + (context.preferences.count == nil ? "*" : "\(answer.rowCount)")
        return try context.finish(response, answer)
    }

    // MARK: Parts

    /// The read of what is written, when rows are wanted, and the columns that the write gives back for it.
    private func read(
        _ query: RestQuery, _ relation: Relation, extra: [String]
    ) throws(RestError) -> (ReadNode?, [String]) {
        guard query.root.range.isWhole else { throw Self.rangeRefused(context.request.method) }
        // Without rows to show, what belongs to an embedded relation belongs to nothing: said, never left out.
        guard wantsRows || query.parts.keys.contains(where: { !$0.isEmpty }) else { return (nil, extra) }
        var query = query
        query.parts[[], default: .init()].conditions = []
        query.parts[[], default: .init()].range = RowRange()
        var planner = Planner(context.snapshot, context.settings)
        var node = try planner.read(
            query, of: relation, from: .written, alias: relation.name.name, limitsRows: false)
        node.range = RowRange()
        return wantsRows ? (node, node.columnsNeeded) : (nil, extra)
    }

    private static func rangeRefused(_ method: HTTPRequest.Method) -> RestError {
        RestError(
            "PGRST114", 400, "limit/offset querystring parameters are not allowed for \(method.rawValue)",
            hint: "A write touches every row of its filters: narrow them instead.")
    }

    private func conditions(_ query: RestQuery, _ relation: Relation) throws(RestError) -> [PlannedCondition] {
        var filters = RestQuery()
        filters.parts[[]] = .init(conditions: query.root.conditions)
        var planner = Planner(context.snapshot, context.settings)
        return try planner.read(
            filters, of: relation, from: .relation(relation.name), alias: relation.name.name, limitsRows: false
        ).conditions
    }

    private func columns(_ payload: Payload, _ relation: Relation) throws(RestError) -> [Column] {
        var columns: [Column] = []
        for key in payload.keys {
            guard let column = relation.column(key) else { throw Self.unknown(key, relation) }
            columns.append(column)
        }
        return columns
    }

    private static func unknown(_ column: String, _ relation: Relation) -> RestError {
        RestError(
            "PGRST204", 400,
            "Could not find the '\(column)' column of '\(relation.name.name)' in the schema cache")
    }

    private func run(_ plan: WritePlan, _ node: ReadNode?, key: [String] = []) async throws -> Answer {
        let format = try context.format()
        var flight = Flight(main: SQLText(), plan: format.plan, isReadOnly: false)
        flight.readsResponse = true
        flight.main.answer(
            node, after: plan, as: node == nil ? .none : format.shape, readsResponse: true, key: key)
        let context = context
        let most = context.preferences.isStrict == true ? context.preferences.maxAffected : nil
        let isSingle = node != nil && format.contentType.hasPrefix("application/vnd.pgrst.object")
        if most != nil || isSingle {
            flight.check = { answer throws(RestError) in
                if isSingle { try context.checkSingle(answer, format) }
                guard let most, answer.rowCount > most else { return }
                throw RestError(
                    "PGRST124", 400, "Query result exceeds max-affected preference constraint",
                    details: "The query affects \(answer.rowCount) rows")
            }
        }
        flight.rollsBack = context.rollsBack
        return try await Runner(carrier: carrier).run(flight, in: context)
    }

    private func response(
        _ answer: Answer, _ node: ReadNode?, status: Int, empty: Int
    ) throws(RestError) -> ApiResponse {
        let format = try context.format()
        var fields: HTTPFields = [:]
        let applied = context.applied(count: true, write: true)
        if !applied.isEmpty { fields[.preferenceApplied] = applied }
        if let plan = answer.plan {
            fields[.contentType] = format.contentType
            return ApiResponse(status: .ok, fields: fields, body: plan)
        }
        guard node != nil else { return ApiResponse(status: .init(code: empty), fields: fields) }
        fields[.contentType] = format.contentType
        return ApiResponse(status: .init(code: status), fields: fields, body: answer.body)
    }

    /// `/clients?id=eq.7`
    private static func location(_ relation: Relation, _ key: [String], _ values: String?) -> String? {
        guard !key.isEmpty, let values, let texts = (try? JSONReader.read(values))?.array, texts.count == key.count
        else {
            return nil
        }
        let pairs = zip(key, texts).map { name, value in
            PercentEncoding.encode(name) + "="
                + (value.string.map { "eq." + PercentEncoding.encode($0) } ?? "is.null")
        }
        return "/" + PercentEncoding.encode(relation.name.name) + "?" + pairs.joined(separator: "&")
    }
}
