internal import Synchronization

/// Whether reads of one shape have been fast lately.
final class ReadPace: Sendable {
    /// What takes longer is slow, and stays so for a while.
    static let fastMax: Duration = .milliseconds(100)
    static let slowFor: Duration = .seconds(10)

    /// Its values choose rows; they do not make the same rows dearer to look at.
    private let isSteady: Bool
    private let slowUntil = Mutex<ContinuousClock.Instant?>(nil)
    private let isSlow = Atomic<Bool>(false)

    init(isSteady: Bool) { self.isSteady = isSteady }

    /// Patterns and searches cost what the value makes them cost.
    static func isSteady(_ sql: String) -> Bool {
        ![" like ", " ilike ", " ~", "@@"].contains { sql.contains($0) }
    }

    var isFast: Bool {
        guard isSteady else { return false }
        guard isSlow.load(ordering: .relaxed) else { return true }
        return slowUntil.withLock { end in
            if let end, ContinuousClock.now < end { return false }
            isSlow.store(false, ordering: .relaxed)
            return true
        }
    }

    func note(_ time: Duration) {
        guard time > Self.fastMax else { return }
        slowUntil.withLock { $0 = ContinuousClock.now + Self.slowFor }
        isSlow.store(true, ordering: .relaxed)
    }

    func measure<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        let start = ContinuousClock.now
        defer { note(ContinuousClock.now - start) }
        return try await body()
    }
}
