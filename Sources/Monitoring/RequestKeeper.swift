public import Postgres
internal import Web

/// Keeps what was answered in the database, part by part of the API, in rows of five minutes: reports ask for last month,
/// when no process of then runs any more.
public struct RequestKeeper: Sendable {
    /// What a server that is killed may lose.
    public static let writeEvery: Duration = .seconds(20)
    public static let daysKept = 400

    private let store: RequestStore
    private let metrics: RequestMetrics
    private let every: Duration

    /// - Parameter database: may write schema `monitoring`.
    public init(database: Database, metrics: RequestMetrics, every: Duration = RequestKeeper.writeEvery) {
        store = RequestStore(database: database)
        self.metrics = metrics
        self.every = every
    }

    /// Until it is cancelled, then once more. What could not be written is written with the next.
    public func run() async throws {
        var written: [String: RequestMetrics.Totals] = [:]
        var turns = 0
        repeat {
            try? await Task.sleep(for: every)
            // Cancelled, the last counts still go in: a task of its own, which ends with its one statement.
            let before = written
            let last = Task.detached { try await self.write(since: before) }
            if let now = try? await last.value { written = now }
            turns += 1
            if turns % 1000 == 1, !Task.isCancelled { try? await store.forget(days: Self.daysKept) }
        } while !Task.isCancelled
    }

    /// Adds what came since; returns the new totals.
    func write(since before: [String: RequestMetrics.Totals]) async throws -> [String: RequestMetrics.Totals] {
        let now = metrics.totals
        let lines = now.compactMap { part, totals -> JSON? in
            let more = totals.minus(before[part])
            guard more.requests > 0 else { return nil }
            return [
                "partie": .string(part), "requetes": .integer(Int(clamping: more.requests)),
                "erreurs": .integer(Int(clamping: more.errors)),
                "paliers": .array(more.counts.map { .integer(Int(clamping: $0)) }),
            ]
        }
        if !lines.isEmpty {
            try await store.add(JSON.array(lines).text, boundsMilliseconds: RequestMetrics.bounds.map { $0 * 1000 })
        }
        return now
    }
}

extension RequestMetrics {
    /// Everything a part of the API has answered since the server was started.
    struct Totals: Sendable, Hashable {
        var requests: UInt64 = 0
        /// Answers with a status from 500 on.
        var errors: UInt64 = 0
        var counts = [UInt64](repeating: 0, count: RequestMetrics.bounds.count + 1)

        func minus(_ before: Totals?) -> Totals {
            guard let before else { return self }
            return Totals(
                requests: requests - min(requests, before.requests), errors: errors - min(errors, before.errors),
                counts: zip(counts, before.counts).map { $0 - min($0, $1) })
        }
    }
}
