internal import Foundation
internal import HTTPTypes
internal import Vault
internal import Web

/// Personal data shown to an admin: with a reason, the second factor, an end, and an entry in the journal.
enum RevealEndpoints {
    private static let schema = Schema.named(
        "Reveal",
        .object([
            .init("id", .uuid), .init("client", .uuid), .init("field", .word(RevealStore.fields.keys.sorted())),
            .init("value", .nullable(.text(TextRule())), "null when the bank has none, or its key was destroyed"),
            .init("expires_at", .time),
        ]))
    private static let example: JSON = [
        "id": "0b5e1a52-7c53-4bb2-9d0e-3f1d8c9a4c10", "client": "7c1f3b1e-6d8e-4f0a-9a53-2f3b8d1c7e55",
        "field": "phone", "value": "+33 6 39 98 12 34", "expires_at": "2026-11-25T22:19:39Z",
    ]

    static let routes: [Route] = [
        Route(
            method: .post, path: "/reveals", name: "revealDatum",
            summary: "Shows an admin one personal datum of a client, for a quarter of an hour", tag: "reveals",
            body: .init(
                schema: .object([
                    .init("client", .uuid), .init("field", .word(RevealStore.fields.keys.sorted())),
                    .init("reason", .text(10...1000), "the journal keeps it"),
                ]),
                example: [
                    "client": "7c1f3b1e-6d8e-4f0a-9a53-2f3b8d1c7e55", "field": "phone",
                    "reason": "Call back about the blocked transfer, case 4711",
                ]),
            answers: [.json(schema, "the datum", status: 201, example: example)],
            refusals: [.init(403, "forbidden", "insufficient_aal"), .init(404, "client_not_found")], run: reveal),
        Route(
            method: .get, path: "/reveals/{id}", name: "getReveal",
            summary: "A reveal of the caller's that has not ended", tag: "reveals",
            parameters: [.path("id", .uuid, "the reveal's id")],
            answers: [.json(schema, "the datum", example: example)], refusals: [.init(404, "reveal_not_found")],
            run: show),
    ]

    @Sendable private static func reveal(_ call: BankCall) async throws -> ApiResponse {
        guard call.caller.isAdmin else {
            throw BankProblem(
                403, code: "forbidden", message: "only an admin may reveal a personal datum",
                hint: "Sign in with an account whose app_metadata.role is admin.")
        }
        guard call.caller.level == "aal2" else {
            throw BankProblem(
                403, code: "insufficient_aal", message: "a reveal needs a second factor",
                hint: "Verify a factor: POST /auth/v1/factors/{id}/verify gives a token of level aal2.")
        }
        let store = RevealStore(core: call.core)
        let column = call.body["field"]?.string.flatMap { RevealStore.fields[$0] } ?? ""
        guard let client = call.body["client"]?.string.flatMap(UUID.init(uuidString:)),
            try await store.knows(client, call.caller)
        else {
            throw BankProblem(
                404, code: "client_not_found", message: "there is no such client",
                hint: "Take the id from the table clients.")
        }
        // The database asks the same again, and writes the journal before anything is opened.
        guard
            let id = try await store.grant(
                client, column, reason: call.body["reason"]?.string ?? "", call.caller),
            let reveal = try await store.redeem(id, call.caller)
        else { throw ProblemTable.unexpected }
        var response = ApiResponse.json(try await view(reveal, call).text, status: .created)
        response.fields[.location] = "/bank/v1/reveals/\(id.uuidString.lowercased())"
        return response
    }

    @Sendable private static func show(_ call: BankCall) async throws -> ApiResponse {
        guard let id = call.values["id"].flatMap(UUID.init(uuidString:)),
            let reveal = try await RevealStore(core: call.core).redeem(id, call.caller)
        else {
            throw BankProblem(
                404, code: "reveal_not_found", message: "there is no such reveal of yours, or it has ended",
                hint: "Ask for the datum again with a reason: POST /bank/v1/reveals")
        }
        return .json(try await view(reveal, call).text)
    }

    private static func view(_ reveal: Reveal, _ call: BankCall) async throws -> JSON {
        let value = try await call.core.secrets.open(
            reveal.sealed, of: reveal.client,
            at: SealedPlace(table: "clients", column: reveal.column, row: reveal.client.uuidString))
        return [
            "id": .string(reveal.id.uuidString.lowercased()), "client": .string(reveal.client.uuidString.lowercased()),
            "field": .string(reveal.field), "value": value.map { .string($0) } ?? .null,
            "expires_at": .string(reveal.expiresOn),
        ]
    }
}
