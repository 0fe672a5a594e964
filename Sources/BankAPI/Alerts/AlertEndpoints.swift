internal import Foundation
internal import HTTPTypes
internal import Web

/// What the bank asked a client about, and the client's yes or no.
enum AlertEndpoints {
    private static let example: JSON = [
        "id": 812, "account": 12, "amount": ["amount": "1480.00", "currency": "EUR"], "outcome": "held",
        "decided_at": "2026-11-25T22:04:39Z", "answer": .null,
    ]

    static let routes: [Route] = [
        Route(
            method: .get, path: "/alerts", name: "listAlerts",
            summary: "Payments of the last 13 months that the bank stopped or asked about", tag: "alerts",
            answers: [.json(.object([.init("alerts", .list(AlertStore.schema, 0...100))]), "the newest first")],
            run: list),
        Route(
            method: .post, path: "/alerts/{id}/answer", name: "answerAlert",
            summary: "Says whether a payment was the caller's own; that it was needs the second factor", tag: "alerts",
            parameters: [.path("id", .integer(1...Int64.max), "the alert's number")],
            body: .init(
                schema: .object([.init("answer", .word(["mine", "not_mine"]))]), example: ["answer": "not_mine"]),
            answers: [.json(AlertStore.schema, "the alert with the answer", example: example)],
            refusals: [
                .init(403, "insufficient_aal"), .init(404, "alert_not_found"), .init(503, "alerts_unavailable"),
            ], run: answer),
    ]

    @Sendable private static func list(_ call: BankCall) async throws -> ApiResponse {
        let all = try await AlertStore(core: call.core).all(call.caller)
        return .json(JSON.object([.init("alerts", .array(all.map(\.json)))]).text)
    }

    @Sendable private static func answer(_ call: BankCall) async throws -> ApiResponse {
        let store = AlertStore(core: call.core)
        let id = call.integer("id") ?? 0
        guard let alert = try await store.all(only: id, call.caller).first else { throw unknown }
        let isMine = call.body["answer"]?.string == "mine"
        // Whoever took a session over must not be able to vouch for what they do with it.
        guard !isMine || call.caller.level == "aal2" else {
            throw BankProblem(
                403, code: "insufficient_aal", message: "to vouch for a payment needs a second factor",
                hint: "Verify a factor: POST /auth/v1/factors/{id}/verify gives a token of level aal2.")
        }
        guard let hear = call.core.screen?.hear else {
            throw BankProblem(
                503, code: "alerts_unavailable", message: "answers can not be taken now", hint: "Call the bank.")
        }
        try await hear(alert.payment, !isMine, call.caller.user.uuidString.lowercased())
        guard let now = try await store.all(only: id, call.caller).first else { throw unknown }
        return .json(now.json.text)
    }

    private static let unknown = BankProblem(
        404, code: "alert_not_found", message: "there is no such alert of yours",
        hint: "List them: GET /bank/v1/alerts")
}
