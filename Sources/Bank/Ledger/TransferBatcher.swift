internal import Foundation
public import Postgres

/// Turns transfers that are ordered at the same time into batches: one commit, flushed to disk once, for up to a hundred of
/// them. An order waits for no clock: it leaves with the next flight, and flights leave as soon as one has landed.
///
/// Each caller gets its own order's answer; one that is refused does not touch its neighbours.
public actor TransferBatcher {
    private let ledger: LedgerStore
    private let batchMax: Int
    private let flightsMax: Int
    private var waiting: [Passenger] = []
    private var flightCount = 0

    private struct Passenger {
        let order: TransferOrder
        let continuation: CheckedContinuation<BatchItem.Outcome, any Error>

        /// What a batch has in common.
        var fare: [String] { [order.amount.currency.code, order.channel, order.caller == nil ? "bank" : "clients"] }
    }

    /// `flightsMax` batches are under way at once: more of them are smaller, and a batch of one costs the database as much as
    /// sixteen more orders in it. Half as many as there are processors, since others work beside them; two at least, so that
    /// one is judged while the other waits for the disk.
    public init(_ database: any SQLExecutor, flightsMax: Int? = nil, batchMax: Int = 100) {
        ledger = LedgerStore(database)
        self.flightsMax = max(1, flightsMax ?? max(2, ProcessInfo.processInfo.activeProcessorCount / 2))
        self.batchMax = min(max(1, batchMax), 1000)
    }

    /// Moves money once. A refusal is thrown as `LedgerError`; `.connectionLost` leaves open whether the order was
    /// executed: send it again with its key.
    public func transfer(_ order: TransferOrder) async throws -> BatchItem.Outcome {
        // A batch has one value date and no references: such orders travel alone.
        guard order.valueDay == nil, order.businessDay == nil, order.reference == nil else {
            let entry = try await ledger.transfer(order)
            guard let id = entry.order else {
                throw PostgresError(kind: .decoding, message: "a transfer was answered without its order's id")
            }
            return .executed(
                order: id, operation: entry.operation, number: entry.number,
                balanceAfterMinor: entry.balanceAfterMinor, isReplay: entry.isReplay)
        }
        let outcome = try await withCheckedThrowingContinuation { continuation in
            waiting.append(Passenger(order: order, continuation: continuation))
            depart()
        }
        if case .refused(let error) = outcome { throw error }
        return outcome
    }

    private func depart() {
        while flightCount < flightsMax, let fare = waiting.first?.fare {
            var aboard: [Passenger] = []
            waiting.removeAll { passenger in
                guard aboard.count < batchMax, passenger.fare == fare else { return false }
                aboard.append(passenger)
                return true
            }
            flightCount += 1
            // Ends with its one statement; every passenger is answered, whatever becomes of it.
            Task { await fly(aboard) }
        }
    }

    private func fly(_ aboard: [Passenger]) async {
        do {
            let items = try await ledger.transfer(
                batch: aboard.map(\.order), mode: .continue, channel: aboard.first?.order.channel ?? "api")
            guard items.count == aboard.count else {
                throw PostgresError(kind: .decoding, message: "a batch of \(aboard.count) got \(items.count) answers")
            }
            for (passenger, item) in zip(aboard, items) { passenger.continuation.resume(returning: item.outcome) }
        } catch {
            for passenger in aboard { passenger.continuation.resume(throwing: error) }
        }
        flightCount -= 1
        depart()
    }
}
