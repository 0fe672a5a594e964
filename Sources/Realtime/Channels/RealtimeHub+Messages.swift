internal import Postgres
internal import Synchronization
internal import Web

/// What clients ask for on their channels.
extension RealtimeHub {
    func handle(_ message: ClientMessage, from session: RealtimeSession) async {
        if message.topic == "phoenix" {
            if message.event == "heartbeat" { session.accept(message) }
            return
        }
        if message.event == "phx_join" {
            do throws(Refusal) {
                return try await join(message, session)
            } catch {
                return session.refuse(message, error)
            }
        }
        guard let channel = session.channel(message.topic) else {
            return session.refuse(message, Refusal("UnmatchedTopic", "the channel was not joined"))
        }
        // Meant for a membership that ended meanwhile.
        guard
            message.joinReference.isNull || message.joinReference == channel.joinReference
                || channel.joinReference.isNull
        else { return }
        switch message.event {
        case "phx_leave":
            leave(channel)
            session.accept(message)
            session.deliver(
                ServerMessage.frame(
                    session.version, topic: channel.topic, event: "phx_close", payload: "{}",
                    reference: message.reference, joinReference: channel.joinReference))
        case "access_token": await refresh(message, channel)
        case "broadcast": broadcast(message, channel)
        case "presence": presence(message, channel)
        default: session.refuse(message, Refusal("UnknownEvent", "\(message.event.prefix(50)) is no event of a client"))
        }
    }

    // MARK: Leaving

    func leave(_ channel: Channel) {
        channel.session.drop(channel)
        guard channel.shut() else { return }
        remove(channel)
    }

    func leave(_ channels: [Channel], session: RealtimeSession) {
        registry.withLock { $0.remove(session) }
        for channel in channels where channel.shut() { remove(channel) }
    }

    private func remove(_ channel: Channel) {
        let difference = registry.withLock { $0.remove(channel) }
        if let difference { tell(difference, on: channel.key) }
    }

    /// Closes a channel for a reason the client is told.
    func close(_ channel: Channel, _ reason: String) {
        channel.system("system", isOK: false, reason)
        channel.send("phx_close", "{}")
        leave(channel)
    }

    // MARK: Tokens

    private func refresh(_ message: ClientMessage, _ channel: Channel) async {
        // Null is what clients send that have no token: the one they came with stays.
        guard let token = message.payload["access_token"]?.string, !token.isEmpty else { return }
        guard let actor = verify(token) else { return close(channel, "InvalidJWTToken: the access token was refused") }
        guard actor != channel.actor else { return }
        guard !TokenExpiry(claims: actor.claims).isOver(at: now()) else {
            return close(channel, "InvalidJWTToken: the access token has ended")
        }
        var rights = ChannelRights.all
        if channel.key.isPrivate {
            do {
                rights = try await channels.rights(on: channel.key.name, role: actor.role, claims: actor.claims)
            } catch {
                return close(channel, "DatabaseUnavailable: the rights on this channel could not be checked")
            }
            guard rights.readsSomething else {
                return close(channel, "Unauthorized: you may no longer read from this channel")
            }
        }
        channel.become(actor, rights)
        // Its login may have ended while the rights were asked for.
        guard !registry.withLock({ $0.isRevoked(actor.sessionID) }) else {
            return close(channel, "TokenRevoked: the session of this access token was ended")
        }
    }

    // MARK: Broadcast

    private func broadcast(_ message: ClientMessage, _ channel: Channel) {
        let session = channel.session
        guard channel.rights.writesBroadcast else {
            return session.refuse(message, Refusal("Unauthorized", "you may not send to this channel"))
        }
        guard let event = message.payload["event"]?.string, event.utf8.count <= settings.limits.topicBytesMax else {
            return session.refuse(message, Refusal("InvalidBroadcast", "event is missing or too long"))
        }
        let sender = channel.request.sendsToSelf ? nil : channel
        if let bytes = message.bytes {
            send(bytes: bytes, event: event, on: channel.key, except: sender)
        } else {
            send(message.payload["payload"] ?? .object([]), event: event, on: channel.key, except: sender)
        }
        if channel.request.acknowledges { session.accept(message) }
    }

    /// To all members that may read; each version's text is made once per way of writing the topic, from parsed values.
    func send(_ payload: JSON, event: String, on key: TopicKey, except sender: Channel?, meta: JSON? = nil) {
        var members: [JSON.Member] = [
            .init("type", "broadcast"), .init("event", .string(event)), .init("payload", payload),
        ]
        if let meta { members.append(.init("meta", meta)) }
        tell("broadcast", JSON.object(members).text, on: key, except: sender, where: \.readsBroadcast)
    }

    private func send(bytes: [UInt8], event: String, on key: TopicKey, except sender: Channel?) {
        for member in registry.withLock({ $0.channels(on: key) }) where member !== sender {
            guard member.isOpen, member.rights.readsBroadcast, member.session.version == .two else { continue }
            if let frame = ServerMessage.binaryBroadcast(topic: member.topic, event: event, payload: bytes) {
                member.session.deliver(frame)
            }
        }
    }

    private func tell(
        _ event: String, _ payload: String, on key: TopicKey, except sender: Channel? = nil,
        where may: (ChannelRights) -> Bool, isPresence: Bool = false
    ) {
        let members = registry.withLock { $0.channels(on: key) }
        guard !members.isEmpty else { return }
        var frames: [ProtocolVersion: RealtimeFrame] = [:]
        for member in members where member !== sender {
            guard member.isOpen, may(member.rights), !isPresence || member.request.isPresenceEnabled else { continue }
            let version = member.session.version
            let frame =
                frames[version]
                ?? ServerMessage.frame(version, topic: member.topic, event: event, payload: payload)
            frames[version] = frame
            member.session.deliver(frame)
        }
    }

    // MARK: Presence

    private func presence(_ message: ClientMessage, _ channel: Channel) {
        let session = channel.session
        guard channel.rights.writesPresence else {
            return session.refuse(message, Refusal("Unauthorized", "you may not be present on this channel"))
        }
        guard session.mayCallPresence() else {
            return session.refuse(message, Refusal("ClientPresenceRateLimitReached", "too many presence messages"))
        }
        switch message.payload["event"]?.string?.lowercased() {
        case "track":
            let payload = message.payload["payload"] ?? .object([])
            let difference = registry.withLock { registry in
                channel.isOpen ? registry.track(channel, payload, settings.limits) : nil
            }
            guard let difference else {
                return session.refuse(message, Refusal("PresenceFull", "too many are present, or they say too much"))
            }
            session.accept(message)
            tell(difference, on: channel.key)
        case "untrack":
            let difference = registry.withLock { $0.untrack(channel) }
            session.accept(message)
            if let difference { tell(difference, on: channel.key) }
        default: session.refuse(message, Refusal("InvalidPresence", "event is neither track nor untrack"))
        }
    }

    func tell(_ difference: Presence.Difference, on key: TopicKey) {
        tell("presence_diff", difference.payload, on: key, where: \.readsPresence, isPresence: true)
    }
}
