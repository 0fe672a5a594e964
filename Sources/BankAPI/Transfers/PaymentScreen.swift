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

    /// False while nothing would judge: orders then travel in lots.
    let isOn: @Sendable () -> Bool
    /// Runs as the bank itself. Without an origin the bank's own clock orders.
    let judge: @Sendable (TransferOrder, PaymentOrigin?, Transaction) async throws -> Verdict
    /// The same of a payment by card, with the account that the card draws on; nil judges none.
    let judgeCard: (@Sendable (CardPayment, AccountID, Transaction) async throws -> Verdict)?
    /// Told what a client says of a payment that was judged: its number, whether it is fraud, who says so.
    let hear: (@Sendable (Int64, Bool, String) async throws -> Void)?
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
        return screen
    }
}

/// Orders on their way through the screen. A client learns that an order is held, never why.
struct ScreenedTransfers: Sendable {
    let core: BankCore
    let caller: BankCaller

    private var screen: PaymentScreen? { core.screen.flatMap { $0.isOn() ? $0 : nil } }

    private enum Answer: Sendable {
        case outcome(BatchItem.Outcome)
        case refusal(BankProblem)
    }

    func execute(_ order: TransferOrder) async throws -> BatchItem.Outcome {
        guard let screen else { return try await core.batcher.transfer(order) }
        let answer = try await core.store.transactionAsBank { tx -> Answer in
            // The verdict on a refused order is kept too: an attempt tells something.
            let verdict = try await screen.judge(order, caller.origin, tx)
            if let refusal = Self.refusal(verdict, caller) { return .refusal(refusal) }
            let items = try await LedgerStore(tx).transfer(batch: [order], mode: .continue, channel: order.channel)
            guard let item = items.first else { throw ProblemTable.unexpected }
            return .outcome(item.outcome)
        }
        switch answer {
        case .refusal(let refusal): throw refusal
        case .outcome(.refused(let error)): throw error
        case .outcome(let outcome): return outcome
        }
    }

    /// What stands against each order of a lot, nil where nothing does.
    func refusals(_ orders: [TransferOrder]) async throws -> [BankProblem?] {
        guard let screen, !orders.isEmpty else { return orders.map { _ in nil } }
        return try await core.store.transactionAsBank { tx in
            var refusals: [BankProblem?] = []
            for order in orders {
                refusals.append(Self.refusal(try await screen.judge(order, caller.origin, tx), caller))
            }
            return refusals
        }
    }

    private static func refusal(_ verdict: PaymentScreen.Verdict, _ caller: BankCaller) -> BankProblem? {
        switch verdict {
        case .pass: return nil
        case .proof:
            guard caller.origin?.isProved != true else { return nil }
            return BankProblem(
                403, code: "payment_needs_proof", message: "this order needs one more proof of who you are",
                hint: "Sign in with your second factor, then send the order again with the same key.")
        case .held:
            return BankProblem(
                409, code: "payment_held", message: "the bank looks at this order first",
                hint: "You will hear from the bank; nothing was executed.")
        case .refused:
            return BankProblem(
                403, code: "payment_refused", message: "the bank does not execute this order",
                hint: "Call the bank if the order is yours.")
        }
    }
}
