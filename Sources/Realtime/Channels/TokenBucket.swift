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

    mutating func take(now: ContinuousClock.Instant) -> Bool {
        let passed = (now - filledAt).components
        tokens = min(capacity, tokens + (Double(passed.seconds) + Double(passed.attoseconds) / 1e18) * perSecond)
        filledAt = now
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }
}
