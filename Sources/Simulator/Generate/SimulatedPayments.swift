/// The payments of a simulated bank as a fraud desk would have seen them, with the truth.
public struct SimulatedPayments: Sendable {
    public struct Payment: Sendable {
        /// Unix seconds.
        public let at: Int
        public let account: Int
        /// Whom it went to: an account, or a merchant by its words on the statement.
        public let payee: String
        public let minor: Int
        public let isCard: Bool
        /// Nobody ordered it: the attacker wrote it.
        public let isForged: Bool
    }

    /// In the order of time.
    public let payments: [Payment]
    public let accounts: Int

    public init(clients: Int, days: Int, seed: UInt64) throws {
        var simulation = Simulation(output: "")
        simulation.clients = clients
        simulation.days = days
        simulation.seed = seed
        let (bank, _, _) = try simulation.makeBank()
        let mules = Set(Attack.mules.map(\.iban))
        payments = bank.operations.filter { $0.amount < 0 && $0.kind != .frais }.map { operation in
            Payment(
                at: operation.at, account: operation.account,
                payee: operation.counterpart?.iban ?? operation.label, minor: -operation.amount,
                isCard: operation.kind == .carte || operation.kind == .retrait,
                isForged: operation.counterpart.map { mules.contains($0.iban) } ?? false)
        }.sorted { $0.at < $1.at }
        accounts = bank.accounts.count
    }
}
