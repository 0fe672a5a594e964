internal import Bank
internal import Postgres

/// Executes standing orders, one a transaction, each judged before as a client's own orders are. Their client proved who
/// they are when they were set up: a verdict that asks for one more proof lets them pass.
struct StandingOrderRunner: Sendable {
    /// Orders of one turn; the rest waits for the next.
    static let ordersMax = 10_000
    let core: BankCore

    private var screen: PaymentScreen? { core.screen.flatMap { $0.isOn() ? $0 : nil } }

    func run(on day: LedgerDay?) async throws -> Int {
        let open = try await core.store.asBank("select jour::text from public.journees where close_le is null").first
        guard let today = try day?.description ?? open?.decode(0, as: String.self) else { return 0 }
        var count = 0
        while count < Self.ordersMax {
            guard try await executeNext(today) else { break }
            count += 1
        }
        return count
    }

    private func executeNext(_ today: String) async throws -> Bool {
        guard let screen else {
            return try await !core.store.asBank(
                "select echeance from public.executer_ordre_permanent(\(today)::date)"
            ).isEmpty
        }
        return try await core.store.database.transaction { tx in
            try await tx.run(BankStore.bankSettings)
            let next = try await tx.run(
                """
                select ordre_id::text, compte_debit_id, compte_credit_id, montant_minor, devise, cle
                from public.prochain_ordre_permanent(\(today)::date)
                """
            ).first
            guard let next else { return false }
            let id: String = try next.decode(0)
            let code: String = try next.decode(4)
            var refusal: String?
            if let currency = Currency.known[code] {
                let key = OrderKey(try next.decode(5, as: String.self))
                var order = TransferOrder(
                    debit: AccountID(try next.decode(1)), credit: AccountID(try next.decode(2)),
                    amount: Money(minor: try next.decode(3), currency: currency), key: key)
                order.channel = "permanent"
                switch try await screen.judge(order, nil, tx) {
                case .pass, .proof: break
                case .held: refusal = "payment_held"
                case .refused: refusal = "payment_refused"
                }
            }
            let words = refusal.map { _ in "the bank does not execute this order now" }
            try await tx.run(
                """
                select echeance from public.executer_ordre_permanent(
                    \(today)::date, \(refusal), \(words), \(id)::uuid)
                """)
            return true
        }
    }
}
