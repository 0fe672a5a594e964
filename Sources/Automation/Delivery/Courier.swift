internal import Foundation
internal import Postgres
internal import Synchronization
internal import Web

/// Makes deliveries: leases lanes, sends what is in them in order, writes down what became of it.
///
/// A server that dies leaves its leases to time; another one sends again what it had sent and not written down, with
/// the
/// same key. What the bank does itself is done in the transaction that writes it down: once.
struct Courier: Sendable {
    let database: Database
    let channels: Channels
    let settings: AutomationSettings
    let owner: String

    /// Sends what is due to a destination until nothing is. Returns how many attempts were settled.
    @discardableResult
    func drain(_ name: String) async throws -> Int {
        let store = DeliveryStore(database: database)
        guard let destination = try await store.destination(name) else { return 0 }
        let target = try await channels.target(destination)
        var settled = 0
        var writing: Task<Int, any Error>?
        while !Task.isCancelled {
            let claimed = try await store.claim(
                name, owner: owner, lanes: settings.lanesPerClaim, most: settings.deliveriesPerClaim,
                leaseSeconds: settings.leaseSeconds, trips: settings.failuresThatTrip,
                functions: channels.functions.keys.sorted())
            guard !claimed.isEmpty else {
                // Lanes that are being given back may have more.
                guard let last = writing else { return settled }
                settled += try await last.value
                writing = nil
                continue
            }
            let lanes = Dictionary(grouping: claimed, by: \.lane)
            let deadline = ContinuousClock.now + .seconds(settings.leaseSeconds)
            let settlements =
                target.isBank
                ? try await holding(Array(lanes.keys)) { await deliver(lanes, to: target, until: deadline) }
                : await deliver(lanes, to: target, until: deadline)
            if let last = writing { settled += try await last.value }
            let task = write(settlements, of: Array(lanes.keys), name)
            // The next lanes are sent while this is written; behind a failure the circuit is looked at first.
            if settlements.allSatisfy(\.outcome.isSent) {
                writing = task
            } else {
                writing = nil
                settled += try await task.value
            }
        }
        if let last = writing { settled += try await last.value }
        return settled
    }

    /// Not cancelled when the server ends: what was sent is written down. The task ends with its one statement.
    private func write(_ settlements: [Settlement], of lanes: [String], _ name: String) -> Task<Int, any Error> {
        Task { [owner, settings, database] in
            _ = try await DeliveryStore(database: database).settle(
                name, owner: owner, lanes: lanes, settlements, trips: settings.failuresThatTrip,
                restSeconds: settings.circuitRestSeconds,
                disables: settlements.lazy.compactMap(\.outcome.disables).first)
            return settlements.count
        }
    }

    /// Work of the bank's own takes as long as it takes: its lanes stay leased meanwhile. When they are lost all the same,
    /// because the database was away for too long, the work is cancelled: another server has it.
    private func holding(
        _ lanes: [String], _ work: @Sendable @escaping () async -> [Settlement]
    ) async throws -> [Settlement] {
        try await withThrowingTaskGroup(of: [Settlement]?.self) { group in
            group.addTask { await work() }
            group.addTask { [owner, settings, database] in
                var until = ContinuousClock.now + .seconds(settings.leaseSeconds)
                while true {
                    try await Task.sleep(for: .milliseconds(settings.leaseSeconds * 1000 / 4))
                    let began = ContinuousClock.now
                    do {
                        guard
                            try await DeliveryStore(database: database).renew(
                                lanes, owner: owner, leaseSeconds: settings.leaseSeconds)
                        else { return nil }
                        until = began + .seconds(settings.leaseSeconds)
                    } catch let error as PostgresError {
                        // Another look is left before the lease is over.
                        guard ContinuousClock.now < until else { throw error }
                    }
                }
            }
            defer { group.cancelAll() }
            guard let settlements = try await group.next() ?? nil else {
                throw SendProblem(words: "the lease was lost while the bank was at work")
            }
            return settlements
        }
    }

    /// All lanes at once, up to a bound; each in its order.
    private func deliver(
        _ lanes: [String: [ClaimedDelivery]], to target: Channels.Target, until deadline: ContinuousClock.Instant
    ) async -> [Settlement] {
        await withTaskGroup(of: [Settlement].self) { group in
            var rest = lanes.values.makeIterator()
            var settlements: [Settlement] = []
            func start() -> Bool {
                guard let lane = rest.next() else { return false }
                group.addTask { await deliver(lane, to: target, until: deadline) }
                return true
            }
            var running = 0
            while running < settings.sendsAtOnce, start() { running += 1 }
            while let done = await group.next() {
                settlements += done
                _ = start()
            }
            return settlements
        }
    }

    private func deliver(
        _ lane: [ClaimedDelivery], to target: Channels.Target, until deadline: ContinuousClock.Instant
    ) async -> [Settlement] {
        var settlements: [Settlement] = []
        for (place, delivery) in lane.enumerated() {
            // A send that would outlive the lease is another claim's; lanes of the bank's own work are held.
            let isInTime = target.isBank || ContinuousClock.now + settings.sendTimeMax + .seconds(5) < deadline
            guard isInTime, !Task.isCancelled else { break }
            let begin = ContinuousClock.now
            let payload = (try? JSONReader.read(delivery.payload)) ?? .object([])
            // Where a lane comes to what this server can not do, the next claim asks who can.
            if target.isBank, place > 0, !channels.knows(payload) { break }
            let outcome: Outcome?
            if target.isBank {
                outcome = await channels.perform(delivery, payload, courier: self)
            } else {
                outcome = await channels.send(delivery, payload, to: target)
            }
            // Settled already, with what it did.
            guard let outcome else { continue }
            let settlement = self.settlement(delivery, outcome, target.retry, begin.duration(to: .now))
            settlements.append(settlement)
            // What comes behind it waits until it is delivered or given up.
            guard settlement.outcome.isSent || settlement.isDead else { break }
        }
        return settlements
    }

    func settlement(
        _ delivery: ClaimedDelivery, _ outcome: Outcome, _ retry: RetryPolicy, _ time: Duration
    ) -> Settlement {
        let milliseconds = Int(time.components.seconds * 1000 + time.components.attoseconds / 1_000_000_000_000_000)
        guard !outcome.isSent else {
            return Settlement(id: delivery.id, outcome: outcome, milliseconds: milliseconds, isDead: false, pause: nil)
        }
        var generator = SystemRandomNumberGenerator()
        let pause = retry.pause(after: delivery.attempts + 1, asked: outcome.retryAfter, using: &generator)
        let isDead = outcome.isFinal || pause > delivery.patienceLeft
        return Settlement(
            id: delivery.id, outcome: outcome, milliseconds: milliseconds, isDead: isDead, pause: isDead ? nil : pause)
    }
}
