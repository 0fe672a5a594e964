public import Foundation

/// An account's number in `comptes`.
public struct AccountID: Hashable, Sendable {
    public let rawValue: Int64
    public init(_ rawValue: Int64) { self.rawValue = rawValue }
}

/// An operation's number in `transactions`.
public struct OperationID: Hashable, Sendable {
    public let rawValue: Int64
    public init(_ rawValue: Int64) { self.rawValue = rawValue }
}

/// A hold's id in `reservations`.
public struct HoldID: Hashable, Sendable {
    public let rawValue: UUID
    public init(_ rawValue: UUID) { self.rawValue = rawValue }
}

/// What makes an order happen once, for ever: 1 to 200 characters, chosen by whoever orders.
public struct OrderKey: Hashable, Sendable {
    public let rawValue: String
    public init(_ rawValue: String) { self.rawValue = rawValue }

    /// A key that nobody has used.
    public static func random() -> OrderKey { OrderKey(UUID().uuidString.lowercased()) }
}

/// A calendar day, as PostgreSQL writes it: `2026-11-25`.
public struct LedgerDay: Hashable, Sendable, Comparable, CustomStringConvertible {
    public let description: String

    /// Nil when the text has another form. Whether the day exists is the database's to say.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        let isDigit = { (byte: UInt8) in (48...57).contains(byte) }
        guard bytes.count == 10, bytes[4] == 45, bytes[7] == 45,
            bytes.enumerated().allSatisfy({ $0.offset == 4 || $0.offset == 7 || isDigit($0.element) })
        else { return nil }
        description = text
    }

    public static func < (one: LedgerDay, other: LedgerDay) -> Bool { one.description < other.description }
}

/// Whom an order is executed for: the database judges it as if they had called it themselves.
public struct OrderCaller: Hashable, Sendable {
    /// The `sub` of their token.
    public let user: UUID
    /// How strongly they proved who they are: `aal1` or `aal2`.
    public let level: String
    /// Spent by the order: given for its amount and payee.
    public let authorization: UUID?

    public init(user: UUID, level: String, authorization: UUID? = nil) {
        self.user = user
        self.level = level
        self.authorization = authorization
    }
}

/// A wish to move money from one account to another.
public struct TransferOrder: Hashable, Sendable {
    public var debit: AccountID
    public var credit: AccountID
    public var amount: Money
    public var key: OrderKey
    public var reason: String?
    public var reference: String?
    /// Where the order came in; daily limits are kept by channel. A client's own call cannot choose it.
    public var channel = "api"
    /// From when it counts for interest; nil is the business day. At most a year away.
    public var valueDay: LedgerDay?
    /// Refuses the order unless this business day is the open one.
    public var businessDay: LedgerDay?
    /// Nil when the session's own caller orders. With a caller the order has no dates and no reference.
    public var caller: OrderCaller?

    public init(
        debit: AccountID, credit: AccountID, amount: Money, key: OrderKey = .random(), reason: String? = nil
    ) {
        self.debit = debit
        self.credit = credit
        self.amount = amount
        self.key = key
        self.reason = reason
    }
}

/// What was booked.
public struct LedgerEntry: Hashable, Sendable {
    public let operation: OperationID
    /// The order's id in `virements`; nil for captures.
    public let order: UUID?
    /// The posting's number on the debited account.
    public let number: Int64
    public let creditNumber: Int64
    /// The debited account's balance after it, in minor units; nil for hot accounts.
    public let balanceAfterMinor: Int64?
    public let bookedAt: Date
    public let businessDay: LedgerDay
    public let valueDay: LedgerDay
    /// True when the key was known: nothing was done, and this is the first answer.
    public let isReplay: Bool
}

/// Whether a batch goes on behind a refused order.
public enum BatchMode: String, Sendable {
    /// One refused order refuses all.
    case allOrNothing = "tout_ou_rien"
    /// Refused orders are named, the others are executed.
    case `continue` = "continuer"
}

/// What became of one order of a batch.
public struct BatchItem: Sendable, Hashable {
    public let key: OrderKey
    public let outcome: Outcome

    public enum Outcome: Sendable, Hashable {
        case executed(
            order: UUID, operation: OperationID, number: Int64, balanceAfterMinor: Int64?, isReplay: Bool)
        case refused(LedgerError)
    }
}

/// Money promised and not moved yet.
public struct Hold: Hashable, Sendable {
    public let id: HoldID
    public let account: AccountID
    public let remainingMinor: Int64
    /// What the account can still spend.
    public let availableMinor: Int64
    public let isReplay: Bool
}

/// One line of a statement of account.
public struct StatementLine: Hashable, Sendable {
    public let number: Int64
    public let operation: OperationID
    public let bookedAt: Date
    public let businessDay: LedgerDay?
    public let valueDay: LedgerDay?
    public let kind: String
    public let amountMinor: Int64
    public let balanceAfterMinor: Int64?
    public let text: String?
    public let counterparty: AccountID?
}

/// Something in the ledger that is not as the rules say.
public struct LedgerFinding: Hashable, Sendable {
    public let rule: String
    public let object: String
    public let expected: String
    public let found: String
}
