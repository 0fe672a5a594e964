/// A figure's limit with hysteresis: it fires once the limit was passed for a time, and again only after it was calm,
/// and
/// not within the cool-down.
struct Threshold: Sendable, Hashable {
    enum Phase: String, Sendable {
        case calm, pending, firing
    }

    struct State: Sendable, Hashable {
        var phase: Phase = .calm
        /// When the phase began.
        var since: Instant
        var firedAt: Instant?
    }

    let limit: Double
    let clear: Double
    let isUpper: Bool
    let forSeconds: Int
    let cooldownSeconds: Int

    /// What the value makes of the state, and whether the scenario is to run.
    func step(_ state: State, value: Double, now: Instant) -> (state: State, fires: Bool) {
        guard value.isFinite else { return (state, false) }
        let isBeyond = isUpper ? value > limit : value < limit
        let isCalm = isUpper ? value <= clear : value >= clear
        var next = state
        switch state.phase {
        case .firing:
            if isCalm { next = State(phase: .calm, since: now, firedAt: state.firedAt) }
            return (next, false)
        case .calm where isBeyond: next = State(phase: .pending, since: now, firedAt: state.firedAt)
        case .pending where !isBeyond: next = State(phase: .calm, since: now, firedAt: state.firedAt)
        default: break
        }
        guard next.phase == .pending, now >= next.since.adding(seconds: Double(forSeconds)) else {
            return (next, false)
        }
        if let fired = next.firedAt, now < fired.adding(seconds: Double(cooldownSeconds)) { return (next, false) }
        return (State(phase: .firing, since: now, firedAt: now), true)
    }
}
