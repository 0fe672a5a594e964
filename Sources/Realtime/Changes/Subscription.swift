internal import Synchronization
internal import Web

/// One entry of a channel's `postgres_changes`.
final class Subscription: Sendable {
    let id: Int
    let request: JoinRequest.ChangesRequest
    let channel: Channel

    /// A change decided for this subscription, not sent yet.
    struct Delivery: Sendable {
        let change: ChangeID
        let transactionID: UInt32
        /// The part of the frame that all who see the same columns share.
        let data: String
    }

    private enum Phase: Sendable {
        /// Being answered or catching up: what comes meanwhile waits.
        case waiting([Delivery])
        case live(Snapshot?)
        case overflown
        /// Its filter cannot be evaluated: nothing comes any more.
        case retired
    }

    private let phase = Mutex(Phase.waiting([]))
    private let pendingMax: Int
    /// The client has seen this one and all before it.
    private let since: ChangeID?

    init(id: Int, request: JoinRequest.ChangesRequest, channel: Channel, pendingMax: Int, since: ChangeID? = nil) {
        self.since = since
        self.id = id
        self.request = request
        self.channel = channel
        self.pendingMax = pendingMax
    }

    /// True when it should be sent now.
    func admits(_ delivery: Delivery) -> Bool {
        if let since, delivery.change <= since { return false }
        return phase.withLock { phase in
            switch phase {
            case .live(let snapshot): return snapshot.map { !$0.sees(delivery.transactionID) } ?? true
            case .waiting(var pending):
                guard pending.count < pendingMax else {
                    phase = .overflown
                    return false
                }
                phase = .waiting([])
                pending.append(delivery)
                phase = .waiting(pending)
                return false
            case .overflown, .retired: return false
            }
        }
    }

    /// What waits; nil when too much came. Live afterwards if nothing was left, else call again.
    func drain(_ snapshot: Snapshot?) -> [Delivery]? {
        phase.withLock { phase in
            switch phase {
            case .waiting(let pending):
                phase = pending.isEmpty ? .live(snapshot) : .waiting([])
                return pending.filter { delivery in snapshot.map { !$0.sees(delivery.transactionID) } ?? true }
            case .overflown:
                phase = .live(snapshot)
                return nil
            case .live, .retired: return []
            }
        }
    }

    /// Nothing waits to be drained.
    var isSettled: Bool {
        phase.withLock { phase in
            switch phase {
            case .live, .retired: true
            case .waiting, .overflown: false
            }
        }
    }

    var isRetired: Bool { phase.withLock { if case .retired = $0 { true } else { false } } }

    func retire() { phase.withLock { $0 = .retired } }
}
