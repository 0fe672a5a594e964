internal import Bank
internal import Cryptography
internal import Foundation
internal import HTTPTypes
internal import Web

/// One order as a client writes it.
struct TransferRequest: Sendable {
    let debit: Int64
    let payee: Payee
    let amount: Money
    let reason: String?
    let authorization: UUID?
    let key: String?

    /// - Parameter json: checked against one of the schemas below.
    init(json: JSON) throws(BankProblem) {
        debit = json["debit_account"]?.integer ?? 0
        payee = try Payee(json: json["payee"])
        amount = try Self.amount(json["amount"])
        reason = json["reason"]?.string
        authorization = json["authorization"]?.string.flatMap(UUID.init(uuidString:))
        key = json["idempotency_key"]?.string
    }

    static func amount(_ json: JSON?) throws(BankProblem) -> Money {
        guard let money = Money(json: json), money.minor > 0 else {
            throw BankProblem(
                422, code: "amount_invalid",
                message:
                    "the amount \(json?["amount"]?.string ?? "") \(json?["currency"]?.string ?? "") can not be paid",
                hint: "Give a positive amount with no more decimals than the currency has.")
        }
        return money
    }

    func order(to account: PayeeAccount, key: String, _ caller: BankCaller) -> TransferOrder {
        var order = TransferOrder(
            debit: AccountID(debit), credit: AccountID(account.id), amount: amount, key: OrderKey(key), reason: reason)
        order.channel = caller.channel
        order.caller = OrderCaller(user: caller.user, level: caller.level, authorization: authorization)
        return order
    }

    /// The key of the header, or of the body; both have to be the same.
    static func key(_ call: BankCall, body: String?) throws(BankProblem) -> String {
        let header = HTTPField.Name("Idempotency-Key").flatMap { call.request.fields[$0] }
        if let header {
            guard (try? keySchema.check(.string(header))) != nil else {
                throw BankProblem(
                    400, code: "idempotency_key_invalid", message: "the header Idempotency-Key has another form",
                    hint: "Send 1 to 200 characters, a UUID for instance.")
            }
            guard body == nil || body == header else {
                throw BankProblem(
                    400, code: "idempotency_key_invalid", message: "header and body give two different keys",
                    hint: "Give the key once.")
            }
        }
        guard let key = header ?? body else {
            throw BankProblem(
                400, code: "idempotency_key_missing", message: "the order has no key",
                hint: "Send the header Idempotency-Key with a new UUID for each new order.")
        }
        return key
    }

    /// An order's key under the one of its batch: two batches never share one, however much their keys begin alike.
    static func key(of index: Int, under key: String) -> String {
        let whole = "\(key):\(index)"
        guard whole.unicodeScalars.count > 200 || key.hasPrefix("sha256:") else { return whole }
        return "sha256:\(SHA256.hash(Array(key.utf8)).hex):\(index)"
    }

    static let keySchema = Schema.text(1...200)
    static let keyHeader = Route.Parameter(
        name: "Idempotency-Key", place: .header, schema: keySchema,
        words: "makes the order happen once; here or as idempotency_key in the body")

    private static let shared: [Schema.Property] = [
        .init("debit_account", .id, "an account of the caller's"), .init("payee", .payee), .init("amount", .payment),
        .init("reason", .text(1...140), isRequired: false, "what the payee reads"),
    ]
    private static let keyProperty = Schema.Property(
        "idempotency_key", keySchema, isRequired: false, "when there is no header")
    static let schema = Schema.named(
        "TransferOrder",
        .object(
            shared + [
                .init("authorization", .uuid, isRequired: false, "given for this amount and payee"), keyProperty,
            ]))
    static let previewSchema = Schema.named("TransferDraft", .object(shared))
    static let linkSchema = Schema.named("AuthorizationRequest", .object(Array(shared.prefix(3))))
    static let batchSchema = Schema.named(
        "TransferBatch",
        .object([
            .init("mode", .word(["atomic", "continue"]), "atomic: one refused order refuses all"),
            .init(
                "orders",
                .list(
                    .named(
                        "BatchOrder",
                        .object(
                            shared + [
                                .init(
                                    "idempotency_key", keySchema, isRequired: false,
                                    "by default the header's key, a colon and the order's place")
                            ])), 1...1000), "of one currency"),
        ]))

    static let draft: JSON = [
        "debit_account": 12, "payee": ["iban": "FR7630006000011234567890189", "name": "Léa Martin"],
        "amount": ["amount": "42.50", "currency": "EUR"], "reason": "Loyer de mai",
    ]
}
