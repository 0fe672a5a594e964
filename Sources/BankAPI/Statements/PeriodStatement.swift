internal import Bank
internal import Foundation
internal import Postgres
internal import Web

/// What moved on an account in a period, and the balances on either side.
struct PeriodStatement: Sendable {
    let account: Account
    /// The client's name, for papers; nil when it can not be read.
    var holder: String?
    /// As asked; nil is the account's beginning and its newest posting.
    let from: String?
    let to: String?
    let openingMinor: Int64
    let closingMinor: Int64
    let creditsMinor: Int64
    let debitsMinor: Int64
    let entries: [Entry]
    /// Behind which entry the next page begins.
    let next: Int64?
    /// How many entries the period has.
    let count: Int64

    struct Entry: Sendable, Hashable {
        let number: Int64
        let operation: Int64
        /// UTC, with milliseconds.
        let bookedAt: String
        let businessDate: String
        let valueDate: String
        let kind: String
        let amountMinor: Int64
        let balanceAfterMinor: Int64
        let label: String?
        let reference: String?
        let transfer: UUID?

        init(row: Row) throws {
            number = try row.decode(6)
            operation = try row.decode(7)
            bookedAt = try row.decode(8)
            businessDate = try row.decode(9)
            valueDate = try row.decode(10)
            kind = try row.decode(11)
            amountMinor = try row.decode(12)
            balanceAfterMinor = try row.decode(13)
            label = try row.decodeIfPresent(14)
            reference = try row.decodeIfPresent(15)
            transfer = try row.decodeIfPresent(16)
        }

        init(
            number: Int64, operation: Int64, bookedAt: String, businessDate: String, valueDate: String, kind: String,
            amountMinor: Int64, balanceAfterMinor: Int64, label: String?, reference: String? = nil,
            transfer: UUID? = nil
        ) {
            self.number = number
            self.operation = operation
            self.bookedAt = bookedAt
            self.businessDate = businessDate
            self.valueDate = valueDate
            self.kind = kind
            self.amountMinor = amountMinor
            self.balanceAfterMinor = balanceAfterMinor
            self.label = label
            self.reference = reference
            self.transfer = transfer
        }

        /// What a paper says when the order gave no reason.
        var words: String {
            if let label, !label.isEmpty { return label }
            switch kind {
            case "virement": return amountMinor < 0 ? "Virement émis" : "Virement reçu"
            case "carte": return "Paiement par carte"
            case "contrepassation": return "Annulation"
            case "reprise": return "Reprise du solde"
            default: return kind
            }
        }
    }

    /// The days that papers name: as asked, else of the first and last entry, else the account's opening.
    var firstDay: String { from ?? entries.first?.businessDate ?? account.openedOn }
    var lastDay: String { to ?? entries.last?.businessDate ?? firstDay }
}

extension PeriodStatement {
    var json: JSON {
        [
            "account": .integer(account.id), "from": .text(from), "to": .text(to),
            "opening": account.money(openingMinor), "closing": account.money(closingMinor),
            "credits": account.money(creditsMinor), "debits": account.money(debitsMinor), "count": .integer(count),
            "entries": .array(
                entries.map { entry in
                    [
                        "number": .integer(entry.number), "operation": .integer(entry.operation),
                        "booked_at": .string(entry.bookedAt), "business_date": .string(entry.businessDate),
                        "value_date": .string(entry.valueDate), "kind": .string(entry.kind),
                        "amount": account.money(entry.amountMinor),
                        "balance_after": account.money(entry.balanceAfterMinor), "label": .text(entry.label),
                        "reference": .text(entry.reference),
                        "transfer": .text(entry.transfer?.uuidString.lowercased()),
                    ]
                }), "next": next.map { .string(String($0)) } ?? .null,
        ]
    }

    static let schema = Schema.named(
        "Statement",
        .object([
            .init("account", .id), .init("from", .nullable(.date)), .init("to", .nullable(.date)),
            .init("opening", .money, "before the period"), .init("closing", .money, "opening + credits − debits"),
            .init("credits", .money, "of the whole period"), .init("debits", .money, "of the whole period"),
            .init("count", .integer(0...Int64.max), "entries of the whole period"),
            .init("entries", .list(entrySchema, 0...500)),
            .init("next", .nullable(.text(1...19)), "the cursor of the next page; null on the last"),
        ]))

    private static let entrySchema = Schema.named(
        "Entry",
        .object([
            .init("number", .id, "without gaps per account"), .init("operation", .id), .init("booked_at", .time),
            .init("business_date", .date), .init("value_date", .date), .init("kind", .text(TextRule())),
            .init("amount", .money, "negative is a debit"), .init("balance_after", .money),
            .init("label", .nullable(.text(TextRule()))), .init("reference", .nullable(.text(TextRule()))),
            .init("transfer", .nullable(.uuid)),
        ]))
}
