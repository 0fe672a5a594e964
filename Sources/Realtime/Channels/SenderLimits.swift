internal import Synchronization
internal import Web

/// How much each sender without a socket may send: as much as one with.
final class SenderLimits: Sendable {
    /// Senders that are known at once; beyond that those that rest are forgotten.
    private static let sendersMax = 10_000

    fileprivate struct Sender {
        var bucket: TokenBucket
        var heard: ContinuousClock.Instant
    }

    private let perSecond: Int
    private let senders = Mutex<[String: Sender]>([:])

    init(perSecond: Int) { self.perSecond = perSecond }

    /// Whether `count` messages may go out now. Who has no login is known by the address.
    func take(_ count: Int, _ actor: Actor, address: String, now: ContinuousClock.Instant = .now) -> Bool {
        let name = actor.subject.map { "s" + $0 } ?? "a\(actor.role) \(address)"
        return senders.withLock { senders in
            if senders[name] == nil, senders.count >= Self.sendersMax {
                senders = senders.filter { now - $0.value.heard < .seconds(2) }
                guard senders.count < Self.sendersMax else { return false }
            }
            let new = TokenBucket(capacity: perSecond * 2, per: .seconds(2), now: now)
            return senders[name, default: Sender(bucket: new, heard: now)].take(count, now)
        }
    }
}

extension SenderLimits.Sender {
    fileprivate mutating func take(_ count: Int, _ now: ContinuousClock.Instant) -> Bool {
        heard = now
        return bucket.take(count, now: now)
    }
}
