/// So many calls in a stretch of time, with a burst of as many at once.
struct TokenBucket: Sendable {
    private let capacity: Double
    private let perSecond: Double
    private var tokens: Double
    private var filledAt: ContinuousClock.Instant

    init(capacity: Int, per window: Duration, now: ContinuousClock.Instant) {
        self.capacity = Double(max(1, capacity))
        let seconds = Double(window.components.seconds) + Double(window.components.attoseconds) / 1e18
        perSecond = self.capacity / max(seconds, 0.001)
        tokens = self.capacity
        filledAt = now
    }

    /// Takes all of `count` or none; more than the whole capacity waits for the whole.
    mutating func take(_ count: Int = 1, now: ContinuousClock.Instant) -> Bool {
        let passed = (now - filledAt).components
        tokens = min(capacity, tokens + (Double(passed.seconds) + Double(passed.attoseconds) / 1e18) * perSecond)
        filledAt = now
        let wanted = min(Double(count), capacity)
        guard tokens >= wanted else { return false }
        tokens -= wanted
        return true
    }
}
