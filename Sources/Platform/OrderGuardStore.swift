internal import Postgres

/// The SQL of the switch that leaves the moving of clients' money to the bank's server alone.
struct OrderGuardStore: Sendable {
    /// Owns schema `public`.
    let database: any SQLExecutor

    /// From now on the ledger refuses orders that clients send past the bank's own operations, on every server and after
    /// every restart.
    func screenOrders() async throws {
        let isThere = try await database.one(
            "select to_regprocedure('public.filtrer_les_ordres(boolean)') is not null", as: Bool.self)
        guard isThere else { return }
        try await database.run("select public.filtrer_les_ordres(true)")
    }
}
