internal import Bank
internal import Postgres

/// Orders on their way through the screen. A client learns that an order is held, never why.
struct ScreenedTransfers: Sendable {
    let core: BankCore
    let caller: BankCaller

    private var screen: PaymentScreen? { core.screen.flatMap { $0.isOn() ? $0 : nil } }

    func execute(_ order: TransferOrder) async throws -> BatchItem.Outcome {
        guard let screen else { return try await core.batcher.transfer(order) }
        let answer =
            if let lots = core.lots, let answer = try await lots.transfer(.init(order, caller.origin)) {
                answer
            } else {
                try await alone(order, screen)
            }
        switch answer {
        case .refusal(let verdict): throw Self.refusal(verdict, caller.origin) ?? ProblemTable.unexpected
        case .outcome(.refused(let error)): throw error
        case .outcome(let outcome): return outcome
        }
    }

    private func alone(_ order: TransferOrder, _ screen: PaymentScreen) async throws -> ScreenedLots.Answer {
        try await core.store.transactionAsBank { tx in
            // The verdict on a refused order is kept too: an attempt tells something.
            let verdict = try await screen.judge(order, caller.origin, tx)
            guard Self.refusal(verdict, caller.origin) == nil else { return .refusal(verdict) }
            let items = try await LedgerStore(tx).transfer(batch: [order], mode: .continue, channel: order.channel)
            guard let item = items.first else { throw ProblemTable.unexpected }
            return .outcome(item.outcome)
        }
    }

    /// Orders that are judged in one transaction: as many as are executed in one.
    private static let lotMax = 100

    /// What stands against each order of a lot, nil where nothing does.
    func refusals(_ orders: [TransferOrder]) async throws -> [BankProblem?] {
        guard let screen, !orders.isEmpty else { return orders.map { _ in nil } }
        var refusals: [BankProblem?] = []
        for start in stride(from: 0, to: orders.count, by: Self.lotMax) {
            let lot = Array(orders[start..<min(start + Self.lotMax, orders.count)])
            refusals += try await core.store.transactionAsBank { tx in
                let verdicts = try await self.verdicts(lot, screen, tx)
                return verdicts.map { Self.refusal($0, caller.origin) }
            }
        }
        return refusals
    }

    private func verdicts(
        _ orders: [TransferOrder], _ screen: PaymentScreen, _ tx: Transaction
    ) async throws -> [PaymentScreen.Verdict] {
        let wishes = orders.map { PaymentScreen.Wish($0, caller.origin) }
        let told = try await screen.judgeLot?(wishes, tx) ?? wishes.map { _ in .alone }
        var verdicts: [PaymentScreen.Verdict] = []
        for (order, verdict) in zip(orders, told) {
            switch verdict {
            case .verdict(let verdict): verdicts.append(verdict)
            case .failure(let error): throw error
            case .alone: verdicts.append(try await screen.judge(order, caller.origin, tx))
            }
        }
        return verdicts
    }

    /// Nil where the order may be executed.
    static func refusal(_ verdict: PaymentScreen.Verdict, _ origin: PaymentOrigin?) -> BankProblem? {
        switch verdict {
        case .pass: return nil
        case .proof:
            guard origin?.isProved != true else { return nil }
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
