internal import Postgres
internal import Synchronization

/// What roles may read, asked of the catalogue again when the answer is older than `age`: a policy or a grant that
/// changed counts within that time.
final class AccessCache: Sendable {
    private struct Entry: Sendable {
        let access: TableAccess?
        let askedAt: ContinuousClock.Instant
    }

    private let store: ChangeStore
    private let age: Duration
    private let entries = Mutex<[TableAccess.Key: Entry]>([:])
    private static let entriesMax = 10_000

    init(_ store: ChangeStore, age: Duration) {
        self.store = store
        self.age = age
    }

    func access(to keys: Set<TableAccess.Key>) async throws -> [TableAccess.Key: TableAccess] {
        let now = ContinuousClock.now
        var found: [TableAccess.Key: TableAccess] = [:]
        var missing: Set<TableAccess.Key> = []
        entries.withLock { entries in
            for key in keys {
                if let entry = entries[key], now - entry.askedAt < age {
                    found[key] = entry.access
                } else {
                    missing.insert(key)
                }
            }
        }
        guard !missing.isEmpty else { return found }
        let fresh = try await store.access(tables: Set(missing.map(\.table)), roles: Set(missing.map(\.role)))
        entries.withLock { entries in
            if entries.count > Self.entriesMax { entries.removeAll() }
            for key in missing { entries[key] = Entry(access: fresh[key], askedAt: now) }
        }
        for key in missing { found[key] = fresh[key] }
        return found
    }
}
