internal import Postgres

/// Looks up the payees of orders that come in at the same time in one statement: a look-up leaves with the next flight,
/// and a flight leaves as soon as one has landed.
actor PayeeGatherer {
    private let lookUp: @Sendable ([Payee]) async throws -> [PayeeAccount?]
    private var waiting: [(payee: Payee, continuation: CheckedContinuation<PayeeAccount?, any Error>)] = []
    private var flightCount = 0

    private static let flightsMax = 2
    private static let payeesMax = 200

    /// - Parameter lookUp: gives one answer for each payee, in order.
    init(_ lookUp: @escaping @Sendable ([Payee]) async throws -> [PayeeAccount?]) { self.lookUp = lookUp }

    func find(_ payee: Payee) async throws -> PayeeAccount? {
        try await withCheckedThrowingContinuation { continuation in
            waiting.append((payee, continuation))
            depart()
        }
    }

    private func depart() {
        while flightCount < Self.flightsMax, !waiting.isEmpty {
            let aboard = Array(waiting.prefix(Self.payeesMax))
            waiting.removeFirst(aboard.count)
            flightCount += 1
            // Ends with its one statement; everybody aboard is answered, whatever becomes of it.
            Task { await fly(aboard) }
        }
    }

    private func fly(_ aboard: [(payee: Payee, continuation: CheckedContinuation<PayeeAccount?, any Error>)]) async {
        do {
            let found = try await lookUp(aboard.map(\.payee))
            guard found.count == aboard.count else {
                throw PostgresError(kind: .decoding, message: "\(aboard.count) payees got \(found.count) answers")
            }
            for (passenger, account) in zip(aboard, found) { passenger.continuation.resume(returning: account) }
        } catch {
            for passenger in aboard { passenger.continuation.resume(throwing: error) }
        }
        flightCount -= 1
        depart()
    }
}
