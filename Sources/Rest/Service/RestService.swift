internal import HTTPTypes
public import Postgres
public import Web

/// PostgREST's interface over one database, without an HTTP server: a request value in, a response value out.
public struct RestService: Sendable {
    let database: Database
    let cache: SchemaCache
    let settings: RestSettings
    let costs = CostGuard()
    let templates = ReadTemplates()
    /// Told of each request of a batch that was answered, as a caller is told of requests of their own.
    public var onPart: (@Sendable (_ request: ApiRequest, _ actor: Actor, _ answer: ApiResponse) -> Void)?
    let limiter: SubjectLimiter?

    public init(database: Database, cache: SchemaCache, settings: RestSettings) {
        self.database = database
        self.cache = cache
        self.settings = settings
        limiter = settings.requestsBySubjectMax.map {
            SubjectLimiter(
                runningMax: $0, waitingMax: settings.waitingBySubjectMax, waitMax: settings.waitingTimeMax)
        }
    }

    /// Shapes of reads that are answered by a template.
    public var templateCount: Int { templates.count }

    /// Whether `database`'s login role may keep answers for `Idempotency-Key`: `RestSettings.keepsAnswers`.
    public static func canKeepAnswers(in database: Database) async throws -> Bool {
        try await AnswerStore(database: database).isThere()
    }

    /// Answers one request; what is refused is an answer too.
    public func handle(_ request: ApiRequest, actor: Actor) async -> ApiResponse {
        do {
            guard let limiter, !settings.rolesWithoutTurns.contains(actor.role) else {
                return try await respond(to: request, actor)
            }
            let pass = try await limiter.enter(SubjectLimiter.name(actor, request))
            defer { pass.leave() }
            return try await respond(to: request, actor)
        } catch {
            return refusal(error, actor)
        }
    }

    /// The answer that says what was wrong.
    func refusal(_ error: any Error, _ actor: Actor) -> ApiResponse {
        switch error {
        case let error as RestError: return error.response
        case let error as PostgresError:
            if let own = RaisedResponse(error) { return own.response }
            let showsDetail = settings.rolesThatSeeDetails.contains(actor.role)
            return RestError(error, isAnonymous: actor.isAnonymous, showsDetail: showsDetail).response
        case let failure as BatchFailure: return failure.response
        case let answer as TakenBack: return answer.response
        default: return RestError("PGRSTX00", 500, "an unexpected error; its text is in the log").response
        }
    }

    private func respond(to request: ApiRequest, _ actor: Actor) async throws -> ApiResponse {
        if let ready = ready(request, actor) {
            let results = try await ready.template.pace.measure { try await database.pipeline(ready.statements) }
            return try ready.template.response(results)
        }
        let context = try RequestContext(request, actor, try cache.current(), settings, costs)
        guard !context.rollsBack, let key = try IdempotencyKey.read(request, actor) else {
            return try await route(context, .pool(database))
        }
        guard settings.keepsAnswers else {
            throw RestError(
                "DBR001", 501, "this server keeps no answers, so an Idempotency-Key has no effect here",
                hint: "Send the request without the key, or serve the database with: digitalbank serve")
        }
        let isolation = context.roleSettings.isolation ?? .readCommitted
        return try await KeyedWrite(database: database, key: key, isolation: isolation).respond { tx in
            try await route(context, .transaction(tx))
        }
    }

    /// One request of a batch.
    func part(_ request: ApiRequest, _ batch: RequestContext, _ tx: Transaction) async throws -> ApiResponse {
        var settings = batch.settings
        // The batch is kept or taken back as a whole.
        settings.rollsBackAlways = false
        settings.allowsRollback = false
        var context = try RequestContext(request, batch.actor, batch.snapshot, settings, costs)
        context.preferences.timeZone = batch.preferences.timeZone
        let answer = try await route(context, .part(tx))
        onPart?(request, batch.actor, answer)
        return answer
    }

    private func route(_ context: RequestContext, _ carrier: Carrier) async throws -> ApiResponse {
        let request = context.request
        let segments = request.path.split(separator: "/", omittingEmptySubsequences: true).map {
            QueryItems.decodePath($0)
        }
        guard !segments.contains(nil) else { throw Self.unknownPath(request.path) }
        let names = segments.compactMap { $0 }
        switch names.count {
        case 0: return try await root(context, carrier)
        case 1 where names[0] == "batch" && context.snapshot.relations[context.named("batch")] == nil:
            guard !carrier.isShared else { throw BatchRequest.refused("a batch holds no batch") }
            return try await BatchHandler(service: self, context: context, carrier: carrier).respond()
        case 1: return try await relation(names[0], context, carrier)
        case 2 where names[0] == "rpc": return try await CallHandler(context, carrier).respond(names[1])
        default: throw Self.unknownPath(request.path)
        }
    }

    private static func unknownPath(_ path: String) -> RestError {
        RestError("PGRST125", 404, "Invalid path specified in request URL")
    }

    private func relation(
        _ name: String, _ context: RequestContext, _ carrier: Carrier
    ) async throws -> ApiResponse {
        let name = context.named(name)
        switch context.request.method {
        case .get, .head:
            let start = ContinuousClock.now
            let response = try await ReadHandler(context, carrier).respond(name)
            if case .pool = carrier { learn(context, name, took: ContinuousClock.now - start) }
            return response
        case .post: return try await WriteHandler(context, carrier).insert(into: name)
        case .put: return try await WriteHandler(context, carrier).put(into: name)
        case .patch: return try await WriteHandler(context, carrier).update(name)
        case .delete: return try await WriteHandler(context, carrier).delete(from: name)
        case .options: return try options(name, context)
        default: throw RestError("PGRST117", 405, "Unsupported HTTP method: \(context.request.method.rawValue)")
        }
    }

    private func options(_ name: QualifiedName, _ context: RequestContext) throws(RestError) -> ApiResponse {
        let relation = try context.snapshot.relation(name, settings)
        var verbs = ["OPTIONS", "GET", "HEAD"]
        if relation.isInsertable { verbs.append("POST") }
        if relation.isInsertable, relation.isUpdatable, !relation.primaryKey.isEmpty { verbs.append("PUT") }
        if relation.isUpdatable { verbs.append("PATCH") }
        if relation.isDeletable { verbs.append("DELETE") }
        return ApiResponse(status: .ok, fields: [.allow: verbs.joined(separator: ",")])
    }

    private func root(_ context: RequestContext, _ carrier: Carrier) async throws -> ApiResponse {
        guard context.isReading else {
            throw RestError("PGRST117", 405, "Unsupported HTTP method: \(context.request.method.rawValue)")
        }
        let visible = try await Runner(carrier: carrier).run(
            CatalogStore.visible(in: context.schema), in: context)
        guard let row = visible.first else { throw RestError("PGRSTX00", 500, "the database gave no answer") }
        return OpenAPI(context, relations: Self.ids(try row.decode(0)), functions: Self.ids(try row.decode(1))).response
    }

    private static func ids(_ text: String) -> Set<Int64> {
        Set(((try? JSONReader.read(text))?.array ?? []).compactMap(\.integer))
    }
}

/// `raise sqlstate 'PGRST'`: the function chooses status, headers and body.
struct RaisedResponse {
    let response: ApiResponse

    init?(_ error: PostgresError) {
        guard error.kind == .server, error.sqlState == "PGRST" else { return nil }
        guard let message = try? JSONReader.read(error.message), let detail = error.detail,
            let words = try? JSONReader.read(detail), let status = words["status"]?.integer,
            (200...599).contains(status), let code = message["code"]?.string, let text = message["message"]?.string
        else {
            response =
                RestError(
                    "PGRST121", 500, "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
                    details: "MESSAGE needs code and message, DETAIL needs status and headers."
                ).response
            return
        }
        let body: JSON = [
            "code": .string(code), "message": .string(text), "details": message["details"] ?? .null,
            "hint": message["hint"] ?? .null,
        ]
        var made = ApiResponse.json(body.text, status: .init(code: Int(status)))
        for member in words["headers"]?.members ?? [] {
            guard let name = HTTPField.Name(member.name), let value = member.value.string else { continue }
            made.fields[name] = value
        }
        response = made
    }
}
