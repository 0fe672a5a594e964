internal import Web

/// How long a failed delivery waits: doubling from `first` to `most` seconds, half of it for sure and half by chance.
struct RetryPolicy: Sendable, Hashable {
    var first = 5.0
    var most = 14_400.0

    init() {}

    /// `retry: {first: 5, most: 14400}` of a destination's settings.
    init(settings: JSON) {
        if let first = settings["retry"]?["first"]?.double, first > 0 { self.first = min(first, 3600) }
        if let most = settings["retry"]?["most"]?.double, most > 0 { self.most = min(max(most, first), 86_400) }
    }

    /// Seconds to wait behind the failed attempt of this number, from one. What the receiver asked for is the least.
    func pause(after attempt: Int, asked: Double?, using generator: inout some RandomNumberGenerator) -> Double {
        var ceiling = first
        for _ in 1..<max(2, min(attempt, 40)) where attempt > 1 && ceiling < most { ceiling *= 2 }
        ceiling = min(ceiling, most)
        let own = ceiling / 2 + Double.random(in: 0...(ceiling / 2), using: &generator)
        guard let asked, asked > own else { return own }
        return min(asked, 86_400) + Double.random(in: 0...(first / 2), using: &generator)
    }
}
