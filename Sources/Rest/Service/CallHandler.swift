internal import HTTPTypes
internal import Postgres
internal import Web

/// GET, HEAD and POST of a function.
struct CallHandler {
    let context: RequestContext
    let carrier: Carrier

    init(_ context: RequestContext, _ carrier: Carrier) {
        self.context = context
        self.carrier = carrier
    }

    func respond(_ name: String) async throws -> ApiResponse {
        let name = QualifiedName(schema: context.schema, name: name)
        switch context.request.method {
        case .get, .head, .post: break
        case .options: return ApiResponse(status: .ok, fields: [.allow: "OPTIONS,GET,HEAD,POST"])
        default: throw RestError("PGRST101", 405, "Cannot use the \(context.request.method.rawValue) method on RPC")
        }
        var query = try QueryGrammar.parse(context.request.query, takesArguments: context.isReading)
        if context.isReading { query.parts[[], default: .init()].range = try context.range(query.root.range) }
        let call = try context.isReading ? read(name, query) : posted(name, query)
        let function = call.function
        let relation: Relation?
        if case .relation(let target) = function.result {
            relation = context.snapshot.relations[target]
        } else {
            relation = nil
        }
        var planner = Planner(context.snapshot, context.settings)
        let node = try planner.read(
            query, of: relation, from: .call(call), alias: name.name, limitsRows: function.returnsSet)
        return try await run(node, function)
    }

    private func run(_ node: ReadNode, _ function: Function) async throws -> ApiResponse {
        let format = try context.format(of: function)
        var flight = Flight(main: SQLText(), plan: format.plan, isReadOnly: context.isReading)
        flight.readsResponse = true
        let counts = context.preferences.count != nil && function.returnsSet
        var node = node
        // A page and the number of all rows are two looks at one call: made twice it would act twice.
        if counts, !node.range.isWhole, case .call(let call) = node.source { node.source = .called(call) }
        flight.main.answer(
            node, after: nil, as: context.isHead ? .none : format.shape, countsAll: counts, readsResponse: true)
        flight.rollsBack = context.rollsBack
        if !context.isReading, format.contentType.hasPrefix("application/vnd.pgrst.object"), !function.isScalar {
            let context = context
            flight.check = { answer throws(RestError) in try context.checkSingle(answer, format) }
        }
        let answer = try await Runner(carrier: carrier).run(flight, in: context)
        var response: ApiResponse
        if function.result == .void, answer.plan == nil {
            response = ApiResponse(status: .noContent)
            let applied = context.applied()
            if !applied.isEmpty { response.fields[.preferenceApplied] = applied }
        } else if function.isScalar, !function.returnsSet, answer.plan == nil {
            response = ApiResponse(
                status: .ok, fields: [.contentType: format.contentType], body: try raw(answer, format))
        } else {
            response = try context.rows(answer, node.range, format)
        }
        return try context.finish(response, answer)
    }

    private func raw(_ answer: Answer, _ format: Format) throws(RestError) -> [UInt8] {
        guard case .raw(isBinary: true) = format.shape else { return answer.body }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(answer.body.count / 2)
        var high: UInt8?
        for digit in answer.body {
            let value = digit < 58 ? digit &- 48 : digit &- 87
            if let first = high {
                bytes.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return bytes
    }

    // MARK: Arguments

    private func read(_ name: QualifiedName, _ query: RestQuery) throws(RestError) -> Call {
        let given = Dictionary(grouping: query.arguments, by: \.name).mapValues { $0.map(\.value) }
        let function = try FunctionFinder(snapshot: context.snapshot).find(
            name, names: Set(given.keys), bodyTypes: [], isReading: true)
        var arguments: [(Function.Parameter, Call.Argument)] = []
        for parameter in function.parameters {
            guard let values = given[parameter.name] else { continue }
            arguments.append(
                (parameter, parameter.isVariadic ? .values(values) : .value(values.last ?? "")))
        }
        return Call(function: function, arguments: arguments, body: [])
    }

    private func posted(_ name: QualifiedName, _ query: RestQuery) throws(RestError) -> Call {
        var body = context.request.body
        var names: Set<String> = []
        var types: Set<String> = []
        var isObject = false
        switch context.contentType {
        case "text/plain": types = ["text"]
        case "text/xml": types = ["xml"]
        case "application/octet-stream": types = ["bytea"]
        case "application/x-www-form-urlencoded":
            let payload = try Payload.read(body, type: context.contentType, columns: nil)
            body = Array(payload.first.utf8)
            names = Set(payload.keys)
            isObject = true
        case "application/json", "":
            types = ["json", "jsonb"]
            if body.isEmpty { body = Array("{}".utf8) }
            guard let value = try? JSONReader.read(body) else {
                throw RestError("PGRST102", 400, "Empty or invalid json")
            }
            isObject = value.members != nil
            names = Set((value.members ?? []).map(\.name))
            if let columns = query.columns { names = Set(columns) }
        default: throw RestError("PGRST102", 400, "Content-Type not acceptable: \(context.contentType)")
        }
        let finder = FunctionFinder(snapshot: context.snapshot)
        if !isObject {
            let whole = (context.snapshot.functions[name] ?? []).filter { function in
                function.bodyParameter.map { types.contains($0.type) } ?? false
            }
            guard let function = whole.first, let parameter = function.bodyParameter else {
                return Call(
                    function: try finder.find(name, names: [], bodyTypes: types, isReading: false), arguments: [],
                    body: body)
            }
            return Call(function: function, arguments: [(parameter, .body)], body: body)
        }
        let function = try finder.find(name, names: names, bodyTypes: types, isReading: false)
        if let parameter = function.bodyParameter {
            return Call(function: function, arguments: [(parameter, .body)], body: body)
        }
        let arguments = function.parameters.filter { names.contains($0.name) }.map { ($0, Call.Argument.member) }
        return Call(function: function, arguments: arguments, body: body)
    }
}
