/// Something that happens if the account's money allows it.
struct Event: Sendable {
    enum Kind: UInt8, Sendable {
        case opening, salary, rent, debit, card, cash, fee, transferOut, transferInside, saving, forged
    }

    var at: Int
    var account: Int32
    var kind: Kind
    var amount: Int
    var label: Int32 = -1
    var counterpart: Int32 = -1
    var card: Int32 = -1
    /// The account that receives, inside the bank.
    var partner: Int32 = -1
    var beneficiary: Int32 = -1

    /// Whether the client ordered it: each transfer that leaves an account has an order, but a forged one.
    var isOrdered: Bool { kind == .transferOut || kind == .transferInside || kind == .saving }
}

/// Strings and counterparts that many events share.
struct EventPool {
    var events: [Event] = []
    private(set) var labels: [String] = []
    private(set) var counterparts: [Counterpart] = []
    private var labelNumbers: [String: Int32] = [:]

    mutating func label(_ text: String) -> Int32 {
        if let known = labelNumbers[text] { return known }
        labels.append(text)
        let number = Int32(labels.count - 1)
        labelNumbers[text] = number
        return number
    }

    mutating func counterpart(_ name: String, _ iban: String) -> Int32 {
        counterparts.append(Counterpart(name: name, iban: iban))
        return Int32(counterparts.count - 1)
    }
}
