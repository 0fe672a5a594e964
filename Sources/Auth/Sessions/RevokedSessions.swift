internal import Synchronization

/// Sessions that ended while access tokens of theirs may still be about: asked on every request, so kept in memory.
/// Filled at start and by notifications from the database; bounded by the tokens' length of life.
public final class RevokedSessions: Sendable {
    /// Session to the Unix second after which no token of it is valid.
    private let ends = Mutex<[String: Int64]>([:])

    public init() {}

    public func isRevoked(_ sessionID: String) -> Bool {
        ends.withLock { !$0.isEmpty && $0[sessionID] != nil }
    }

    public var count: Int { ends.withLock { $0.count } }

    func add(_ sessionIDs: some Sequence<String>, until end: Int64) {
        ends.withLock { ends in
            for id in sessionIDs { ends[id] = max(end, ends[id] ?? .min) }
        }
    }

    /// What the database says, in addition to what this server revoked itself.
    func merge(_ revoked: [(id: String, until: Int64)]) {
        ends.withLock { ends in
            for (id, until) in revoked { ends[id] = max(until, ends[id] ?? .min) }
        }
    }

    func forget(before now: Int64) {
        ends.withLock { ends in ends = ends.filter { $0.value >= now } }
    }
}
