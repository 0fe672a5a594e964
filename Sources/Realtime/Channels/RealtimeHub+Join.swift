internal import Postgres
internal import Synchronization
internal import Web

/// Joining: the answer is given when everything that was asked for lives.
extension RealtimeHub {
    private static let prefix = "realtime:"

    func join(_ message: ClientMessage, _ session: RealtimeSession) async throws(Refusal) {
        guard session.mayJoin() else { throw Refusal("ChannelRateLimitReached", "too many joins a second") }
        guard message.topic.hasPrefix(Self.prefix), message.topic.utf8.count > Self.prefix.utf8.count,
            message.topic.utf8.count <= settings.limits.topicBytesMax, !message.topic.utf8.contains(0)
        else { throw Refusal("TopicNameInvalid", "a topic is realtime: and a name") }
        let request = try JoinRequest(message.payload, limits: settings.limits)
        let actor = try actor(request, session)
        let key = TopicKey(isPrivate: request.isPrivate, name: String(message.topic.dropFirst(Self.prefix.count)))
        let rights = try await rights(key, actor)
        for entry in request.changes { try await admit(entry, actor) }
        let others = session.channels.filter { !$0.topic.utf8.elementsEqual(message.topic.utf8) }.reduce(0) {
            $0 + $1.request.changes.count
        }
        guard others + request.changes.count <= settings.limits.subscriptionsPerSessionMax else {
            throw Refusal(
                "TooManySubscriptions", "more than \(settings.limits.subscriptionsPerSessionMax) on one socket")
        }
        if !request.changes.isEmpty { try await waitUntilReady() }

        let number = registry.withLock { $0.nextNumber() }
        let channel = Channel(
            number: number, message: message, key: key, request: request, actor: actor, rights: rights,
            session: session,
            presenceKey: request.presenceKey.isEmpty ? Self.randomKey() : request.presenceKey)
        let (replaced, isFull) = session.put(channel, countMax: settings.limits.channelsPerSessionMax)
        guard !isFull else {
            throw Refusal("ChannelRateLimitReached", "more than \(settings.limits.channelsPerSessionMax) channels")
        }
        // A rejoin takes the old membership's place without a word: a late phx_close would hit the new one.
        if let replaced, replaced.shut() { dropSilently(replaced) }
        do throws(Refusal) {
            try await start(channel, message)
        } catch {
            session.drop(channel)
            _ = channel.shut()
            dropSilently(channel)
            throw error
        }
    }

    private func dropSilently(_ channel: Channel) {
        if let difference = registry.withLock({ $0.remove(channel) }) { tell(difference, on: channel.key) }
    }

    private static func randomKey() -> String {
        String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    private func actor(_ request: JoinRequest, _ session: RealtimeSession) throws(Refusal) -> Actor {
        var actor = session.actor
        if let token = request.accessToken {
            guard let verified = verify(token) else { throw Refusal("InvalidJWTToken", "the access token was refused") }
            actor = verified
        }
        guard !TokenExpiry(claims: actor.claims).isOver(at: now()) else {
            throw Refusal("InvalidJWTToken", "the access token has ended")
        }
        return actor
    }

    private func rights(_ key: TopicKey, _ actor: Actor) async throws(Refusal) -> ChannelRights {
        guard key.isPrivate else {
            guard settings.allowsPublicChannels else {
                throw Refusal("PrivateOnly", "this server has private channels only")
            }
            return .all
        }
        let rights: ChannelRights
        do {
            rights = try await channels.rights(on: key.name, role: actor.role, claims: actor.claims)
        } catch {
            throw Self.unavailable(error)
        }
        guard rights.readsSomething else {
            throw Refusal("Unauthorized", "you do not have permissions to read from this channel")
        }
        return rights
    }

    private static func unavailable(_ error: any Error) -> Refusal {
        if let error = error as? PostgresError, error.isAboutTheQuestion {
            return Refusal("Unauthorized", "the rights could not be evaluated")
        }
        return Refusal("DatabaseUnavailable", "the database is not reached; try again")
    }

    // MARK: Changes

    /// Refuses a subscription that could never deliver: a table that is not published or may not be read, a column that
    /// may not be read, a filter whose value the column's type does not take.
    private func admit(_ entry: JoinRequest.ChangesRequest, _ actor: Actor) async throws(Refusal) {
        guard let name = entry.table, entry.schema != "*" else { return }
        do {
            let id = try await changes.publishedTable(
                schema: entry.schema, name: name, publication: settings.publication)
            guard let id else {
                throw Refusal("UnableToSubscribe", "\(entry.schema).\(name) is not in \(settings.publication)")
            }
            let key = TableAccess.Key(table: id, role: actor.role)
            guard let access = try await judge.cache.access(to: [key])[key],
                access.verdict(
                    isNamed: settings.openTables.contains("\(entry.schema).\(name)"),
                    isTrusted: settings.trustedRoles.contains(actor.role)) != .nothing
            else { throw Refusal("Unauthorized", "\(actor.role) may not follow \(entry.schema).\(name)") }
            for column in entry.filter.columns.union(entry.select ?? []).sorted()
            where !access.readable.contains(column) {
                throw Refusal("Unauthorized", "\(actor.role) may not read column \(column)")
            }
            guard !entry.filter.isEmpty else { return }
            let table = FollowedTable(id: id, schema: entry.schema, name: name, columns: [])
            let checks =
                [ChangeStore.matching(table, "[]", entry.filter.sql)]
                + entry.filter.patterns.map(ChangeStore.pattern)
            let reader = ChangeStore.Reader(role: actor.role, claims: "{}", checks: checks)
            _ = try await changes.numbers([reader], timeout: settings.limits.checkTimeout)
        } catch let refusal as Refusal {
            throw refusal
        } catch let error as PostgresError where error.kind == .server {
            throw Refusal("InvalidFilter", error.message)
        } catch {
            throw Self.unavailable(error)
        }
    }

    private func waitUntilReady() async throws(Refusal) {
        let end = ContinuousClock.now + settings.limits.readyWaitMax
        while !registry.withLock(\.isReady) {
            guard ContinuousClock.now < end, (try? await Task.sleep(for: .milliseconds(10))) != nil else {
                throw Refusal("ReplicationNotReady", "the changes of the database are not read yet; try again")
            }
        }
    }

    private func start(_ channel: Channel, _ message: ClientMessage) async throws(Refusal) {
        let request = channel.request
        // From here on changes are kept for it; the log is taken in the same moment, so that the two meet.
        let (subscriptions, missed) = registry.withLock { registry in
            let missed = Missed(registry.log, since: request.since)
            let subscriptions = request.changes.map { entry in
                Subscription(
                    id: registry.nextSubscription(), request: entry, channel: channel,
                    pendingMax: settings.limits.pendingMax, since: missed.isKnown ? request.since : nil)
            }
            for subscription in subscriptions { registry.add(subscription) }
            return (subscriptions, missed)
        }
        let hasPatterns = request.changes.contains { !$0.filter.patterns.isEmpty }
        let end = hasPatterns ? ContinuousClock.now + settings.limits.patternTimeMax : nil
        var snapshot: Snapshot?
        var decisions: [ChangeJudge.Decision] = []
        do {
            // Seeing exactly what a snapshot of now does not: a client that reads its tables next misses nothing.
            if !missed.isKnown, !subscriptions.isEmpty { snapshot = try await changes.snapshot() }
            for part in missed.changes.chunked(settings.limits.batchMax) where !subscriptions.isEmpty {
                decisions += try await judge.decide(part, until: end) { _ in subscriptions }
                guard decisions.count <= settings.limits.pendingMax else { break }
            }
        } catch {
            throw Self.unavailable(error)
        }
        var isGap = missed.isGap
        if decisions.count > settings.limits.pendingMax {
            decisions = []
            isGap = true
        }
        answer(channel, message, subscriptions)
        if isGap, !subscriptions.isEmpty { tellGap(channel) }
        deliver(decisions.map { ($0.subscription, $0.delivery) })
        goLive(subscriptions, snapshot, channel)
        let isRevoked = registry.withLock { registry in
            if channel.isOpen { registry.add(channel) }
            return registry.isRevoked(channel.actor.sessionID)
        }
        // Its login may have ended while it joined, and the socket may have closed.
        if isRevoked { close(channel, "TokenRevoked: the session of this access token was ended") }
        if !channel.isOpen { return dropSilently(channel) }
        await greet(channel)
    }

    private func answer(_ channel: Channel, _ message: ClientMessage, _ subscriptions: [Subscription]) {
        let asked = message.payload["config"]?["postgres_changes"]?.array ?? []
        let entries = zip(subscriptions, asked).map { subscription, asked in
            JoinRequest.answer(subscription.request, asked: asked, id: subscription.id)
        }
        channel.session.accept(message, ["postgres_changes": .array(entries)])
        if !subscriptions.isEmpty {
            channel.system("postgres_changes", isOK: true, "Subscribed to PostgreSQL")
        }
    }

    private func goLive(_ subscriptions: [Subscription], _ snapshot: Snapshot?, _ channel: Channel) {
        // In the order of the changes over all subscriptions of the channel.
        while subscriptions.contains(where: { !$0.isSettled }) {
            var waiting: [(Subscription, Subscription.Delivery)] = []
            for subscription in subscriptions where !subscription.isSettled {
                guard let some = subscription.drain(snapshot) else {
                    tellGap(channel)
                    continue
                }
                waiting += some.map { (subscription, $0) }
            }
            deliver(waiting.sorted { $0.1.change < $1.1.change })
        }
    }

    func tellGap(_ channel: Channel) {
        counters.withLock { $0.gaps += 1 }
        let last = registry.withLock { $0.log.last }
        channel.system(
            "postgres_changes", isOK: true, "gap: changes were missed, read the tables again",
            [.init("gap", ["until": .string(last.description)])])
    }

    /// Sends deliveries in order; those of one change and channel with the same data are one frame.
    func deliver(_ deliveries: [(Subscription, Subscription.Delivery)]) {
        var index = 0
        while index < deliveries.count {
            let change = deliveries[index].1.change
            var end = index + 1
            while end < deliveries.count, deliveries[end].1.change == change { end += 1 }
            var frames: [(channel: Channel, data: String, ids: [Int])] = []
            var places: [UInt64: [Int]] = [:]
            for (subscription, delivery) in deliveries[index..<end] {
                let number = subscription.channel.number
                if let place = places[number]?.first(where: { frames[$0].data == delivery.data }) {
                    frames[place].ids.append(subscription.id)
                } else {
                    places[number, default: []].append(frames.count)
                    frames.append((subscription.channel, delivery.data, [subscription.id]))
                }
            }
            for frame in frames {
                frame.channel.send(
                    "postgres_changes", "{\"ids\":\(JSONText.list(frame.ids)),\"data\":\(frame.data)}")
            }
            counters.withLock { $0.deliveries += frames.count }
            index = end
        }
    }

    // MARK: After the answer

    private func greet(_ channel: Channel) async {
        if channel.request.isPresenceEnabled, channel.rights.readsPresence {
            channel.send("presence_state", registry.withLock { $0.presenceState(on: channel.key) })
        }
        guard let replay = channel.request.replay, channel.key.isPrivate, channel.rights.readsBroadcast else { return }
        let actor = channel.actor
        do {
            let messages = try await channels.stored(
                on: channel.key.name, replay, role: actor.role, claims: actor.claims)
            for message in messages {
                let payload: JSON = [
                    "type": "broadcast", "event": .string(message.event), "payload": message.payload,
                    "meta": ["replayed": true, "id": .string(message.id)],
                ]
                channel.send("broadcast", payload.text)
            }
        } catch {
            channel.system("broadcast", isOK: false, "stored messages could not be read; join again")
        }
    }
}

/// What a client that comes back has not seen.
private struct Missed: Sendable {
    /// The client says where it was, and the log reaches back that far.
    var isKnown = false
    var isGap = false
    var changes: [Change] = []

    init(_ log: ChangeLog, since: ChangeID?) {
        guard let since else { return }
        guard let found = log.changes(behind: since) else {
            isGap = true
            return
        }
        isKnown = true
        changes = Array(found)
    }
}

extension Array {
    /// In slices of at most `size`.
    func chunked(_ size: Int) -> [[Element]] {
        stride(from: 0, to: count, by: Swift.max(1, size)).map {
            Array(self[$0..<Swift.min($0 + Swift.max(1, size), count)])
        }
    }
}
