internal import Bank
internal import Postgres

/// What a card draws on; asked as the bank itself.
struct CardHoldStore: Sendable {
    let tx: Transaction

    /// Nil when there is no such card.
    func account(of card: Int64) async throws -> AccountID? {
        try await tx.run("select compte_id from public.cartes where id = \(card)").first.map {
            AccountID(try $0.decode(0))
        }
    }
}
