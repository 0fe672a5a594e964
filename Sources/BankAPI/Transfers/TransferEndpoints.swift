internal import Bank
internal import Foundation
internal import HTTPTypes
internal import Web

/// Orders: single ones share lots with others that come in at the same time, each judged for its own giver.
enum TransferEndpoints {
    private static let ledger: [Route.Refusal] = [
        .init(403, "insufficient_aal", "ledger_not_your_account"),
        .init(409, "ledger_key_reused", "ledger_account_frozen", "ledger_account_closed"),
        .init(
            422, "iban_invalid", "amount_invalid", "payee_not_here", "ledger_insufficient_funds",
            "ledger_limit_exceeded", "ledger_currency_differs", "ledger_same_account"),
        .init(503, "ledger_day_closed"),
    ]
    private static let held: [Route.Refusal] = [
        .init(403, "payment_needs_proof", "payment_refused"), .init(409, "payment_held"),
    ]
    private static let key = Route.Refusal(400, "idempotency_key_missing", "idempotency_key_invalid")

    static let routes: [Route] = [
        Route(
            method: .post, path: "/transfers", name: "orderTransfer", summary: "Moves money to an account of this bank",
            tag: "transfers", parameters: [TransferRequest.keyHeader],
            body: .init(schema: TransferRequest.schema, example: TransferRequest.draft),
            answers: [
                .json(resultSchema, "executed", status: 201, example: resultExample),
                .json(resultSchema, "the key was known: the first answer again", example: resultExample),
            ],
            refusals: ledger + held + [key, .init(403, "authorization_invalid")], run: order),
        Route(
            method: .get, path: "/transfers/{id}", name: "getTransfer", summary: "One order of the caller's",
            tag: "transfers", parameters: [.path("id", .uuid, "the order's id")],
            answers: [.json(TransferStore.schema, "the order")], refusals: [.init(404, "transfer_not_found")], run: show
        ),
        Route(
            method: .post, path: "/transfers/batch", name: "orderTransfers", summary: "Up to 1000 orders in one call",
            tag: "transfers", parameters: [TransferRequest.keyHeader],
            body: .init(
                schema: TransferRequest.batchSchema, example: ["mode": "continue", "orders": [TransferRequest.draft]]),
            answers: [.json(batchResultSchema, "each order's fate")],
            refusals: ledger + held + [key, .init(422, "ledger_batch_refused")], run: batch),
        Route(
            method: .post, path: "/transfers/preview", name: "previewTransfer",
            summary: "What would become of an order; nothing is done", tag: "transfers",
            body: .init(schema: TransferRequest.previewSchema, example: TransferRequest.draft),
            answers: [.json(previewSchema, "fees, the name's check, and whether it could be executed")],
            refusals: [.init(422, "iban_invalid", "amount_invalid"), .init(503, "ledger_day_closed")], run: preview),
        Route(
            method: .post, path: "/transfers/authorizations", name: "authorizeTransfer",
            summary: "Authorises one order of this amount to this payee", tag: "transfers",
            body: .init(
                schema: TransferRequest.linkSchema,
                example: .object((TransferRequest.draft.members ?? []).filter { $0.name != "reason" })),
            answers: [.json(TransferStore.authorizationSchema, "valid for five minutes, for one order", status: 201)],
            refusals: [
                .init(403, "insufficient_aal", "ledger_not_your_account"),
                .init(
                    422, "iban_invalid", "amount_invalid", "payee_not_here", "ledger_account_unknown",
                    "ledger_same_account"),
            ], run: authorize),
    ]

    // MARK: One order

    @Sendable private static func order(_ call: BankCall) async throws -> ApiResponse {
        let wish = try TransferRequest(json: call.body)
        let key = try TransferRequest.key(call, body: wish.key)
        let payees = PayeeStore(core: call.core)
        let account = try await PayeeStore.require(wish.payee, call.core)
        let check = try await payees.check(wish.payee, account)
        let order = wish.order(to: account, key: key, call.caller)
        let outcome = try await ScreenedTransfers(core: call.core, caller: call.caller).execute(order)
        guard case .executed(let id, let operation, let number, let balance, let isReplay) = outcome else {
            throw ProblemTable.unexpected
        }
        let body: JSON = [
            "id": .string(id.uuidString.lowercased()), "status": "executed", "replayed": .bool(isReplay),
            "operation": .integer(operation.rawValue), "number": .integer(number),
            "debit_account": .integer(wish.debit), "amount": wish.amount.json,
            "balance_after": balance.map { Money(minor: $0, currency: wish.amount.currency).json } ?? .null,
            "payee_check": check?.json ?? .null,
        ]
        var response = ApiResponse.json(body.text, status: isReplay ? .ok : .created)
        response.fields[.location] = "/bank/v1/transfers/\(id.uuidString.lowercased())"
        return response
    }

    private static let resultSchema = Schema.named(
        "TransferResult",
        .object([
            .init("id", .uuid), .init("status", .word(["executed"])), .init("replayed", .boolean),
            .init("operation", .id), .init("number", .id, "of the posting on the debited account"),
            .init("debit_account", .id), .init("amount", .money), .init("balance_after", .nullable(.money)),
            .init("payee_check", .nullable(NameCheck.schema), "when the payee's name was given"),
        ]))
    private static let resultExample: JSON = [
        "id": "0b5e1a52-7c53-4bb2-9d0e-3f1d8c9a4c10", "status": "executed", "replayed": false, "operation": 4711,
        "number": 17, "debit_account": 12, "amount": ["amount": "42.50", "currency": "EUR"],
        "balance_after": ["amount": "1207.50", "currency": "EUR"], "payee_check": ["result": "match", "name": .null],
    ]

    @Sendable private static func show(_ call: BankCall) async throws -> ApiResponse {
        guard let id = call.values["id"].flatMap(UUID.init(uuidString:)),
            let transfer = try await TransferStore(core: call.core).find(id, call.caller)
        else { throw unknown }
        return .json(transfer.text)
    }

    static let unknown = BankProblem(
        404, code: "transfer_not_found", message: "there is no such order of yours",
        hint: "Use the id that the order was answered with.")

    // MARK: Many orders

    @Sendable private static func batch(_ call: BankCall) async throws -> ApiResponse {
        var wishes: [TransferRequest] = []
        var keys: [String] = []
        let entries = call.body["orders"]?.array ?? []
        for (index, json) in entries.enumerated() {
            let wish = try TransferRequest(json: json)
            // A key of its own, or the header's with its place.
            if let key = wish.key {
                keys.append(key)
            } else {
                keys.append(TransferRequest.key(of: index, under: try TransferRequest.key(call, body: nil)))
            }
            wishes.append(wish)
        }
        let mode: BatchMode = call.body["mode"]?.string == "atomic" ? .allOrNothing : .continue
        let accounts = try await PayeeStore(core: call.core).find(wishes.map(\.payee))
        var results: [JSON?] = Array(repeating: nil, count: wishes.count)
        var orders: [TransferOrder] = []
        var places: [Int] = []
        for (index, (wish, account)) in zip(wishes, accounts).enumerated() {
            guard let account else {
                guard mode == .continue else {
                    var refusal = PayeeStore.elsewhere
                    refusal.details = [["rang": .integer(index + 1), "code": .string(refusal.code)]]
                    throw refusal
                }
                results[index] = refused(index, keys[index], PayeeStore.elsewhere)
                continue
            }
            orders.append(wish.order(to: account, key: keys[index], call.caller))
            places.append(index)
        }
        let held = try await ScreenedTransfers(core: call.core, caller: call.caller).refusals(orders)
        if mode == .allOrNothing, let refusal = held.compactMap(\.self).first { throw refusal }
        for (index, refusal) in held.enumerated().reversed() {
            guard let refusal else { continue }
            results[places[index]] = refused(places[index], orders[index].key.rawValue, refusal)
            orders.remove(at: index)
            places.remove(at: index)
        }
        for (place, item) in zip(places, try await TransferStore(core: call.core).batch(orders, mode)) {
            results[place] = result(place, item)
        }
        let all = results.compactMap { $0 }
        let executed = all.count { $0["status"]?.string == "executed" }
        let body: JSON = [
            "executed": .integer(executed), "refused": .integer(all.count - executed), "results": .array(all),
        ]
        return .json(body.text)
    }

    private static func result(_ index: Int, _ item: BatchItem) -> JSON {
        switch item.outcome {
        case .executed(let id, let operation, _, _, let isReplay):
            return [
                "index": .integer(index), "idempotency_key": .string(item.key.rawValue), "status": "executed",
                "id": .string(id.uuidString.lowercased()), "operation": .integer(operation.rawValue),
                "replayed": .bool(isReplay), "problem": .null,
            ]
        case .refused(let error): return refused(index, item.key.rawValue, ProblemTable.problem(error))
        }
    }

    private static func refused(_ index: Int, _ key: String, _ problem: BankProblem) -> JSON {
        [
            "index": .integer(index), "idempotency_key": .string(key), "status": "refused", "id": .null,
            "operation": .null, "replayed": false, "problem": problem.json,
        ]
    }

    private static let batchResultSchema = Schema.named(
        "TransferBatchResult",
        .object([
            .init("executed", .integer(0...1000)), .init("refused", .integer(0...1000)),
            .init(
                "results",
                .list(
                    .named(
                        "BatchOrderResult",
                        .object([
                            .init("index", .integer(0...999)), .init("idempotency_key", TransferRequest.keySchema),
                            .init("status", .word(["executed", "refused"])), .init("id", .nullable(.uuid)),
                            .init("operation", .nullable(.id)), .init("replayed", .boolean),
                            .init("problem", .nullable(.problem)),
                        ])), 1...1000)),
        ]))

    // MARK: Before an order

    @Sendable private static func preview(_ call: BankCall) async throws -> ApiResponse {
        let wish = try TransferRequest(json: call.body)
        let payees = PayeeStore(core: call.core)
        let found = try await payees.find([wish.payee]).first ?? nil
        let check = try await payees.check(wish.payee, found)
        var refusal: BankProblem? = PayeeStore.elsewhere
        var needsSecondFactor = false
        if let found {
            let store = TransferStore(core: call.core)
            var order = wish.order(to: found, key: OrderKey.random().rawValue, call.caller)
            order.caller = OrderCaller(user: call.caller.user, level: "aal2")
            switch try await store.rehearse(order) {
            case .executed: refusal = nil
            case .refused(let error): refusal = ProblemTable.problem(error)
            }
            if refusal?.code != "ledger_not_your_account" {
                needsSecondFactor = try await store.needsSecondFactor(order)
            }
        }
        let body: JSON = [
            "executable": .bool(refusal == nil && (!needsSecondFactor || call.caller.level == "aal2")),
            "payee_is_here": .bool(found != nil), "amount": wish.amount.json,
            "fees": Money(minor: 0, currency: wish.amount.currency).json, "payee_check": check?.json ?? .null,
            "needs_second_factor": .bool(needsSecondFactor), "refusal": refusal?.json ?? .null,
        ]
        return .json(body.text)
    }

    private static let previewSchema = Schema.named(
        "TransferPreview",
        .object([
            .init("executable", .boolean, "as things stand, with the caller's token"), .init("payee_is_here", .boolean),
            .init("amount", .money), .init("fees", .money), .init("payee_check", .nullable(NameCheck.schema)),
            .init("needs_second_factor", .boolean), .init("refusal", .nullable(.problem)),
        ]))

    @Sendable private static func authorize(_ call: BankCall) async throws -> ApiResponse {
        let wish = try TransferRequest(json: call.body)
        let account = try await PayeeStore.require(wish.payee, call.core)
        let order = wish.order(to: account, key: "-", call.caller)
        let body = try await TransferStore(core: call.core).authorize(order, call.caller)
        return .json(body.text, status: .created)
    }
}
