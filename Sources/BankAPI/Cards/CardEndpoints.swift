internal import Bank
internal import HTTPTypes
internal import Web

/// Cards: shown masked, blocked at once, unblocked when that was for a time only.
enum CardEndpoints {
    private static let cardID = Route.Parameter.path("id", .id, "the card's number in the bank, not the one on it")
    private static let unknown = Route.Refusal(404, "card_not_found")

    static let routes: [Route] = [
        Route(
            method: .get, path: "/cards", name: "listCards", summary: "The caller's cards", tag: "cards",
            answers: [.json(.object([.init("cards", .list(CardStore.schema, 0...200))]), "numbers are masked")],
            run: list),
        Route(
            method: .post, path: "/cards/{id}/block", name: "blockCard", summary: "Blocks a card at once", tag: "cards",
            parameters: [cardID],
            body: .init(
                schema: .object([
                    .init("reason", .word(CardStore.reasons.keys.sorted()), "all but temporary are for ever")
                ]), example: ["reason": "lost"]),
            answers: [.json(CardStore.schema, "the card, blocked")],
            refusals: [unknown, .init(409, "ledger_card_unusable")], run: block),
        Route(
            method: .post, path: "/cards/{id}/unblock", name: "unblockCard",
            summary: "Takes back a block that was for a time", tag: "cards", parameters: [cardID],
            answers: [.json(CardStore.schema, "the card, active")],
            refusals: [unknown, .init(409, "card_stays_blocked", "ledger_card_unusable")], run: unblock),
        Route(
            method: .patch, path: "/cards/{id}/limits", name: "limitCard",
            summary: "Sets what a card may spend in 30 days; more than before needs the second factor", tag: "cards",
            parameters: [cardID],
            body: .init(
                schema: .object([.init("limit_30_days", .payment)]),
                example: ["limit_30_days": ["amount": "1500.00", "currency": "EUR"]]),
            answers: [.json(CardStore.schema, "the card with its ceiling")],
            refusals: [
                unknown, .init(403, "insufficient_aal"), .init(409, "ledger_card_unusable"),
                .init(422, "amount_invalid", "ledger_amount_invalid"),
            ], run: limit),
    ]

    @Sendable private static func list(_ call: BankCall) async throws -> ApiResponse {
        let all = try await CardStore(core: call.core).all(call.caller)
        return .json(JSON.object([.init("cards", .array(all))]).text)
    }

    @Sendable private static func block(_ call: BankCall) async throws -> ApiResponse {
        let reason = call.body["reason"]?.string.flatMap { CardStore.reasons[$0] } ?? "temporaire"
        return try answer(
            await CardStore(core: call.core).block(call.integer("id") ?? 0, reason: reason, call.caller), call)
    }

    @Sendable private static func unblock(_ call: BankCall) async throws -> ApiResponse {
        try answer(await CardStore(core: call.core).unblock(call.integer("id") ?? 0, call.caller), call)
    }

    @Sendable private static func limit(_ call: BankCall) async throws -> ApiResponse {
        let store = CardStore(core: call.core)
        let id = call.integer("id") ?? 0
        guard let currency = try await store.currency(id, call.caller) else { throw missing(id) }
        let amount = try TransferRequest.amount(call.body["limit_30_days"])
        guard amount.currency == currency else {
            throw BankProblem(
                422, code: "amount_invalid", message: "the card is in \(currency.code), not in \(amount.currency.code)",
                hint: "Give the ceiling in the card's currency.")
        }
        return try answer(await store.limit(id, minor: amount.minor, call.caller), call)
    }

    private static func answer(_ card: JSON?, _ call: BankCall) throws(BankProblem) -> ApiResponse {
        guard let card else { throw missing(call.integer("id") ?? 0) }
        return .json(card.text)
    }

    private static func missing(_ id: Int64) -> BankProblem {
        BankProblem(
            404, code: "card_not_found", message: "card \(id) is none of yours",
            hint: "List your cards with: GET /bank/v1/cards")
    }
}
