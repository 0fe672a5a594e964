internal import Bank
internal import Web

/// An account as its holder sees it.
struct Account: Sendable, Hashable {
    let id: Int64
    let type: String
    let status: String
    let currency: Currency
    /// Nil when there is none, or when what seals it was destroyed.
    let iban: String?
    let lastFour: String?
    let bic: String?
    let balanceMinor: Int64
    let heldMinor: Int64
    let overdraftMinor: Int64
    let openedOn: String

    /// What can be spent: the balance and the overdraft, without what is held.
    var availableMinor: Int64 { balanceMinor - heldMinor + overdraftMinor }

    func money(_ minor: Int64) -> JSON { Money(minor: minor, currency: currency).json }

    var json: JSON {
        [
            "id": .integer(id), "type": .string(type), "status": .string(status), "iban": .text(iban),
            "iban_last4": .text(lastFour), "bic": .text(bic), "balance": money(balanceMinor), "held": money(heldMinor),
            "overdraft": money(overdraftMinor), "available": money(availableMinor), "opened_on": .string(openedOn),
        ]
    }

    static let schema = Schema.named(
        "Account",
        .object([
            .init("id", .id), .init("type", .word(["courant", "epargne", "joint"])),
            .init("status", .word(["actif", "bloque", "clos"])),
            .init("iban", .nullable(.text(TextRule())), "null when the bank can not read it any more"),
            .init("iban_last4", .nullable(.text(1...4))), .init("bic", .nullable(.bic)), .init("balance", .money),
            .init("held", .money, "promised to card payments"), .init("overdraft", .money, "agreed"),
            .init("available", .money, "balance + overdraft − held"), .init("opened_on", .date),
        ]))

    static let example: JSON = [
        "id": 12, "type": "courant", "status": "actif", "iban": "FR7630006000011234567890189", "iban_last4": "0189",
        "bic": .null, "balance": ["amount": "1250.00", "currency": "EUR"],
        "held": ["amount": "0.00", "currency": "EUR"],
        "overdraft": ["amount": "200.00", "currency": "EUR"], "available": ["amount": "1450.00", "currency": "EUR"],
        "opened_on": "2024-05-02",
    ]
}

extension JSON {
    static func text(_ value: String?) -> JSON { value.map(JSON.string) ?? .null }
}

extension Money {
    var json: JSON { ["amount": .string(decimalText), "currency": .string(currency.code)] }

    /// Nil when the currency has fewer places than the text, or the number does not fit.
    init?(json: JSON?) {
        guard let text = json?["amount"]?.string, let code = json?["currency"]?.string,
            let currency = Currency.known[code]
        else { return nil }
        self.init(decimal: text, currency: currency)
    }
}
