internal import Bank
internal import Foundation
internal import Postgres
internal import Web

/// Money promised to a card payment.
struct HoldView: Sendable {
    let id: UUID
    let card: Int64?
    let amount: Money
    let remaining: Money
    let merchant: String?
    let status: String
    let createdAt: String
    let expiresAt: String

    private static let statuses = [
        "ouverte": "open", "capturee": "captured", "liberee": "released", "expiree": "expired",
    ]

    init(row: Row) throws {
        let code: String = try row.decode(4)
        guard let currency = Currency.known[code] else {
            throw PostgresError(kind: .decoding, message: "a hold is in a currency that is not known here")
        }
        id = try row.decode(0)
        card = try row.decodeIfPresent(1)
        amount = Money(minor: try row.decode(2), currency: currency)
        remaining = Money(minor: try row.decode(3), currency: currency)
        merchant = try row.decodeIfPresent(5)
        status = Self.statuses[try row.decode(6, as: String.self)] ?? "open"
        createdAt = try row.decode(7)
        expiresAt = try row.decode(8)
    }

    var json: JSON {
        [
            "id": .string(id.uuidString.lowercased()), "card": card.map { .integer($0) } ?? .null,
            "amount": amount.json, "remaining": remaining.json, "merchant": .text(merchant), "status": .string(status),
            "created_at": .string(createdAt), "expires_at": .string(expiresAt),
        ]
    }

    static let schema = Schema.named(
        "Hold",
        .object([
            .init("id", .uuid), .init("card", .nullable(.id)), .init("amount", .money), .init("remaining", .money),
            .init("merchant", .nullable(.text(TextRule()))),
            .init("status", .word(["open", "captured", "released", "expired"])), .init("created_at", .time),
            .init("expires_at", .time),
        ]))
}
