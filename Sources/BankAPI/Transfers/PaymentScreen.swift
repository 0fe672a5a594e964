public import Bank
public import Postgres

/// Whence an order came, as the server saw it.
public struct PaymentOrigin: Sendable, Hashable {
    public let address: String
    /// What the client's program calls its device, if it does.
    public let device: String?
    /// The client has proved who they are once more: a verdict that asks for a proof lets the order pass.
    public let isProved: Bool

    public init(address: String, device: String?, isProved: Bool = false) {
        self.address = address
        self.device = device
        self.isProved = isProved
    }
}

/// Whether an order may be executed, asked in the transaction that executes it: what the screen keeps stands when the money
/// has moved.
public struct PaymentScreen: Sendable {
    public enum Verdict: Sendable, Hashable {
        case pass
        /// The client has to prove who they are once more.
        case proof
        /// The bank looks at it first.
        case held
        case refused
    }

    /// An order of a lot, and whence it came.
    public struct Wish: Sendable {
        public let order: TransferOrder
        public let origin: PaymentOrigin?

        init(_ order: TransferOrder, _ origin: PaymentOrigin?) {
            self.order = order
            self.origin = origin
        }
    }

    /// What the screen says of an order of a lot.
    public enum LotVerdict: Sendable {
        case verdict(Verdict)
        case failure(any Error)
        /// It has to be asked about by itself.
        case alone
    }

    /// False while nothing would judge.
    let isOn: @Sendable () -> Bool
    /// Runs as the bank itself. Without an origin the bank's own clock orders.
    let judge: @Sendable (TransferOrder, PaymentOrigin?, Transaction) async throws -> Verdict
    /// The same of a payment by card, with the account that the card draws on; nil judges none.
    let judgeCard: (@Sendable (CardPayment, AccountID, Transaction) async throws -> Verdict)?
    /// Told what a client says of a payment that was judged: its number, whether it is fraud, who says so.
    let hear: (@Sendable (Int64, Bool, String) async throws -> Void)?
    /// The same of many orders in one transaction, each with its own verdict. Nil: orders are judged one by one.
    public var judgeLot: (@Sendable ([Wish], Transaction) async throws -> [LotVerdict])?
    /// Told that a client did not give an order that was executed: its account and key, who says so. False when it was never
    /// judged.
    public var deny: (@Sendable (AccountID, OrderKey, String) async throws -> Bool)?

    public init(
        isOn: @escaping @Sendable () -> Bool,
        hear: (@Sendable (Int64, Bool, String) async throws -> Void)? = nil,
        judgeCard: (@Sendable (CardPayment, AccountID, Transaction) async throws -> Verdict)? = nil,
        judge: @escaping @Sendable (TransferOrder, Transaction) async throws -> Verdict
    ) {
        self.init(isOn: isOn, hear: hear, judgeCard: judgeCard, judging: { order, _, tx in try await judge(order, tx) })
    }

    /// - Parameter judging: also told whence the order came.
    public init(
        isOn: @escaping @Sendable () -> Bool,
        hear: (@Sendable (Int64, Bool, String) async throws -> Void)? = nil,
        judgeCard: (@Sendable (CardPayment, AccountID, Transaction) async throws -> Verdict)? = nil,
        judging: @escaping @Sendable (TransferOrder, PaymentOrigin?, Transaction) async throws -> Verdict
    ) {
        self.isOn = isOn
        self.hear = hear
        self.judgeCard = judgeCard
        judge = judging
    }

    /// The same, where some accounts' orders need one more proof whatever the judge says.
    ///
    /// - Parameter needsProof: told the account that is debited.
    public func asking(
        isAny: @escaping @Sendable () -> Bool, needsProof: @escaping @Sendable (Int64) -> Bool
    ) -> PaymentScreen {
        var screen = PaymentScreen(
            isOn: { isAny() || isOn() }, hear: hear,
            judgeCard: { payment, account, tx in
                let verdict = isOn() ? try await judgeCard?(payment, account, tx) ?? .pass : .pass
                return verdict == .pass && needsProof(account.rawValue) ? .proof : verdict
            },
            judging: { order, origin, tx in
                let verdict = isOn() ? try await judge(order, origin, tx) : .pass
                return verdict == .pass && needsProof(order.debit.rawValue) ? .proof : verdict
            })
        screen.deny = deny
        if let judgeLot {
            screen.judgeLot = { wishes, tx in
                let verdicts = isOn() ? try await judgeLot(wishes, tx) : wishes.map { _ in .verdict(.pass) }
                return zip(wishes, verdicts).map { wish, verdict in
                    guard case .verdict(.pass) = verdict, needsProof(wish.order.debit.rawValue) else { return verdict }
                    return .verdict(.proof)
                }
            }
        }
        return screen
    }
}
