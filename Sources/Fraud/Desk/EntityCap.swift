internal import Synchronization

/// How many different devices, or addresses, of one client are told apart in a day: each is a row of the features' states,
/// and a client's program can name as many as it likes.
public final class EntityCap: Sendable {
    /// Clients that are remembered; with more the day begins anew.
    static let clientsMax = 500_000

    private struct Day {
        var day: Int64 = .min
        var seen: [Int64: Set<Int64>] = [:]
    }

    private let max: Int
    private let today = Mutex(Day())

    public init(max: Int) { self.max = max }

    /// Whether an entity is one of the first of this client on this day.
    public func admits(_ entity: Int64, of client: Int64, day: Int64) -> Bool {
        today.withLock { today in
            if today.day != day || today.seen.count >= Self.clientsMax { today = Day(day: day) }
            var seen = today.seen[client] ?? []
            guard !seen.contains(entity) else { return true }
            guard seen.count < max else { return false }
            seen.insert(entity)
            today.seen[client] = seen
            return true
        }
    }
}
