internal import Foundation
internal import HTTPTypes
internal import Privacy
internal import Web

/// A request to the privacy desk: who asks, for what, with which body.
struct PrivacyCall: Sendable {
    static let bodyMax = 1 << 20

    let method: HTTPRequest.Method
    let parts: [String]
    let body: JSON
    let items: [QueryItem]
    /// `client`, `analyst`, `admin`, or the database role of a key.
    let role: String
    let user: UUID?
    /// The level of authentication: `aal1`, `aal2`.
    let level: String

    init(_ request: ApiRequest, _ actor: Actor) throws {
        method = request.method
        parts = request.path.split(separator: "/").map(String.init)
        guard request.body.count <= Self.bodyMax else {
            throw PrivacyRefusal.invalid("a body is at most \(Self.bodyMax >> 20) MB")
        }
        do {
            body = request.body.isEmpty ? .null : try JSONReader.read(request.body)
        } catch {
            throw PrivacyRefusal.invalid("the body is no JSON: \(error)")
        }
        items = QueryItems.parse(request.query) ?? []
        let claims = try? JSONReader.read(actor.claims)
        role = actor.role == "authenticated" ? claims?["app_metadata"]?["role"]?.string ?? "client" : actor.role
        user = actor.subject.flatMap(UUID.init(uuidString:))
        level = claims?["aal"]?.string ?? "aal1"
    }

    func requester(_ channel: Requester.Channel) -> Requester {
        Requester(name: user?.uuidString.lowercased() ?? role, channel: channel)
    }

    func text(_ name: String) throws -> String {
        guard let text = body[name]?.string, !text.isEmpty else { throw PrivacyRefusal.invalid("\(name) is missing") }
        return text
    }

    /// What an admin compared with a document of the person's.
    func proof() throws -> IdentityProof {
        IdentityProof(lastName: try text("last_name"), birthDate: try text("birth_date"))
    }

    func id(_ part: Int) throws -> UUID {
        guard part < parts.count, let id = UUID(uuidString: parts[part]) else {
            throw PrivacyRefusal.invalid("an id is missing in the address")
        }
        return id
    }

    func item(_ name: String) -> String? { items.last { $0.name == name }?.value }
}

/// What the desk refuses over HTTP, and with which status.
enum PrivacyRefusal {
    struct Refusal: Error {
        var status: Int
        var code: String
        var message: String
        var hint: String
    }

    static func invalid(_ what: String) -> Refusal {
        Refusal(
            status: 400, code: "privacy_request_invalid", message: what,
            hint: "docs/reference/privacy.md lists what can be asked and how.")
    }

    static func forbidden(_ role: String) -> Refusal {
        Refusal(
            status: 403, code: "privacy_forbidden", message: "this is not for the role \(role)",
            hint: "Clients ask below /me for their own data; the rest is for admins.")
    }

    static let secondFactor = Refusal(
        status: 403, code: "privacy_second_factor_needed", message: "this needs a second factor",
        hint: "Verify a factor: POST /auth/v1/factors/{id}/verify gives a token of level aal2.")

    static let notClient = Refusal(
        status: 404, code: "privacy_not_a_client", message: "this account belongs to no client",
        hint: "An admin can link it: digitalbank users add --client NUMBER.")

    static let notFound = Refusal(
        status: 404, code: "not_found", message: "nothing is served at this address",
        hint: "See the addresses in docs/reference/privacy.md.")

    private static let statuses = [
        "privacy_client_unknown": 404, "privacy_incident_unknown": 404, "privacy_identity_wrong": 403,
        "privacy_client_erased": 410, "privacy_already_erased": 409, "privacy_erasure_refused": 409,
        "privacy_hold_running": 409, "privacy_second_admin_needed": 403, "privacy_glass_of_another": 403,
        "privacy_busy": 503, "privacy_no_signing_key": 501, "privacy_no_pdf": 501, "privacy_export_refused": 422,
        "privacy_request_invalid": 400, "privacy_hold_expired": 422,
    ]

    static func response(_ error: any Error) -> ApiResponse {
        let refusal: Refusal
        switch error {
        case let known as Refusal: refusal = known
        case let known as PrivacyError:
            refusal = Refusal(
                status: statuses[known.code] ?? 500, code: known.code, message: known.message, hint: known.hint)
        default:
            refusal = Refusal(
                status: 503, code: "privacy_unavailable", message: "the privacy desk can not answer now",
                hint: "Try again in a moment; a request's month is long enough.")
        }
        let body: JSON = [
            "code": .string(refusal.code), "message": .string(refusal.message), "details": .null,
            "hint": .string(refusal.hint),
        ]
        return .json(body.text, status: .init(code: refusal.status))
    }
}
