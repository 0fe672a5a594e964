internal import Bank
internal import Foundation
internal import Postgres

/// Gathers orders that come at the same time: a lot is judged and executed in one transaction, which is flushed to disk
/// once. As with `TransferBatcher` an order waits for no clock, only for a flight to land.
///
/// Orders that share an account, an address or a device with a flight that is under way wait for it here: in the database
/// they would wait for its locks, and their time with them.
actor ScreenedLots {
    enum Answer: Sendable {
        case outcome(BatchItem.Outcome)
        case refusal(PaymentScreen.Verdict)
    }

    private enum Landing: Sendable {
        case answer(Answer)
        case failure(any Error)
        case alone
    }

    private struct Passenger {
        let wish: PaymentScreen.Wish
        let claims: [String]
        let continuation: CheckedContinuation<Answer?, any Error>

        /// What a lot has in common.
        var fare: [String] {
            [
                wish.order.amount.currency.code, wish.order.channel, wish.order.caller == nil ? "bank" : "clients",
            ]
        }
    }

    private let store: BankStore
    private let screen: PaymentScreen
    private let lotMax: Int
    private let flightsMax: Int
    private var waiting: [Passenger] = []
    private var flightCount = 0
    /// What flights under way hold, and how many hold it.
    private var claimed: [String: Int] = [:]

    /// Nil where the screen judges one by one.
    init?(store: BankStore, screen: PaymentScreen?, lotMax: Int = 100) {
        guard let screen, screen.judgeLot != nil else { return nil }
        self.store = store
        self.screen = screen
        self.lotMax = lotMax
        flightsMax = max(2, ProcessInfo.processInfo.activeProcessorCount / 2)
    }

    /// Moves money once, if the screen lets it; nil: the order has to travel alone.
    func transfer(_ wish: PaymentScreen.Wish) async throws -> Answer? {
        let order = wish.order
        guard order.valueDay == nil, order.businessDay == nil, order.reference == nil else { return nil }
        return try await withCheckedThrowingContinuation { continuation in
            waiting.append(Passenger(wish: wish, claims: Self.claims(wish), continuation: continuation))
            depart()
        }
    }

    private static func claims(_ wish: PaymentScreen.Wish) -> [String] {
        var claims = ["account \(wish.order.debit.rawValue)", "account \(wish.order.credit.rawValue)"]
        if let origin = wish.origin {
            claims.append("address \(origin.address)")
            if let device = origin.device { claims.append("device \(device)") }
        }
        return claims
    }

    private func depart() {
        while flightCount < flightsMax {
            let aboard = board()
            guard !aboard.isEmpty else { return }
            flightCount += 1
            for claim in aboard.lazy.flatMap(\.claims) { claimed[claim, default: 0] += 1 }
            // Ends with its one transaction; every passenger is answered, whatever becomes of it.
            Task { await fly(aboard) }
        }
    }

    /// The oldest orders that nothing under way stands against. An order that has to wait keeps its place before others of
    /// the same accounts.
    private func board() -> [Passenger] {
        var aboard: [Passenger] = []
        var keys: Set<OrderKey> = []
        var held = Set(claimed.keys)
        waiting.removeAll { passenger in
            let isFree =
                aboard.count < lotMax && passenger.fare == aboard.first?.fare ?? passenger.fare
                && !passenger.claims.contains(where: held.contains)
            // The second of one key gets the first one's answer, once that stands.
            if isFree, keys.insert(passenger.wish.order.key).inserted {
                aboard.append(passenger)
                return true
            }
            held.formUnion(passenger.claims.prefix(2))
            return false
        }
        return aboard
    }

    private func fly(_ aboard: [Passenger]) async {
        let landings = await land(aboard.map(\.wish))
        for (passenger, landing) in zip(aboard, landings) {
            switch landing {
            case .answer(let answer): passenger.continuation.resume(returning: answer)
            case .failure(let error): passenger.continuation.resume(throwing: error)
            case .alone: passenger.continuation.resume(returning: nil)
            }
        }
        for claim in aboard.lazy.flatMap(\.claims) {
            let left = (claimed[claim] ?? 1) - 1
            claimed[claim] = left > 0 ? left : nil
        }
        flightCount -= 1
        depart()
    }

    private nonisolated func land(_ wishes: [PaymentScreen.Wish]) async -> [Landing] {
        do {
            let landings = try await store.transactionAsBank { tx in try await self.execute(wishes, in: tx) }
            guard landings.count == wishes.count else { throw ProblemTable.unexpected }
            return landings
        } catch let error as PostgresError where error.kind != .server {
            // Whether it was committed is open: each is told, and asks again with its key.
            return wishes.map { _ in .failure(error) }
        } catch {
            // Nothing was done. One order must not stop the others: each is tried by itself.
            return wishes.count > 1 ? wishes.map { _ in .alone } : [.failure(error)]
        }
    }

    private nonisolated func execute(_ wishes: [PaymentScreen.Wish], in tx: Transaction) async throws -> [Landing] {
        let verdicts = try await screen.judgeLot?(wishes, tx) ?? []
        guard verdicts.count == wishes.count else { throw ProblemTable.unexpected }
        var landings: [Landing] = []
        var passing: [Int] = []
        for (index, (wish, verdict)) in zip(wishes, verdicts).enumerated() {
            switch verdict {
            case .alone: landings.append(.alone)
            case .failure(let error): landings.append(.failure(error))
            case .verdict(let verdict):
                // The verdict on a refused order is kept too: an attempt tells something.
                landings.append(.answer(.refusal(verdict)))
                if ScreenedTransfers.refusal(verdict, wish.origin) == nil { passing.append(index) }
            }
        }
        guard let first = passing.first else { return landings }
        let items = try await LedgerStore(tx).transfer(
            batch: passing.map { wishes[$0].order }, mode: .continue, channel: wishes[first].order.channel)
        guard items.count == passing.count else { throw ProblemTable.unexpected }
        for (index, item) in zip(passing, items) { landings[index] = .answer(.outcome(item.outcome)) }
        return landings
    }
}
