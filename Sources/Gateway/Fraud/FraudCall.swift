internal import Foundation
internal import Fraud
internal import HTTPTypes
internal import Web

/// A request to the desk: who asks, for what, with which body.
struct FraudCall: Sendable {
    static let bodyMax = 8 << 20

    let method: HTTPRequest.Method
    /// The path with numbers as `{id}`: `/cases/{id}/notes`.
    let shape: String
    /// The numbers that stood in the path.
    let numbers: [Int64]
    let body: JSON
    let items: [QueryItem]
    /// `analyst`, `admin`, `client`, or the database role of a key.
    let role: String
    /// Who is written into the journal.
    let author: String

    init(_ request: ApiRequest, _ actor: Actor) throws {
        method = request.method
        var shape = ""
        var numbers: [Int64] = []
        for part in request.path.split(separator: "/") {
            if let number = Int64(part) {
                numbers.append(number)
                shape += "/{id}"
            } else {
                shape += "/\(part)"
            }
        }
        self.shape = shape
        self.numbers = numbers
        guard request.body.count <= Self.bodyMax else {
            throw FraudRefusal.invalid("a body is at most \(Self.bodyMax >> 20) MB")
        }
        do {
            body = request.body.isEmpty ? .null : try JSONReader.read(request.body)
        } catch {
            throw FraudRefusal.invalid("the body is no JSON: \(error)")
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

    func text(_ name: String) throws -> String {
        guard let text = body[name]?.string, !text.isEmpty else { throw FraudRefusal.invalid("\(name) is missing") }
        return text
    }
}

/// What the desk refuses, and with which status.
enum FraudRefusal {
    struct Refusal: Error {
        var status: Int
        var code: String
        var message: String
        var hint: String
    }

    static func invalid(_ what: String) -> Refusal {
        Refusal(
            status: 400, code: "fraud_request_invalid", message: what,
            hint: "See /fraud/v1/openapi.json for what can be asked.")
    }

    static func forbidden(_ role: String) -> Refusal {
        Refusal(
            status: 403, code: "fraud_forbidden", message: "this is not for the role \(role)",
            hint: "Analysts work on cases, admins promote models, the bank's own key scores payments.")
    }

    static let notFound = Refusal(
        status: 404, code: "not_found", message: "nothing is served at this address",
        hint: "See the addresses in /fraud/v1/openapi.json.")

    private static let statuses = [
        "fraud_request_invalid": 400, "fraud_key_reused": 409, "fraud_payment_unknown": 404, "fraud_case_unknown": 404,
        "fraud_model_unknown": 404, "fraud_case_closed": 409, "fraud_case_taken": 409, "fraud_four_eyes": 409,
        "fraud_model_refused": 422,
        "fraud_rules_invalid": 422, "fraud_late": 503,
    ]

    static func response(_ error: any Error) -> ApiResponse {
        let refusal: Refusal
        switch error {
        case let known as Refusal: refusal = known
        case let known as FraudError:
            refusal = Refusal(
                status: statuses[known.code] ?? 500, code: known.code, message: known.message, hint: known.hint)
        default:
            refusal = Refusal(
                status: 503, code: "fraud_unavailable", message: "the desk can not answer now",
                hint: "Try again in a moment; the payment's fallback applies.")
        }
        let body: JSON = [
            "code": .string(refusal.code), "message": .string(refusal.message), "details": .null,
            "hint": .string(refusal.hint),
        ]
        return .json(body.text, status: .init(code: refusal.status))
    }
}
