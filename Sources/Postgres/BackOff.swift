/// Pauses between connection attempts: doubling, with jitter so that many clients do not come back at the same moment.
struct BackOff {
    private let pauseMin: UInt64
    private let pauseMax: UInt64
    private(set) var failures = 0

    init(_ limits: DatabaseConfiguration.Limits) {
        pauseMin = max(1_000_000, limits.reconnectPauseMin.nanoseconds)
        pauseMax = max(pauseMin, limits.reconnectPauseMax.nanoseconds)
    }

    mutating func succeeded() { failures = 0 }

    /// Nanoseconds to wait after one more failure: half of the ceiling for sure, the other half by chance.
    mutating func failed(using generator: inout some RandomNumberGenerator) -> UInt64 {
        let ceiling = min(pauseMax, pauseMin << UInt64(min(failures, 20)))
        failures += 1
        return ceiling / 2 + UInt64.random(in: 0...(ceiling / 2), using: &generator)
    }
}
