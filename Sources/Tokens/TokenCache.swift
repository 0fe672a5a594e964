internal import Synchronization
internal import Web

/// Tokens that were verified lately. Bounded: two halves, the older one dropped whole when the younger is full; what is
/// asked for again moves to the younger half. One lock, held for a look-up in a dictionary.
final class TokenCache: Sendable {
    struct Entry: Sendable {
        let actor: Actor
        /// Unix seconds; nil for a token that never ends.
        let expiry: Int64?
    }

    private struct Halves {
        var generation: Int
        var young: [String: Entry] = [:]
        var old: [String: Entry] = [:]
        var hits: UInt64 = 0
        var misses: UInt64 = 0
    }

    private let halfMax: Int
    private let halves: Mutex<Halves>

    init(entriesMax: Int, generation: Int) {
        halfMax = max(1, entriesMax / 2)
        halves = Mutex(Halves(generation: generation))
    }

    /// Never a token past its end, or verified by other keys.
    func find(_ token: String, generation: Int, now: Int64) -> Actor? {
        halves.withLock { halves in
            let found = Self.find(token, generation, now, &halves, halfMax)
            if found == nil { halves.misses += 1 } else { halves.hits += 1 }
            return found
        }
    }

    private static func find(
        _ token: String, _ generation: Int, _ now: Int64, _ halves: inout Halves, _ halfMax: Int
    ) -> Actor? {
        guard halves.generation == generation else { return nil }
        if let entry = halves.young[token] {
            if let expiry = entry.expiry, expiry <= now {
                halves.young[token] = nil
                return nil
            }
            return entry.actor
        }
        guard let entry = halves.old.removeValue(forKey: token) else { return nil }
        if let expiry = entry.expiry, expiry <= now { return nil }
        insert(entry, token, &halves, halfMax)
        return entry.actor
    }

    /// Since the process began, whatever keys were in force.
    var figures: (hits: UInt64, misses: UInt64) { halves.withLock { ($0.hits, $0.misses) } }

    func insert(_ entry: Entry, for token: String, generation: Int) {
        halves.withLock { halves in
            guard halves.generation == generation else { return }
            Self.insert(entry, token, &halves, halfMax)
        }
    }

    /// Forgets all tokens; from now on only those of `generation` are kept.
    func clear(generation: Int) {
        halves.withLock { $0 = Halves(generation: generation, hits: $0.hits, misses: $0.misses) }
    }

    var count: Int { halves.withLock { $0.young.count + $0.old.count } }

    private static func insert(_ entry: Entry, _ token: String, _ halves: inout Halves, _ halfMax: Int) {
        if halves.young.count >= halfMax {
            halves.old = halves.young
            halves.young = [:]
        }
        halves.young[token] = entry
    }
}
