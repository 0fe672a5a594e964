internal import Synchronization

/// Sessions that ended while access tokens of theirs may still be about: asked on every request, so kept in memory.
/// Filled at start and by notifications from the database; bounded by the tokens' length of life.
public final class RevokedSessions: Sendable {
    /// Session to the Unix second after which no token of it is valid.
    private let ends = Mutex<[String: Int64]>([:])
    private let watcher = Mutex<(@Sendable (String) -> Void)?>(nil)

    public init() {}

    /// Tells `body` of each session that is revoked from now on: what holds a connection open has to end it.
    public func watch(_ body: @escaping @Sendable (String) -> Void) { watcher.withLock { $0 = body } }

    public func isRevoked(_ sessionID: String) -> Bool {
        ends.withLock { !$0.isEmpty && $0[sessionID] != nil }
    }

    public var count: Int { ends.withLock { $0.count } }

    func add(_ sessionIDs: some Sequence<String>, until end: Int64) { merge(sessionIDs.map { ($0, end) }) }

    /// What the database says, in addition to what this server revoked itself.
    func merge(_ revoked: [(id: String, until: Int64)]) {
        let fresh = ends.withLock { ends in
            revoked.filter { id, until in
                let isNew = ends[id] == nil
                ends[id] = max(until, ends[id] ?? .min)
                return isNew
            }
        }
        guard !fresh.isEmpty, let tell = watcher.withLock({ $0 }) else { return }
        for session in fresh { tell(session.id) }
    }

    func forget(before now: Int64) {
        ends.withLock { ends in ends = ends.filter { $0.value >= now } }
    }
}
