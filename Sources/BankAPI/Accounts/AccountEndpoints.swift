internal import HTTPTypes
internal import Web

/// What a client has: accounts and holds.
enum AccountEndpoints {
    static let accountID = Route.Parameter.path("id", .id, "the account's number")

    static let routes: [Route] = [
        Route(
            method: .get, path: "/accounts", name: "listAccounts", summary: "The caller's accounts", tag: "accounts",
            answers: [
                .json(
                    .object([.init("accounts", .list(Account.schema, 0...AccountStore.accountsMax))]),
                    "in the order of their numbers", example: ["accounts": [Account.example]])
            ],
            run: list),
        Route(
            method: .get, path: "/accounts/{id}", name: "getAccount", summary: "One account", tag: "accounts",
            parameters: [accountID],
            answers: [.json(Account.schema, "the account at this moment", example: Account.example)],
            refusals: [.init(404, "account_not_found")], run: show),
        Route(
            method: .get, path: "/accounts/{id}/holds", name: "listHolds",
            summary: "What is held on an account for card payments", tag: "accounts", parameters: [accountID],
            answers: [
                .json(
                    .object([.init("holds", .list(HoldView.schema, 0...200))]),
                    "open ones first, the newest before older")
            ],
            refusals: [.init(404, "account_not_found")], run: holds),
    ]

    @Sendable private static func list(_ call: BankCall) async throws -> ApiResponse {
        let accounts = try await AccountStore(core: call.core).all(call.caller)
        return .json(JSON.object([.init("accounts", .array(accounts.map(\.json)))]).text)
    }

    @Sendable private static func show(_ call: BankCall) async throws -> ApiResponse {
        .json(try await find(call).json.text)
    }

    @Sendable private static func holds(_ call: BankCall) async throws -> ApiResponse {
        let account = try await find(call)
        let holds = try await AccountStore(core: call.core).holds(account.id, call.caller)
        return .json(JSON.object([.init("holds", .array(holds.map(\.json)))]).text)
    }

    /// The account that the path names, when it is the caller's.
    static func find(_ call: BankCall) async throws -> Account {
        let id = call.integer("id") ?? 0
        guard let account = try await AccountStore(core: call.core).find(id, call.caller) else {
            throw BankProblem(
                404, code: "account_not_found", message: "account \(id) is none of yours",
                hint: "List your accounts with: GET /bank/v1/accounts")
        }
        return account
    }
}
