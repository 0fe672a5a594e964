internal import Web

/// Who is connected, to what. A plain value behind the hub's lock.
struct Registry: Sendable {
    private(set) var sessions: [UInt64: RealtimeSession] = [:]
    private var members: [TopicKey: [UInt64: Channel]] = [:]
    private var presence: [TopicKey: Presence] = [:]
    /// By table, then by number.
    private var subscriptions: [String: [Int: Subscription]] = [:]
    private var subscriptionsOfChannel: [UInt64: [Subscription]] = [:]
    var log: ChangeLog
    /// The slot exists, so nothing that is committed from now on is missed.
    var isReady = false
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
        _ channel: Channel, _ payload: JSON, keysMax: Int
    ) -> Presence.Difference? {
        var topic = presence[channel.key] ?? Presence()
        guard topic.has(channel.number) || topic.count < keysMax else { return nil }
        let reference = String(nextNumber(), radix: 36)
        let difference = topic.track(channel.number, key: channel.presenceKey, reference: reference, payload)
        presence[channel.key] = topic
        return difference
    }

    mutating func untrack(_ channel: Channel) -> Presence.Difference? {
        let difference = presence[channel.key]?.untrack(channel.number)
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
