public import Bank
internal import Foundation
internal import Web

/// A payment by card, as the card network asks for it.
public struct CardPayment: Sendable, Hashable {
    /// The card's number in the bank, not the one on it.
    public var card: Int64
    public var amount: Money
    public var key: OrderKey
    public var merchant: String?
    /// The merchant's terminal, by its name in the network.
    public var terminal: String
    /// Two letters, as ISO 3166 has them.
    public var country: String?
    /// Whether the client has proved for this payment who they are: by PIN, or by 3-D Secure.
    public var isProved: Bool

    public init(
        card: Int64, amount: Money, key: OrderKey, merchant: String? = nil, terminal: String, country: String? = nil,
        isProved: Bool = false
    ) {
        self.card = card
        self.amount = amount
        self.key = key
        self.merchant = merchant
        self.terminal = terminal
        self.country = country
        self.isProved = isProved
    }

    static let schema = Schema.object([
        .init("card", .id), .init("amount", .payment), .init("idempotency_key", TransferRequest.keySchema),
        .init("terminal", .text(1...100)), .init("merchant", .nullable(.text(1...140)), isRequired: false),
        .init("country", .nullable(.text(2...2)), isRequired: false), .init("proved", .boolean, isRequired: false),
    ])

    /// - Parameter json: checked against the schema.
    init(json: JSON) throws(BankProblem) {
        self.init(
            card: json["card"]?.integer ?? 0, amount: try TransferRequest.amount(json["amount"]),
            key: OrderKey(json["idempotency_key"]?.string ?? ""), merchant: json["merchant"]?.string,
            terminal: json["terminal"]?.string ?? "", country: json["country"]?.string?.uppercased(),
            isProved: json["proved"]?.bool ?? false)
    }
}
