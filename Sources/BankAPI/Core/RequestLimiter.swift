internal import Foundation
internal import Synchronization

/// How many requests each client may send in a minute, counted in this process.
final class RequestLimiter: Sendable {
    private static let clientsMax = 100_000
    private let perMinute: Int
    private let counts = Mutex<(minute: Int64, byUser: [UUID: Int])>((0, [:]))

    init(perMinute: Int) { self.perMinute = perMinute }

    func admits(_ user: UUID, at second: Int64) -> Bool {
        counts.withLock { counts in
            if counts.minute != second / 60 || counts.byUser.count > Self.clientsMax {
                counts = (second / 60, [:])
            }
            counts.byUser[user, default: 0] += 1
            return counts.byUser[user, default: 0] <= perMinute
        }
    }
}
