internal import HTTPTypes
internal import Postgres
internal import Synchronization
internal import Web

/// The reads that were asked for before, by what makes two requests the same but for their values.
final class ReadTemplates: Sendable {
    struct Key: Hashable, Sendable {
        let method: HTTPRequest.Method
        let path: String
        let shape: String
        /// Of the headers that shape an answer, those that came.
        let headers: [String]
        let role: String
        let generation: UInt64

        var bytes: Int { path.utf8.count + shape.utf8.count + headers.reduce(0) { $0 + $1.utf8.count } }
    }

    private struct State {
        /// Of keys and of templates, which hold the SQL.
        var bytes = 0
        var generation: UInt64 = 0
        var templates: [Key: ReadTemplate?] = [:]
        /// Hashes of keys that were seen once: most shapes that are seen once are never seen again.
        var seen: Set<Int> = []
        /// What sets role and claims, by its text: templates share it.
        var settings: [String: LaneStatement] = [:]
    }

    static let templatesMax = 2_000
    /// A longer key is asked for by hand; it goes the long way.
    static let keyBytesMax = 4 << 10
    static let bytesMax = 32 << 20
    static let seenMax = 8_000
    private static let settingsMax = 100
    private static let shaping: [HTTPField.Name] = [.accept, .acceptProfile, .prefer, .range]
    private let state = Mutex(State())

    static func key(_ request: ApiRequest, _ shape: QueryShape, _ role: String, _ generation: UInt64) -> Key {
        var headers: [String] = []
        for name in shaping {
            for value in request.fields[values: name] {
                headers.append(name.canonicalName)
                headers.append(value)
            }
        }
        return Key(
            method: request.method, path: request.path, shape: shape.text, headers: headers, role: role,
            generation: generation)
    }

    var count: Int { state.withLock { $0.templates.count } }
    var bytes: Int { state.withLock { $0.bytes } }

    func find(_ key: Key) -> ReadTemplate? {
        let found = state.withLock { $0.templates[key] ?? nil }
        guard let end = found?.end else { return found }
        return end > .now ? found : nil
    }

    /// Whether a request of this key came before and is worth a template. The first time it only notes that it came.
    func wants(_ key: Key) -> Bool {
        guard key.bytes <= Self.keyBytesMax else { return false }
        return state.withLock { state in
            if key.generation > state.generation {
                state.templates.removeAll()
                state.bytes = 0
                state.generation = key.generation
            }
            if let known = state.templates[key] { return known?.end.map { $0 <= .now } ?? false }
            if state.seen.count >= Self.seenMax { state.seen.removeAll() }
            return !state.seen.insert(key.hashValue).inserted
        }
    }

    /// One object for one text.
    func shared(_ statement: Statement) -> LaneStatement? {
        state.withLock { state in
            if let known = state.settings[statement.sql] { return known }
            guard let new = LaneStatement(statement) else { return nil }
            if state.settings.count >= Self.settingsMax { state.settings.removeAll() }
            state.settings[statement.sql] = new
            return new
        }
    }

    /// - Parameter template: nil for a shape that can have none, which is remembered too.
    func keep(_ template: ReadTemplate?, for key: Key) {
        state.withLock { state in
            guard key.generation == state.generation else { return }
            let size = key.bytes + (template?.bytes ?? 0)
            if state.templates.count >= Self.templatesMax || state.bytes + size > Self.bytesMax {
                state.templates.removeAll()
                state.bytes = 0
            }
            if let old = state.templates.updateValue(template, forKey: key) {
                state.bytes -= key.bytes + (old?.bytes ?? 0)
            }
            state.bytes += size
        }
    }
}
