internal import Postgres

/// An operation whose running balance is not the one before plus its amount. Amounts are hundredths.
struct ChainBreak: Sendable, RowDecodable {
    let id: Int64
    let account: Int64
    /// The account's operation before; 0 for its first.
    let previousID: Int64
    let rank: Int64
    let amount: Int64
    let balance: Int64
    /// What is missing between the balance before and this one.
    let gap: Int64
    let at: String
    let type: String
    let wording: String
    let previousBalance: Int64
    /// What the client ordered, when there is an order: a positive amount.
    let orderAmount: Int64?
    /// The other leg of a transfer inside the bank.
    let twinAmount: Int64?
    let previousMonth: String
    let month: String

    /// What the amount would have to be, when the balances are right.
    var expectedAmount: Int64 { amount &+ gap }
}

extension ChainBreak {
    init(row: Row) throws {
        id = try row.decode(0)
        account = try row.decode(1)
        previousID = try row.decode(2)
        rank = try row.decode(3)
        amount = try row.decode(4)
        balance = try row.decode(5)
        gap = try row.decode(6)
        at = try row.decode(7)
        type = try row.decode(8)
        wording = try row.decode(9)
        previousBalance = try row.decode(10)
        orderAmount = try row.decodeIfPresent(11)
        twinAmount = try row.decodeIfPresent(12)
        previousMonth = try row.decodeIfPresent(13) ?? ""
        month = try row.decodeIfPresent(14) ?? ""
    }
}

/// How large amounts are, as the logarithm of hundredths.
struct AmountSpread: Sendable {
    var count: Int64
    var mean: Double
    var deviation: Double
    /// All are whole tens, all are whole units.
    var isRoundToTens = false
    var isRoundToUnits = false
}

/// Everything that helps to tell an altered amount from a missing operation.
struct ChainEvidence: Sendable {
    struct Order: Sendable {
        let account: Int64
        let amount: Int64
    }

    /// Ids that no row has, ascending; nil when the bank's ids have gaps of their own and prove nothing.
    var missingIDs: [Int64]?
    /// Executed orders whose operation is gone, by the operation's id.
    var orders: [Int64: Order] = [:]
    /// Operations that the statement counts and the account does not have: account, month.
    var missingByMonth: [Int64: [String: Int64]] = [:]
    var spreads: [String: AmountSpread] = [:]
    /// Of operations alike on the same account, by the broken operation's id.
    var siblings: [Int64: AmountSpread] = [:]
    var creditShare = 0.1
    var debits = AmountSpread(count: 0, mean: 8, deviation: 1.2)
}

/// What happened at a break.
enum BreakVerdict: Sendable, Equatable {
    case amountAltered(expected: Int64, RowFinding.Confidence)
    /// `id` is the missing operation's.
    case operationMissing(id: Int64?, amount: Int64, RowFinding.Confidence)
    /// The running balance itself was changed.
    case balanceAltered(expected: Int64)
    case unexplained
}
