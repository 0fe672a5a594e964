/// Attacks on the portal from one address within minutes: one may be a mistake of ours, five are none.
final class AttackSeries {
    static let window: UInt32 = 600
    static let least = 5

    private struct State: TableValue {
        var lastSeen: UInt32 = 0
        var attacks = SlidingCount()
        var quietUntil: UInt32 = 0
        var weight: Int { quietUntil > 0 ? 1_000 : 1 }
    }

    private let table = BoundedTable<State>(capacityMax: 1 << 15)

    /// How many there were, when that makes a series that was not told of within the window.
    func take(_ actor: UInt64, at now: UInt32) -> Int? {
        let state = table.at(actor, now: now)
        let count = state.pointee.attacks.add(1, at: now, window: Self.window)
        let quiet = state.pointee.quietUntil
        guard count >= Self.least, now >= quiet || quiet - now > Self.window else { return nil }
        state.pointee.quietUntil = now &+ Self.window
        return count
    }
}
