public import Detection
internal import HTTPTypes
public import Web

/// `/detection/v1`: incidents and what is done about them.
public struct DetectionRoutes: Sendable {
    let desk: DetectionDesk

    public init(desk: DetectionDesk) { self.desk = desk }

    public var mounts: [Mount] {
        [
            Mount("/detection/v1") { request, actor in
                guard let actor else {
                    return TokenRefusal(code: "PGRST302", message: "Anonymous access is disabled").response
                }
                return await handle(request, actor: actor)
            }
        ]
    }

    /// Answers one request; what is refused is an answer too.
    public func handle(_ request: ApiRequest, actor: Actor) async -> ApiResponse {
        do {
            let call = try DetectionCall(request, actor)
            var response = ApiResponse.json(try await answer(call))
            response.fields[.cacheControl] = "no-store"
            return response
        } catch {
            return DetectionRefusal.response(error)
        }
    }

    private func answer(_ call: DetectionCall) async throws -> String {
        switch (call.method, call.path.count, call.path.first) {
        case (.get, 1, "incidents"):
            try call.allow(["analyst", "admin", "service_role"])
            return try await desk.incidents(status: call.status(), limit: call.limit(50))
        case (.get, 2, "incidents"):
            try call.allow(["analyst", "admin", "service_role"])
            return try await desk.incident(call.path[1])
        case (.post, 3, "incidents"): return try await handle(call)
        case (.get, 1, "responses"):
            try call.allow(["analyst", "admin", "service_role"])
            return try await desk.responses(onlyActive: call.item("active") == "true", limit: call.limit(100))
        case (.post, 1, "responses"): return try await respond(call)
        case (.delete, 2, "responses"):
            try call.allow(["admin"])
            guard let id = Int64(call.path[1]) else { throw DetectionRefusal.notFound }
            return (["ended": .bool(try await desk.takeBack(id, by: call.author))] as JSON).text
        default: throw DetectionRefusal.notFound
        }
    }

    private func handle(_ call: DetectionCall) async throws -> String {
        try call.allow(["analyst", "admin"])
        let status: DetectionDesk.Status
        switch call.path[2] {
        case "acknowledge": status = .acknowledged
        case "close": status = .closed
        default: throw DetectionRefusal.notFound
        }
        try await desk.handle(call.path[1], as: status, reason: call.body["reason"]?.string, by: call.author)
        return try await desk.incident(call.path[1])
    }

    private func respond(_ call: DetectionCall) async throws -> String {
        try call.allow(["admin"])
        let known = ["action", "target", "reason", "seconds", "dry_run", "incident"]
        if let unknown = call.body.members?.first(where: { !known.contains($0.name) }) {
            throw DetectionRefusal.invalid("\(unknown.name) is no part of a response")
        }
        guard let action = call.body["action"]?.string.flatMap({ ResponseOrder.Action(rawValue: $0) }) else {
            let names = ResponseOrder.Action.allCases.map(\.rawValue).joined(separator: ", ")
            throw DetectionRefusal.invalid("action is one of \(names)")
        }
        let target = call.body["target"]?.string ?? call.body["target"]?.integer.map(String.init)
        guard let target, let reason = call.body["reason"]?.string else {
            throw DetectionRefusal.invalid("a response needs target and reason")
        }
        let order = try ResponseOrder(
            action, target, reason: reason, seconds: call.body["seconds"]?.integer ?? 3_600,
            isDryRun: call.body["dry_run"]?.bool ?? false, incident: call.body["incident"]?.string)
        let done = try await desk.respond(order, by: call.author)
        return (["response": .integer(done.id), "new": .bool(done.isNew)] as JSON).text
    }
}

/// A request to the desk: who asks, for what, with which body.
struct DetectionCall: Sendable {
    private static let bodyMax = 64 << 10

    let method: HTTPRequest.Method
    let path: [String]
    let body: JSON
    private let items: [QueryItem]
    private let role: String
    let author: String

    init(_ request: ApiRequest, _ actor: Actor) throws {
        method = request.method
        path = request.path.split(separator: "/").map(String.init)
        guard request.body.count <= Self.bodyMax else { throw DetectionRefusal.invalid("a body is at most 64 kB") }
        do {
            body = request.body.isEmpty ? .null : try JSONReader.read(request.body)
        } catch {
            throw DetectionRefusal.invalid("the body is no JSON: \(error)")
        }
        items = QueryItems.parse(request.query) ?? []
        guard actor.role != "service_role" else {
            (role, author) = ("service_role", "service")
            return
        }
        let claims = try? JSONReader.read(actor.claims)
        role = claims?["app_metadata"]?["role"]?.string ?? actor.role
        author = actor.subject ?? actor.role
    }

    func allow(_ roles: Set<String>) throws {
        guard roles.contains(role) else { throw DetectionRefusal.forbidden(role) }
    }

    func item(_ name: String) -> String? { items.last { $0.name == name }?.value }

    func limit(_ usual: Int) throws -> Int {
        guard let text = item("limit") else { return usual }
        guard let limit = Int(text), (1...DetectionDesk.pageMax).contains(limit) else {
            throw DetectionRefusal.invalid("limit is 1 to \(DetectionDesk.pageMax)")
        }
        return limit
    }

    func status() throws -> DetectionDesk.Status? {
        guard let text = item("status") else { return nil }
        guard let status = DetectionDesk.Status(rawValue: text) else {
            throw DetectionRefusal.invalid("status is open, acknowledged or closed")
        }
        return status
    }
}

/// What the desk refuses, and with which status.
enum DetectionRefusal {
    struct Refusal: Error {
        let status: Int
        let code: String
        let message: String
        let hint: String
    }

    static func invalid(_ what: String) -> Refusal {
        Refusal(
            status: 400, code: "detection_request_invalid", message: what,
            hint: "See docs/reference/detection-api.md for what can be asked.")
    }

    static func forbidden(_ role: String) -> Refusal {
        Refusal(
            status: 403, code: "detection_forbidden", message: "this is not for the role \(role)",
            hint: "Analysts and admins read incidents; only admins decide responses.")
    }

    static let notFound = Refusal(
        status: 404, code: "not_found", message: "nothing is served at this address",
        hint: "See the addresses in docs/reference/detection-api.md.")

    private static let statuses = [
        "detection_response_invalid": 400, "detection_response_refused": 403, "detection_unknown": 404,
        "detection_conflict": 409,
    ]

    static func response(_ error: any Error) -> ApiResponse {
        let refusal: Refusal
        switch error {
        case let known as Refusal: refusal = known
        case let known as DetectionError:
            refusal = Refusal(
                status: statuses[known.code] ?? 500, code: known.code, message: known.message, hint: known.hint)
        default:
            refusal = Refusal(
                status: 503, code: "detection_unavailable", message: "the desk can not answer now",
                hint: "Try again in a moment.")
        }
        let body: JSON = [
            "code": .string(refusal.code), "message": .string(refusal.message), "details": .null,
            "hint": .string(refusal.hint),
        ]
        return .json(body.text, status: .init(code: refusal.status))
    }
}
