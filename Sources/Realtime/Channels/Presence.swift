internal import Web

/// Who is on a topic. Pure: the hub keeps one per topic and sends what it says.
struct Presence: Sendable {
    struct Entry: Sendable, Hashable {
        let key: String
        /// Names this state of this member; the server's own, never a client's.
        let reference: String
        let metadata: [JSON.Member]

        var meta: JSON {
            .object([.init("phx_ref", .string(reference))] + metadata)
        }
    }

    /// What changed.
    struct Difference: Sendable, Hashable {
        var joins: [Entry] = []
        var leaves: [Entry] = []

        var payload: String {
            let value: JSON = ["joins": Presence.list(joins), "leaves": Presence.list(leaves)]
            return value.text
        }
    }

    /// By the member's number.
    private var entries: [UInt64: Entry] = [:]
    private var sizes: [UInt64: Int] = [:]
    /// Of what the members say of themselves.
    private(set) var bytes = 0

    var isEmpty: Bool { entries.isEmpty }
    var count: Int { entries.count }

    func has(_ member: UInt64) -> Bool { entries[member] != nil }

    mutating func track(_ member: UInt64, key: String, reference: String, _ payload: JSON) -> Difference {
        let size = payload.text.utf8.count
        bytes += size - (sizes.updateValue(size, forKey: member) ?? 0)
        let own: Set<String> = ["phx_ref", "phx_ref_prev"]
        var metadata = (payload.members ?? []).filter { !own.contains($0.name) }
        let before = entries[member]
        if let before { metadata.append(.init("phx_ref_prev", .string(before.reference))) }
        let entry = Entry(key: key, reference: reference, metadata: metadata)
        entries[member] = entry
        return Difference(joins: [entry], leaves: before.map { [$0] } ?? [])
    }

    /// Nil when the member was not there.
    mutating func untrack(_ member: UInt64) -> Difference? {
        bytes -= sizes.removeValue(forKey: member) ?? 0
        return entries.removeValue(forKey: member).map { Difference(leaves: [$0]) }
    }

    var state: String { Self.list(entries.sorted { $0.key < $1.key }.map(\.value)).text }

    /// `{key: {metas: […]}}`.
    private static func list(_ entries: [Entry]) -> JSON {
        var keys: [String] = []
        var metas: [String: [JSON]] = [:]
        for entry in entries {
            if metas[entry.key] == nil { keys.append(entry.key) }
            metas[entry.key, default: []].append(entry.meta)
        }
        return .object(keys.map { .init($0, ["metas": .array(metas[$0] ?? [])]) })
    }
}
