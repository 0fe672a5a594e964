internal import Foundation
internal import Synchronization

/// How many requests each client may send in a minute. Counted in this process, so that a request costs nothing more; what
/// all servers counted together is learnt from the database, once a second.
final class RequestLimiter: Sendable {
    private struct Count {
        /// Since the database was last told.
        var own = 0
        /// Of all servers, as the database said then.
        var known = 0
    }

    private static let clientsMax = 100_000
    /// A statement tells of so many; the rest waits for the next.
    private static let toldMax = 10_000
    private let perMinute: Int
    private let counts = Mutex<(minute: Int64, byUser: [UUID: Count])>((0, [:]))

    init(perMinute: Int) { self.perMinute = perMinute }

    func admits(_ user: UUID, at second: Int64) -> Bool {
        counts.withLock { counts in
            if counts.minute != second / 60 || counts.byUser.count > Self.clientsMax {
                counts = (second / 60, [:])
            }
            var count = counts.byUser[user] ?? Count()
            count.own += 1
            counts.byUser[user] = count
            return count.own + count.known <= perMinute
        }
    }

    /// Tells the database what was counted here, and learns what was counted everywhere. While the database is away each
    /// server counts alone.
    func exchange(_ store: RequestCountStore) async throws {
        let (minute, told) = counts.withLock { counts -> (Int64, [(UUID, Int)]) in
            let told = Array(
                counts.byUser.lazy.filter { $0.value.own > 0 }.prefix(Self.toldMax).map { ($0.key, $0.value.own) })
            for (user, own) in told {
                counts.byUser[user] = Count(own: 0, known: (counts.byUser[user]?.known ?? 0) + own)
            }
            return (counts.minute, told)
        }
        guard !told.isEmpty else { return }
        let totals = try await store.count(told, minute: minute)
        counts.withLock { counts in
            guard counts.minute == minute else { return }
            for (user, total) in totals { counts.byUser[user]?.known = total }
        }
    }
}
