internal import Bank
internal import Postgres

/// Executes standing orders, one a transaction.
struct StandingOrderRunner: Sendable {
    /// Orders of one turn; the rest waits for the next.
    static let ordersMax = 10_000
    let store: BankStore

    func run(on day: LedgerDay?) async throws -> Int {
        let open = try await store.asBank("select jour::text from public.journees where close_le is null").first
        guard let today = try day?.description ?? open?.decode(0, as: String.self) else { return 0 }
        var count = 0
        while count < Self.ordersMax {
            let rows = try await store.asBank(
                "select echeance from public.executer_ordre_permanent(\(today)::date)")
            guard !rows.isEmpty else { break }
            count += 1
        }
        return count
    }
}
