internal import Bank
internal import Foundation
internal import HTTPTypes
internal import Web

/// "This was not me": a client's word on an order that was executed.
enum DenialEndpoint {
    static let routes: [Route] = [
        Route(
            method: .post, path: "/transfers/{id}/denial", name: "denyTransfer",
            summary: "Says that the caller did not give an order that was executed: the next decision sees it",
            tag: "transfers", parameters: [.path("id", .uuid, "the order's id")],
            answers: [.json(schema, "heard; the bank looks at it", example: example)],
            refusals: [
                .init(404, "transfer_not_found"), .init(409, "transfer_not_judged"), .init(503, "alerts_unavailable"),
            ], run: deny)
    ]

    private static let schema = Schema.object([.init("id", .uuid), .init("status", .word(["denied"]))])
    private static let example: JSON = ["id": "0b5e1a52-7c53-4bb2-9d0e-3f1d8c9a4c10", "status": "denied"]

    @Sendable private static func deny(_ call: BankCall) async throws -> ApiResponse {
        guard let id = call.values["id"].flatMap(UUID.init(uuidString:)),
            let order = try await TransferStore(core: call.core).name(of: id, call.caller)
        else { throw TransferEndpoints.unknown }
        guard let deny = call.core.screen?.deny else {
            throw BankProblem(
                503, code: "alerts_unavailable", message: "answers can not be taken now", hint: "Call the bank.")
        }
        guard try await deny(order.debit, order.key, call.caller.user.uuidString.lowercased()) else {
            throw BankProblem(
                409, code: "transfer_not_judged", message: "nothing was decided on this order when it was executed",
                hint: "Call the bank.")
        }
        let body: JSON = ["id": .string(id.uuidString.lowercased()), "status": "denied"]
        return .json(body.text)
    }
}
