internal import Synchronization
internal import Web

/// Figures of a board that were just read. Everybody who may see a board sees the same: the key is the role and the filters.
final class BoardCache: Sendable {
    struct Entry: Sendable {
        let at: Int64
        let json: JSON
        /// Old enough to be read anew, by whoever is told so: one caller at a time.
        let isToRenew: Bool
    }

    /// Older figures are shown once more, with their age, while they are read anew.
    static let freshSeconds: Int64 = 60
    static let keptSeconds: Int64 = 900
    static let entriesMax = 64

    private let kept = Mutex<[String: (at: Int64, json: JSON, renewing: Bool)]>([:])

    func find(_ key: String, now: Int64) -> Entry? {
        kept.withLock { kept in
            guard let entry = kept[key], now - entry.at < Self.keptSeconds else { return nil }
            let isToRenew = now - entry.at >= Self.freshSeconds && !entry.renewing
            if isToRenew { kept[key]?.renewing = true }
            return Entry(at: entry.at, json: entry.json, isToRenew: isToRenew)
        }
    }

    func keep(_ json: JSON, as key: String, now: Int64) {
        kept.withLock { kept in
            if kept.count >= Self.entriesMax, kept[key] == nil { kept.removeAll() }
            kept[key] = (now, json, false)
        }
    }

    /// The renewal failed: the next who looks tries again.
    func release(_ key: String) { kept.withLock { $0[key]?.renewing = false } }
}
