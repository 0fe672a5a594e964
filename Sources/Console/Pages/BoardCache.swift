internal import Synchronization
internal import Web

/// Figures of a board that were just read. Everybody who may see a board sees the same: the key is the role and the filters.
final class BoardCache: Sendable {
    static let keptSeconds: Int64 = 60
    static let entriesMax = 64

    private let kept = Mutex<[String: (at: Int64, json: JSON)]>([:])

    func find(_ key: String, now: Int64) -> (at: Int64, json: JSON)? {
        kept.withLock { kept in
            guard let entry = kept[key], now - entry.at < Self.keptSeconds else { return nil }
            return entry
        }
    }

    func keep(_ json: JSON, as key: String, now: Int64) {
        kept.withLock { kept in
            if kept.count >= Self.entriesMax { kept.removeAll() }
            kept[key] = (now, json)
        }
    }
}
