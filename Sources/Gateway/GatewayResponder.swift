internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Monitoring
internal import NIOCore
internal import Synchronization
internal import Web

/// What a request brings besides its bytes.
struct GatewayContext: InitializableFromSource, Sendable {
    let peer: String
    let channel: any Channel

    init(source: ApplicationRequestContextSource) {
        peer = source.channel.remoteAddress?.ipAddress ?? "local"
        channel = source.channel
    }
}

/// Answers every request: limits, token, mount, headers, log.
final class GatewayResponder: HTTPResponder {
    typealias Context = GatewayContext

    private let mounts: [Mount]
    let settings: GatewaySettings
    let tokens: TokenCheck
    private let anonymous: Actor?
    let log: AccessLog
    let metrics: RequestMetrics
    let dates = DateText()
    private let bodies: ByteBudget

    init(
        mounts: [Mount], settings: GatewaySettings, tokens: @escaping TokenCheck, anonymous: Actor?, log: AccessLog,
        metrics: RequestMetrics
    ) {
        self.mounts = mounts.sorted { $0.prefix.utf8.count > $1.prefix.utf8.count }
        self.settings = settings
        self.tokens = tokens
        self.anonymous = anonymous
        self.log = log
        self.metrics = metrics
        bodies = ByteBudget(settings.limits.bodyBytesInAllMax)
    }

    func respond(to request: Request, context: GatewayContext) async throws -> Response {
        let start = ContinuousClock.now
        let id = RequestName.of(request.headers[.requestID])
        let path = request.head.path ?? "/"
        let mark = path.firstIndex(of: "?")
        let place = mark.map { path[..<$0] } ?? path[...]
        let query = mark.map { path[path.index(after: $0)...] } ?? ""
        let found = mount(at: place)
        let (mount, rest) = (found?.mount, found?.rest ?? "/")
        let inFlight = metrics.begin()
        defer { metrics.end() }
        var entry = AccessLog.Entry(
            id: id, method: request.method.rawValue, mount: mount?.prefix ?? "-", path: rest,
            address: address(context.peer) {
                HTTPField.Name("X-Forwarded-For").map { request.headers[values: $0] } ?? []
            })
        var response: ApiResponse
        if inFlight > settings.limits.requestsInFlightMax {
            response = Self.overloaded
        } else if settings.isBanned?(entry.address) == true {
            response = Self.banned
        } else if path.utf8.count > settings.limits.targetBytesMax {
            response = .problem("uri_too_long", "the request's address is too long", status: .uriTooLong)
        } else if request.method == .options, let preflight = preflight(request.headers) {
            response = preflight
        } else if let mount {
            response = try await answer(request, mount, rest, String(query), context.channel, &entry)
        } else {
            response = .problem("not_found", "nothing is served at this address", status: .notFound)
        }
        entry.status = response.status.code
        entry.time = ContinuousClock.now - start
        entry.bytes = response.body.count
        metrics.record(
            mount: entry.mount, path: rest, method: entry.method, status: entry.status, time: entry.time, id: id)
        log.write(entry)
        return finish(response, request, id)
    }

    private func answer(
        _ request: Request, _ mount: Mount, _ rest: String, _ query: String, _ channel: any Channel,
        _ entry: inout AccessLog.Entry
    ) async throws -> ApiResponse {
        var actor: Actor?
        switch self.actor(request.headers, query) {
        case .success(let found): actor = found
        case .failure(let refusal): if mount.needsToken { return refusal.response }
        }
        guard !mount.needsToken || actor != nil else {
            return TokenRefusal(code: "PGRST302", message: "Anonymous access is disabled").response
        }
        entry.role = actor?.role ?? "-"
        entry.session = actor?.sessionID
        // Held until the answer is made.
        let holding = ByteHolding(
            bodies, max: min(settings.limits.bodyBytesMax, mount.bodyBytesMax ?? .max))
        let body: [UInt8]
        switch try await self.body(of: request, on: channel, holding) {
        case .read(let bytes): body = bytes
        case .refused(let response): return response
        }
        defer { withExtendedLifetime(holding) {} }
        let asked = ApiRequest(
            method: request.method, path: rest, query: query, fields: request.headers, body: body,
            remoteAddress: entry.address, id: entry.id)
        // What takes long to read must not hold up the other connections of this thread.
        guard body.count > Self.bodyBytesOnLoopMax else { return await handle(asked, mount, actor) }
        let fixed = actor
        return await withTaskExecutorPreference(globalConcurrentExecutor) { await handle(asked, mount, fixed) }
    }

    private func handle(_ asked: ApiRequest, _ mount: Mount, _ actor: Actor?) async -> ApiResponse {
        if let inspection = settings.inspection {
            // Modes and notes know the path as the client wrote it.
            var whole = asked
            whole.path = mount.prefix + asked.path
            if let refusal = inspection.answer(whole) { return refusal }
        }
        return await mount.handle(asked, actor)
    }

    private static let banned = ApiResponse.problem(
        "address_banned", "this address is refused for a time; the bank's support can tell why", status: .forbidden)

    private static let bodyBytesOnLoopMax = 32 << 10

    /// `Authorization: Bearer …`, else `apikey` as header or parameter.
    private func actor(_ fields: HTTPFields, _ query: String) -> Result<Actor?, TokenRefusal> {
        var token: String?
        if let header = fields[.authorization] {
            guard header.utf8.count > 7, header.prefix(7).lowercased() == "bearer " else {
                return .failure(TokenRefusal(code: "PGRST301", message: "the Authorization header is no bearer token"))
            }
            token = String(header.dropFirst(7))
        } else if let key = fields[.apiKey] {
            token = key
        } else if query.contains("apikey=") {
            token = QueryItems.parse(query)?.last { $0.name == "apikey" }?.value
        }
        guard let token else { return .success(anonymous) }
        return tokens(token).map { $0 }
    }

    private enum Body { case read([UInt8]), refused(ApiResponse) }

    private static let bodyTooLarge = ApiResponse.problem(
        "body_too_large", "the request's body is too large or came too slowly", status: .contentTooLarge)

    private static var overloaded: ApiResponse {
        var response = ApiResponse.problem(
            "overloaded", "too much is asked at once; try again", status: .serviceUnavailable)
        response.fields[.retryAfter] = "1"
        return response
    }

    /// Refused when it is too large or takes too long, or when there is no room for it beside all others'.
    private func body(of request: Request, on channel: any Channel, _ holding: ByteHolding) async throws -> Body {
        let declared = request.headers[.contentLength].map { Int($0) ?? .max }
        guard declared ?? 0 <= holding.max else { return .refused(Self.bodyTooLarge) }
        if declared == 0 { return .read([]) }
        if declared == nil, request.headers[.transferEncoding] == nil, [.get, .head].contains(request.method) {
            return .read([])
        }
        let deadline = ContinuousClock.now + settings.limits.requestTimeMax
        // A client that stalls sends nothing that could be looked at: its connection is ended from outside.
        let cut = channel.eventLoop.scheduleTask(in: TimeAmount(settings.limits.requestTimeMax) + .milliseconds(500)) {
            channel.close(promise: nil)
        }
        var bytes: [UInt8] = []
        for try await part in request.body {
            guard bytes.count + part.readableBytes <= holding.max, ContinuousClock.now < deadline else {
                return .refused(Self.bodyTooLarge)
            }
            guard holding.take(part.readableBytes) else { return .refused(Self.overloaded) }
            bytes.append(contentsOf: part.readableBytesView)
        }
        // A body that was given up leaves the connection unusable: it is cut when its time is over.
        cut.cancel()
        return .read(bytes)
    }

    /// Whose path this is, and what of it lies below the mount.
    func mount(at path: Substring) -> (mount: Mount, rest: String)? {
        for mount in mounts {
            if let rest = mount.rest(of: path) { return (mount, rest) }
        }
        return nil
    }

    /// The peer, or whom a proxy that is trusted names: the last address that is not itself a trusted proxy.
    func address(_ peer: String, forwarded: () -> [String]) -> String {
        settings.address(peer, forwarded: forwarded)
    }

    // MARK: What every answer carries

    private func preflight(_ fields: HTTPFields) -> ApiResponse? {
        guard let method = HTTPField.Name("Access-Control-Request-Method"), fields[method] != nil else { return nil }
        return ApiResponse(
            status: .noContent,
            fields: [
                .accessControlAllowMethods: "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
                .accessControlMaxAge: "3600",
                .accessControlAllowHeaders: fields[.accessControlRequestHeaders] ?? "*",
            ])
    }

    static let contentPolicy = "default-src 'none'; frame-ancestors 'none'"

    private func finish(_ response: ApiResponse, _ request: Request, _ id: String) -> Response {
        var fields = response.fields
        fields[.requestID] = id
        fields[.xContentTypeOptions] = "nosniff"
        if fields[.contentSecurityPolicy] == nil {
            fields[.contentSecurityPolicy] = Self.contentPolicy
        }
        if let origin = request.headers[.origin], settings.origins.contains(origin) || settings.origins.contains("*") {
            fields[.accessControlAllowOrigin] = origin
            fields[.accessControlExposeHeaders] =
                "Content-Range, Content-Profile, Idempotency-Replayed, Location, Preference-Applied, Range-Unit, Retry-After, "
                + "X-Request-Id, X-Total-Count"
            fields.append(HTTPField(name: .vary, value: "Origin"))
        }
        var body = response.body
        if body.count >= settings.limits.compressedBytesMin, Gzip.isWanted(request.headers, fields[.contentType]),
            fields[.contentEncoding] == nil, let packed = Gzip.compress(body)
        {
            body = packed
            fields[.contentEncoding] = "gzip"
            fields.append(HTTPField(name: .vary, value: "Accept-Encoding"))
        }
        if request.method == .head {
            return Response(status: response.status, headers: fields)
        }
        return Response(
            status: response.status, headers: fields,
            body: body.isEmpty ? ResponseBody() : ResponseBody(byteBuffer: ByteBuffer(bytes: body)))
    }
}

extension ApiResponse {
    /// An error of the server itself, before any capability saw the request.
    static func problem(_ code: String, _ message: String, status: HTTPResponse.Status) -> ApiResponse {
        let body: JSON = ["code": .string(code), "details": .null, "hint": .null, "message": .string(message)]
        return .json(body.text, status: status)
    }
}

/// The name of a request in logs and errors: the client's when it is short and plain, else our own.
enum RequestName {
    private static let counter = Atomic<UInt64>(0)
    private static let base = UInt64.random(in: .min ... .max)

    static func of(_ given: String?) -> String {
        if let given, (1...64).contains(given.utf8.count), given.utf8.allSatisfy(isPlain) {
            return given
        }
        let number = counter.wrappingAdd(1, ordering: .relaxed).newValue
        return String(base ^ (number &* 0x9E37_79B9_7F4A_7C15), radix: 16)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122) || byte == 45
            || byte == 95
    }
}

extension HTTPField.Name {
    static let apiKey = known("apikey")
    static let requestID = known("X-Request-Id")

    /// A name that is written in this source: valid by inspection, and `Via` if it were not.
    private static func known(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .via }
}
