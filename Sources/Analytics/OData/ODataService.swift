internal import Cryptography
internal import HTTPTypes
internal import Postgres
public import Web

/// OData v4 over the star schema: values in, values out, without a server.
public struct ODataService: Sendable {
    public static let pageSizeDefault: Int64 = 5_000
    public static let pageSizeMax: Int64 = 20_000

    private let analytics: AnalyticsService
    /// Seconds since 1970.
    private let clock: @Sendable () -> Int64

    public init(_ analytics: AnalyticsService, clock: @escaping @Sendable () -> Int64) {
        self.analytics = analytics
        self.clock = clock
    }

    /// Answers one request below the service's root; what is refused is an answer too.
    ///
    /// - Parameter root: the service's own address, which links begin with.
    public func handle(_ request: ApiRequest, root: String) async -> ApiResponse {
        var response: ApiResponse
        do {
            response = try await answer(request, root: root)
        } catch {
            response = Self.response(error)
        }
        response.fields[.odataVersion] = "4.0"
        return Self.tagged(response, request)
    }

    private func answer(_ request: ApiRequest, root: String) async throws -> ApiResponse {
        if let least = request.fields[.odataMaxVersion], !least.hasPrefix("4") {
            throw ODataProblem.unsupported("OData before version 4")
        }
        guard let path = QueryItems.decodePath(request.path) else {
            throw ODataProblem.invalid("the address has an escape that is cut or no UTF-8")
        }
        let place = try ResourcePath(path)
        if place == .batch {
            guard request.method == .post else { throw ODataProblem.methodNotAllowed }
            return try await ODataBatch.run(request) { await handle($0, root: root) }
        }
        guard request.method == .get || request.method == .head else { throw ODataProblem.methodNotAllowed }
        let shape = try ResponseShape(request.fields, request.query)
        switch place {
        case .root:
            return .json(ODataDocuments.service(try await analytics.model(), root, shape), type: shape.type)
        case .metadata:
            if let format = shape.format, format != "xml", !format.hasPrefix("application/xml") {
                throw ODataProblem.unsupported("metadata in the format \(format)")
            }
            let text = ODataDocuments.metadata(try await analytics.model(), analytics.measures)
            return ApiResponse(
                status: .ok, fields: [.contentType: "application/xml; charset=utf-8"], body: Array(text.utf8))
        case .set(let name): return try await set(name, request, root, shape)
        case .count(let name):
            let (entity, base) = try await entity(name)
            let query = try ODataQuery(request.query)
            let plan = try ReadPlan(query, entity, base.model, analytics.measures)
            let count = try await analytics.store.count(plan)
            return ApiResponse(
                status: .ok, fields: [.contentType: "text/plain; charset=utf-8"], body: Array(String(count).utf8))
        case .row(let name, let key, let link):
            return try await row(name, key, link, request, root, shape)
        case .batch: throw ODataProblem.methodNotAllowed
        }
    }

    private func entity(_ name: String) async throws -> (Entity, (model: Model, secret: [UInt8])) {
        let base = try await analytics.base()
        guard let entity = base.model.entity(name) else { throw ODataProblem.notFound("entity set \(name)") }
        return (entity, base)
    }

    private func set(_ name: String, _ request: ApiRequest, _ root: String, _ shape: ResponseShape) async throws
        -> ApiResponse
    {
        let (entity, base) = try await entity(name)
        let query = try ODataQuery(request.query)
        let plan = try ReadPlan(query, entity, base.model, analytics.measures)
        let id = PageToken.name(of: name + "?" + query.text)
        let token: PageToken? =
            if let text = query.skipToken {
                try PageToken.open(text, key: base.secret, query: id, now: clock())
            } else { nil }
        let rest = token.map { $0.rest } ?? query.top
        let size = min(shape.pageSize, rest ?? .max)
        let page = try await analytics.store.page(
            plan, after: token?.values, size: size, skip: token == nil ? query.skip : 0, isCounted: query.isCounted,
            asText: shape.isTextNumbers)
        var head = "{"
        if !shape.isBare { head += "\"@odata.context\":\(quoted(context(root, name, query, plan)))," }
        if let total = page.total { head += "\"@odata.count\":\(shape.isTextNumbers ? "\"\(total)\"" : "\(total)")," }
        var body = Array((head + "\"value\":[").utf8)
        body += page.body
        body.append(UInt8(ascii: "]"))
        let left = rest.map { $0 - Int64(page.count) }
        if let values = page.next, left ?? 1 > 0 {
            let next = PageToken(values: values, rest: left, query: id, issued: clock()).sealed(by: base.secret)
            body += Array(",\"@odata.nextLink\":\(quoted(link(root, name, request.query, next)))".utf8)
        }
        body.append(UInt8(ascii: "}"))
        var response = ApiResponse(status: .ok, fields: [.contentType: shape.type], body: body)
        if let applied = shape.applied { response.fields[.preferenceApplied] = applied }
        return response
    }

    private func row(
        _ name: String, _ key: [(name: String?, value: Literal)], _ link: String?, _ request: ApiRequest,
        _ root: String,
        _ shape: ResponseShape
    ) async throws -> ApiResponse {
        var (entity, base) = try await entity(name)
        var filter = try Self.filter(entity, key)
        if let link {
            guard let walked = entity.link(link), let target = base.model.entity(walked.target) else {
                throw ODataProblem.notFound("link \(link) of \(name)")
            }
            var query = ODataQuery()
            query.select = [walked.column]
            query.filter = filter
            let plan = try ReadPlan(query, entity, base.model, analytics.measures)
            let page = try await analytics.store.page(
                plan, after: nil, size: 1, skip: 0, isCounted: false, asText: false)
            guard page.count == 1, let number = try? JSONReader.read(page.body)[walked.column]?.integer else {
                throw ODataProblem.notFound("row with this key in \(name)")
            }
            filter = .binary(.eq, .path([walked.targetColumn]), .literal(.integer(String(number))))
            entity = target
        }
        var query = try ODataQuery(request.query, isOne: true)
        query.filter = filter
        let plan = try ReadPlan(query, entity, base.model, analytics.measures)
        let page = try await analytics.store.page(
            plan, after: nil, size: 1, skip: 0, isCounted: false, asText: shape.isTextNumbers)
        guard page.count == 1 else { throw ODataProblem.notFound("row with this key in \(name)") }
        guard !shape.isBare else {
            return ApiResponse(status: .ok, fields: [.contentType: shape.type], body: page.body)
        }
        let context = context(root, entity.name, query, plan) + "/$entity"
        let head = "{\"@odata.context\":\(quoted(context)),"
        return ApiResponse(
            status: .ok, fields: [.contentType: shape.type], body: Array(head.utf8) + page.body.dropFirst())
    }

    /// The condition that a key in brackets stands for.
    private static func filter(
        _ entity: Entity, _ key: [(name: String?, value: Literal)]
    ) throws(ODataProblem) -> ODataExpression {
        guard key.count == entity.key.count else {
            throw .invalid("the key of \(entity.name) is: \(entity.key.joined(separator: ", "))")
        }
        var filter: ODataExpression?
        for (place, part) in key.enumerated() {
            let name = part.name ?? entity.key[place]
            guard entity.key.contains(name), part.name != nil || key.count == 1 else {
                throw .invalid("the key of \(entity.name) is: \(entity.key.joined(separator: ", "))")
            }
            let test = ODataExpression.binary(.eq, .path([name]), .literal(part.value))
            filter = filter.map { .binary(.and, $0, test) } ?? test
        }
        guard let filter else { throw .invalid("the key is empty") }
        return filter
    }

    private func context(_ root: String, _ name: String, _ query: ODataQuery, _ plan: ReadPlan) -> String {
        var parts: [String] =
            plan.isGrouped
            ? plan.members.map { ($0.group.map { $0 + "/" } ?? "") + $0.name } : query.select
        if !plan.isGrouped {
            parts += query.expand.map { "\($0.link)(\($0.select.joined(separator: ",")))" }
        }
        return "\(root)/$metadata#\(name)" + (parts.isEmpty ? "" : "(\(parts.joined(separator: ",")))")
    }

    private func link(_ root: String, _ name: String, _ query: String, _ token: String) -> String {
        let kept = query.split(separator: "&").filter { part in
            let name = part.split(separator: "=", maxSplits: 1).first.map(String.init) ?? ""
            return ODataQuery.name(QueryItems.decodePath(name) ?? name) != "$skiptoken"
        }
        return "\(root)/\(name)?" + (kept + ["$skiptoken=\(token)"]).joined(separator: "&")
    }

    private func quoted(_ text: String) -> String { JSON.string(text).text }

    // MARK: Errors and tags

    static func response(_ error: any Error) -> ApiResponse {
        let problem: ODataProblem
        switch error {
        case let known as ODataProblem: problem = known
        case let known as AnalyticsError: problem = ODataProblem(status: 500, code: known.code, message: known.message)
        case let known as PostgresError where known.sqlState?.hasPrefix("22") ?? false:
            problem = .invalid(known.message)
        case let known as PostgresError where known.sqlState == "57014" || known.kind == .statementTimeout:
            problem = ODataProblem(
                status: 503, code: "odata_too_slow",
                message: "the query took over \(ODataStore.timeMaxSeconds) seconds: ask for less")
        default: problem = .unavailable
        }
        let body: JSON = ["error": ["code": .string(problem.code), "message": .string(problem.message)]]
        return .json(body.text, status: .init(code: problem.status))
    }

    /// A tag of the body's content; 304 when the client has the same.
    private static func tagged(_ response: ApiResponse, _ request: ApiRequest) -> ApiResponse {
        guard response.status == .ok, request.method == .get else { return response }
        var response = response
        let tag = "W/\"\(Array(SHA256.hash(response.body)[..<12]).hex)\""
        response.fields[.eTag] = tag
        response.fields[.cacheControl] = "private, no-cache"
        let wanted = (request.fields[.ifNoneMatch] ?? "").split(separator: ",").map { $0.filter { $0 != " " } }
        if wanted.contains(tag) || wanted == ["*"] {
            response.status = .notModified
            response.body = []
            response.fields[.contentType] = nil
        }
        return response
    }
}

extension HTTPField.Name {
    static let odataVersion = named("OData-Version")
    static let odataMaxVersion = named("OData-MaxVersion")
    static let prefer = named("Prefer")
    static let preferenceApplied = named("Preference-Applied")

    /// A name that is written in this source: valid by inspection, and `Via` if it were not.
    private static func named(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .via }
}
