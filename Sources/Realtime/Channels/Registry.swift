internal import Web

/// Who is connected, to what. A plain value behind the hub's lock.
struct Registry: Sendable {
    private(set) var sessions: [UInt64: RealtimeSession] = [:]
    private var members: [TopicKey: [UInt64: Channel]] = [:]
    private var presence: [TopicKey: Presence] = [:]
    /// Of what members say of themselves, on all topics.
    private(set) var presenceBytes = 0
    /// By table, then by number.
    private var subscriptions: [String: [Int: Subscription]] = [:]
    private var subscriptionsOfChannel: [UInt64: [Subscription]] = [:]
    var log: ChangeLog
    /// The slot exists, so nothing that is committed from now on is missed.
    var isReady = false
    /// The stored broadcast that was passed on last: the server repeats what it was not told of.
    var lastStored: ChangeID?
    /// Logins that ended lately, oldest first: a token that was read before may be on its way still.
    private var revoked: [(sessionID: String, at: ContinuousClock.Instant)] = []
    private var lastNumber: UInt64 = 0
    private var lastSubscription = 0

    init(log: ChangeLog) { self.log = log }

    private static let anyTable = "*"

    mutating func nextNumber() -> UInt64 {
        lastNumber += 1
        return lastNumber
    }

    mutating func nextSubscription() -> Int {
        lastSubscription += 1
        return lastSubscription
    }

    /// Longer than any join takes.
    private static let revokedFor: Duration = .seconds(120)

    mutating func noteRevoked(_ sessionID: String, at now: ContinuousClock.Instant) {
        if let old = revoked.firstIndex(where: { now - $0.at < Self.revokedFor }) {
            revoked.removeFirst(old)
        } else {
            revoked.removeAll()
        }
        revoked.append((sessionID, now))
    }

    func isRevoked(_ sessionID: String?) -> Bool {
        guard let sessionID, !revoked.isEmpty else { return false }
        return revoked.contains { $0.sessionID == sessionID }
    }

    mutating func add(_ session: RealtimeSession) { sessions[session.number] = session }
    mutating func remove(_ session: RealtimeSession) { sessions[session.number] = nil }

    // MARK: Channels

    mutating func add(_ channel: Channel) { members[channel.key, default: [:]][channel.number] = channel }

    /// Takes a member out with all it has. What its leaving changes in the topic's presence, for the others.
    mutating func remove(_ channel: Channel) -> Presence.Difference? {
        members[channel.key]?[channel.number] = nil
        if members[channel.key]?.isEmpty ?? false { members[channel.key] = nil }
        for subscription in subscriptionsOfChannel.removeValue(forKey: channel.number) ?? [] {
            let key = Self.tableKey(subscription)
            subscriptions[key]?[subscription.id] = nil
            if subscriptions[key]?.isEmpty ?? false { subscriptions[key] = nil }
        }
        return untrack(channel)
    }

    func channels(on key: TopicKey) -> [Channel] { members[key].map { Array($0.values) } ?? [] }
    var allChannels: [Channel] { members.values.flatMap(\.values) }
    var channelCount: Int { members.values.reduce(0) { $0 + $1.count } }
    var subscriptionCount: Int { subscriptions.values.reduce(0) { $0 + $1.count } }

    // MARK: Presence

    /// Nil when the topic has no room for another.
    mutating func track(
        _ channel: Channel, _ payload: JSON, _ limits: RealtimeSettings.Limits
    ) -> Presence.Difference? {
        var topic = presence[channel.key] ?? Presence()
        guard topic.has(channel.number) || topic.count < limits.presenceKeysPerTopicMax else { return nil }
        let before = topic.bytes
        let size = payload.text.utf8.count
        guard size <= limits.presenceBytesMax, presenceBytes + size <= limits.presenceBytesInAllMax else { return nil }
        let reference = String(nextNumber(), radix: 36)
        let difference = topic.track(channel.number, key: channel.presenceKey, reference: reference, payload)
        presence[channel.key] = topic
        presenceBytes += topic.bytes - before
        return difference
    }

    mutating func untrack(_ channel: Channel) -> Presence.Difference? {
        let before = presence[channel.key]?.bytes ?? 0
        let difference = presence[channel.key]?.untrack(channel.number)
        presenceBytes += (presence[channel.key]?.bytes ?? 0) - before
        if presence[channel.key]?.isEmpty ?? false { presence[channel.key] = nil }
        return difference
    }

    func presenceState(on key: TopicKey) -> String { presence[key]?.state ?? "{}" }

    // MARK: Subscriptions

    mutating func add(_ subscription: Subscription) {
        subscriptions[Self.tableKey(subscription), default: [:]][subscription.id] = subscription
        subscriptionsOfChannel[subscription.channel.number, default: []].append(subscription)
    }

    private static func tableKey(_ subscription: Subscription) -> String {
        guard let table = subscription.request.table, subscription.request.schema != "*" else { return anyTable }
        return "\(subscription.request.schema).\(table)"
    }

    func subscriptions(on table: FollowedTable) -> [Subscription] {
        let named = subscriptions[table.fullName].map { Array($0.values) } ?? []
        let broad = subscriptions[Self.anyTable].map { Array($0.values) } ?? []
        return (named + broad).filter { $0.request.covers(table) }.sorted { $0.id < $1.id }
    }

    var allSubscriptions: [Subscription] { subscriptions.values.flatMap(\.values) }
}
