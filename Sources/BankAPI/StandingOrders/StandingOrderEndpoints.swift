internal import Bank
internal import Foundation
internal import HTTPTypes
internal import Web

/// Standing orders: authorised once with the second factor, executed on their due dates.
enum StandingOrderEndpoints {
    private static let orderID = Route.Parameter.path("id", .uuid, "the standing order's id")
    private static let unknown = Route.Refusal(404, "standing_order_not_found")

    static let routes: [Route] = [
        Route(
            method: .get, path: "/standing-orders", name: "listStandingOrders",
            summary: "The caller's standing orders and their last executions", tag: "standing orders",
            answers: [
                .json(
                    .object([.init("standing_orders", .list(StandingOrderStore.schema, 0...200))]),
                    "those that go on first")
            ], run: list),
        Route(
            method: .post, path: "/standing-orders", name: "createStandingOrder",
            summary: "Orders a payment again and again", tag: "standing orders",
            body: .init(
                schema: requestSchema,
                example: .object(
                    (TransferRequest.draft.members ?? []) + [
                        .init("frequency", "monthly"), .init("first_on", "2030-01-31"), .init("month_end", "last_day"),
                    ])),
            answers: [.json(StandingOrderStore.schema, "active from its first date on", status: 201)],
            refusals: [
                .init(403, "insufficient_aal", "ledger_not_your_account"),
                .init(409, "too_many_kept", "ledger_account_closed"),
                .init(
                    422, "iban_invalid", "amount_invalid", "payee_not_here", "ledger_date_invalid",
                    "ledger_account_unknown", "ledger_same_account", "ledger_currency_differs"),
            ], run: create),
        Route(
            method: .patch, path: "/standing-orders/{id}", name: "changeStandingOrder",
            summary: "Changes amount, reason or end; pauses or goes on", tag: "standing orders", parameters: [orderID],
            body: .init(schema: changeSchema, example: ["paused": true]),
            answers: [.json(StandingOrderStore.schema, "as it is from now on")],
            refusals: [
                unknown, .init(403, "insufficient_aal"), .init(409, "standing_order_ended"),
                .init(422, "amount_invalid", "ledger_date_invalid"),
            ], run: change),
        Route(
            method: .delete, path: "/standing-orders/{id}", name: "endStandingOrder", summary: "Ends a standing order",
            tag: "standing orders", parameters: [orderID], answers: [.init(status: 204, words: "ended")],
            refusals: [unknown], run: end),
    ]

    private static let requestSchema = Schema.named(
        "StandingOrderRequest",
        .object([
            .init("debit_account", .id), .init("payee", .payee), .init("amount", .payment),
            .init("reason", .text(1...140), isRequired: false),
            .init("frequency", .word(StandingOrderStore.frequencies.keys.sorted())), .init("first_on", .date),
            .init("last_on", .nullable(.date), isRequired: false),
            .init(
                "month_end", .word(["same_day", "last_day"]), isRequired: false,
                "same_day (by default) is the month's last day where the month is shorter"),
        ]))
    private static let changeSchema = Schema.named(
        "StandingOrderChange",
        .object([
            .init("amount", .payment, isRequired: false), .init("reason", .text(1...140), isRequired: false),
            .init("last_on", .nullable(.date), isRequired: false, "null takes the end away"),
            .init("paused", .boolean, isRequired: false),
        ]))

    @Sendable private static func list(_ call: BankCall) async throws -> ApiResponse {
        let all = try await StandingOrderStore(core: call.core).all(call.caller)
        return .json(JSON.object([.init("standing_orders", .array(all))]).text)
    }

    @Sendable private static func create(_ call: BankCall) async throws -> ApiResponse {
        let body = call.body
        let payee = try Payee(json: body["payee"])
        let account = try await PayeeStore.require(payee, call.core)
        let wish = StandingOrderWish(
            debit: body["debit_account"]?.integer ?? 0, credit: account.id,
            amount: try TransferRequest.amount(body["amount"]), reason: body["reason"]?.string,
            frequency: body["frequency"]?.string.flatMap { StandingOrderStore.frequencies[$0] } ?? "",
            first: body["first_on"]?.string ?? "", last: body["last_on"]?.string,
            isAtMonthsEnd: body["month_end"]?.string == "last_day")
        let order = try await StandingOrderStore(core: call.core).create(wish, call.caller)
        return .json(order.text, status: .created)
    }

    @Sendable private static func change(_ call: BankCall) async throws -> ApiResponse {
        let store = StandingOrderStore(core: call.core)
        guard let id = call.values["id"].flatMap(UUID.init(uuidString:)),
            let currency = try await store.currency(id, call.caller)
        else { throw missing }
        let amount = try call.body["amount"].map { try TransferRequest.amount($0) }
        guard amount == nil || amount?.currency == currency else {
            throw BankProblem(
                422, code: "amount_invalid", message: "the standing order is in \(currency.code)",
                hint: "Give the amount in the order's currency, or make another order.")
        }
        let last = call.body["last_on"].map { $0.string ?? "infinity" }
        let order = try await store.change(
            id, minor: amount?.minor, reason: call.body["reason"]?.string, last: last,
            isPaused: call.body["paused"]?.bool, call.caller)
        guard let order else { throw missing }
        return .json(order.text)
    }

    @Sendable private static func end(_ call: BankCall) async throws -> ApiResponse {
        guard let id = call.values["id"].flatMap(UUID.init(uuidString:)),
            try await StandingOrderStore(core: call.core).end(id, call.caller)
        else { throw missing }
        return ApiResponse(status: .noContent)
    }

    private static let missing = BankProblem(
        404, code: "standing_order_not_found", message: "there is no such standing order of yours that goes on",
        hint: "List them with: GET /bank/v1/standing-orders")
}
