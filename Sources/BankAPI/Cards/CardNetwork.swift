internal import Bank
internal import Foundation
internal import HTTPTypes
public import Postgres
public import Web

/// What the card network asks the bank: to hold, to capture and to release. Only the bank's own key may ask.
///
/// A payment passes the screen in the transaction that holds the money: the verdict on one that is refused is kept too.
public struct CardNetwork: Sendable {
    private let store: BankStore
    private let screen: PaymentScreen?

    public init(database: Database, screen: PaymentScreen?) {
        store = BankStore(database: database)
        self.screen = screen
    }

    /// Answers one request below `/cards/v1`; what is refused is an answer too.
    public func handle(_ request: ApiRequest, actor: Actor) async -> ApiResponse {
        do {
            guard actor.role == "service_role" else {
                throw BankProblem(
                    403, code: "forbidden", message: "the token's role \(actor.role) is not the card network's",
                    hint: "Use the bank's own key.")
            }
            let parts = request.path.split(separator: "/").map(String.init)
            guard parts.first == "authorizations", request.method == .post else { throw Self.unknown }
            switch (parts.count, parts.last) {
            case (1, _): return try await authorize(CardPayment(json: Self.body(request, CardPayment.schema)))
            case (3, "capture"): return try await capture(parts[1], Self.body(request, Self.captureSchema))
            case (3, "release"): return try await release(parts[1])
            default: throw Self.unknown
            }
        } catch {
            return ProblemTable.problem(error).response
        }
    }

    private enum Answer: Sendable {
        case hold(Hold)
        case problem(BankProblem)
    }

    private func authorize(_ payment: CardPayment) async throws -> ApiResponse {
        let answer = try await store.database.transaction { tx -> Answer in
            try await tx.run(BankStore.bankSettings)
            guard let account = try await CardHoldStore(tx: tx).account(of: payment.card) else {
                throw BankProblem(
                    404, code: "card_not_found", message: "there is no card \(payment.card)",
                    hint: "Give the card's number in the bank.")
            }
            if let refusal = try await self.refusal(payment, account, tx) { return .problem(refusal) }
            do {
                return .hold(
                    try await tx.savepoint { tx in
                        try await LedgerStore(tx).hold(
                            payment.amount, on: account, key: payment.key, card: payment.card,
                            merchant: payment.merchant ?? payment.terminal)
                    })
            } catch let error as LedgerError {
                return .problem(ProblemTable.problem(error))
            }
        }
        switch answer {
        case .problem(let problem): throw problem
        case .hold(let hold):
            let body: JSON = [
                "id": .string(hold.id.rawValue.uuidString.lowercased()), "status": "held",
                "account": .integer(hold.account.rawValue), "card": .integer(payment.card),
                "remaining": Money(minor: hold.remainingMinor, currency: payment.amount.currency).json,
                "replayed": .bool(hold.isReplay),
            ]
            return .json(body.text, status: hold.isReplay ? .ok : .created)
        }
    }

    /// The network learns what to do next, never why.
    private func refusal(
        _ payment: CardPayment, _ account: AccountID, _ tx: Transaction
    ) async throws -> BankProblem? {
        guard let screen, screen.isOn(), let judge = screen.judgeCard else { return nil }
        switch try await judge(payment, account, tx) {
        case .pass: return nil
        case .proof:
            guard !payment.isProved else { return nil }
            return BankProblem(
                403, code: "payment_needs_proof", message: "this payment needs a proof of who pays",
                hint: "Ask the client by 3-D Secure or PIN, then ask again with the same key and proved.")
        case .held:
            return BankProblem(
                409, code: "payment_held", message: "the bank looks at this payment first",
                hint: "Nothing is held; the client hears from the bank.")
        case .refused:
            return BankProblem(
                403, code: "payment_refused", message: "the bank does not take this payment",
                hint: "Do not ask again.")
        }
    }

    private static let captureSchema = Schema.object([
        .init("credit_account", .id), .init("idempotency_key", TransferRequest.keySchema),
        .init("amount", .nullable(.payment), isRequired: false), .init("last", .boolean, isRequired: false),
    ])

    private func capture(_ id: String, _ body: JSON) async throws -> ApiResponse {
        let hold = try Self.hold(id)
        let amount = body["amount"].flatMap { $0.isNull ? nil : $0 }
        let money = try amount.map { try TransferRequest.amount($0) }
        let entry = try await LedgerStore(BankExecutor(store: store)).capture(
            hold, to: AccountID(body["credit_account"]?.integer ?? 0),
            key: OrderKey(body["idempotency_key"]?.string ?? ""), amount: money, isLast: body["last"]?.bool ?? true)
        let answer: JSON = [
            "id": .string(id.lowercased()), "status": "captured", "operation": .integer(entry.operation.rawValue),
            "replayed": .bool(entry.isReplay),
        ]
        return .json(answer.text)
    }

    private func release(_ id: String) async throws -> ApiResponse {
        let wasHeld = try await LedgerStore(BankExecutor(store: store)).release(Self.hold(id))
        let answer: JSON = ["id": .string(id.lowercased()), "status": "released", "was_held": .bool(wasHeld)]
        return .json(answer.text)
    }

    private static func hold(_ id: String) throws(BankProblem) -> HoldID {
        guard let uuid = UUID(uuidString: id) else { throw unknown }
        return HoldID(uuid)
    }

    private static func body(_ request: ApiRequest, _ schema: Schema) throws(BankProblem) -> JSON {
        let value: JSON
        do {
            value = try JSONReader.read(request.body, depthMax: 16)
        } catch {
            throw BankProblem(
                400, code: "body_unreadable", message: "the body is no JSON: \(error.description)",
                hint: "Send one JSON object in UTF-8.")
        }
        do {
            try schema.check(value)
        } catch {
            throw BankProblem(
                422, code: "body_invalid",
                message: "\(error.place.isEmpty ? "the body" : String(error.place.prefix(200))) \(error.reason)",
                hint: "docs/guides/fraud.md has its form.", details: ["place": .string(error.place)])
        }
        return value
    }

    private static let unknown = BankProblem(
        404, code: "not_found", message: "nothing is served at this address",
        hint: "Post to /cards/v1/authorizations.")
}
