internal import Automation
internal import HTTPTypes
internal import Web

/// A request to the automations: who asks, for what, with which body.
struct AutomationCall: Sendable {
    let method: HTTPRequest.Method
    /// The path with what tells one thing from another as `{id}`: `/scenarios/{id}/dry-run`.
    let shape: String
    let id: String
    let body: JSON
    let text: String
    let items: [QueryItem]
    let role: String
    let author: String

    init(_ request: ApiRequest, _ actor: Actor) throws {
        method = request.method
        let parts = request.path.split(separator: "/").map(String.init)
        guard parts.count <= 3, let collection = parts.first else { throw AutomationRefusal.notFound }
        id = parts.count > 1 ? QueryItems.decodePath(parts[1]) ?? "" : ""
        shape = "/" + collection + (parts.count > 1 ? "/{id}" : "") + (parts.count > 2 ? "/" + parts[2] : "")
        guard request.body.count <= AutomationRoutes.bodyMax else {
            throw AutomationRefusal.invalid("a body is at most 1 MB")
        }
        text = String(decoding: request.body, as: UTF8.self)
        // A scenario's document is YAML.
        if request.fields[.contentType]?.contains("yaml") == true {
            body = .null
        } else {
            do {
                body = request.body.isEmpty ? .null : try JSONReader.read(request.body)
            } catch {
                throw AutomationRefusal.invalid("the body is no JSON: \(error)")
            }
        }
        items = QueryItems.parse(request.query) ?? []
        guard actor.role != "service_role" else {
            role = "service_role"
            author = "service"
            return
        }
        let claims = try? JSONReader.read(actor.claims)
        role = claims?["app_metadata"]?["role"]?.string ?? actor.role
        author = actor.subject ?? actor.role
    }

    func item(_ name: String) -> String? { items.last { $0.name == name }?.value }

    func number() throws -> Int64 {
        guard let number = Int64(id) else { throw AutomationRefusal.invalid("\(id) is no number") }
        return number
    }
}

/// What the automations refuse, and with which status.
enum AutomationRefusal {
    struct Refusal: Error {
        var status: Int
        var code: String
        var message: String
        var hint: String
    }

    static func invalid(_ what: String) -> Refusal {
        Refusal(
            status: 400, code: "automation_request_invalid", message: what,
            hint: "docs/reference/automations.md lists what can be asked.")
    }

    static func forbidden(_ role: String) -> Refusal {
        Refusal(
            status: 403, code: "automation_forbidden", message: "this is not for the role \(role)",
            hint: "Admins change automations, analysts look at them.")
    }

    static let notFound = Refusal(
        status: 404, code: "not_found", message: "nothing is served at this address",
        hint: "docs/reference/automations.md lists the addresses.")

    private static let statuses = [
        "automation_scenario_invalid": 422, "automation_scenario_unknown": 404, "automation_scenario_changed": 409,
        "automation_destination_invalid": 422,
        "automation_event_unknown": 404, "automation_hook_refused": 401, "automation_address_refused": 422,
    ]

    static func response(_ error: any Error) -> ApiResponse {
        let refusal: Refusal
        switch error {
        case let known as Refusal: refusal = known
        case let known as AutomationError:
            refusal = Refusal(
                status: statuses[known.code] ?? 500, code: known.code, message: known.message, hint: known.hint)
        default:
            refusal = Refusal(
                status: 503, code: "automation_unavailable", message: "automations can not answer now",
                hint: "Try again in a moment: a message that was not taken may be sent again.")
        }
        let body: JSON = [
            "code": .string(refusal.code), "message": .string(refusal.message), "details": .null,
            "hint": .string(refusal.hint),
        ]
        return .json(body.text, status: .init(code: refusal.status))
    }
}
