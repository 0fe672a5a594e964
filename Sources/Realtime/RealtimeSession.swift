internal import Synchronization
internal import Web

/// One socket. The gateway hands in what the client sends, in order and one at a time; what the hub has to say goes out
/// by the closure it was connected with.
public final class RealtimeSession: Sendable {
    let number: UInt64
    let version: ProtocolVersion
    let actor: Actor
    private let hub: RealtimeHub
    private let sendFrame: @Sendable (RealtimeFrame) -> Bool
    private let closeSocket: @Sendable (UInt16, String) -> Void
    private let state: Mutex<State>

    private struct State: Sendable {
        /// By the topic's bytes.
        var channels: [[UInt8]: Channel] = [:]
        var isOpen = true
        var messages: TokenBucket
        var joins: TokenBucket
        var presence: TokenBucket
    }

    init(
        number: UInt64, actor: Actor, version: ProtocolVersion, hub: RealtimeHub,
        send: @escaping @Sendable (RealtimeFrame) -> Bool, close: @escaping @Sendable (UInt16, String) -> Void
    ) {
        self.number = number
        self.actor = actor
        self.version = version
        self.hub = hub
        sendFrame = send
        closeSocket = close
        let limits = hub.settings.limits
        let now = ContinuousClock.now
        state = Mutex(
            State(
                messages: TokenBucket(
                    capacity: limits.messagesPerSecond * 2, per: .seconds(2), now: now),
                joins: TokenBucket(capacity: limits.joinsPerSecond, per: .seconds(1), now: now),
                presence: TokenBucket(capacity: limits.presenceCallsMax, per: limits.presenceWindow, now: now)))
    }

    /// A text frame. Returns when it has been dealt with: read the next one only then.
    public func receive(text: String) async {
        guard text.utf8.count <= hub.settings.limits.frameBytesMax else { return tooLarge() }
        await handle { () throws(MalformedMessage) in try ClientMessage.parse(text, version) }
    }

    /// A binary frame: version 2 sends broadcasts this way.
    public func receive(binary bytes: [UInt8]) async {
        guard bytes.count <= hub.settings.limits.frameBytesMax else { return tooLarge() }
        await handle { () throws(MalformedMessage) in
            guard version == .two else { throw MalformedMessage(reason: "version 1 has no binary frames") }
            return try ClientMessage.parse(binary: bytes)
        }
    }

    /// The socket is gone.
    public func closed() { end() }

    /// The session behind the token was ended: logged out, banned, its password changed.
    public func tokenRevoked() {
        for channel in channels {
            channel.system("system", isOK: false, "the session of this access token was ended")
            channel.send("phx_close", "{}")
        }
        end(code: CloseCode.policy, "TokenRevoked: the session of this access token was ended")
    }

    // MARK: For the hub

    var channels: [Channel] { state.withLock { Array($0.channels.values) } }
    var isOpen: Bool { state.withLock { $0.isOpen } }

    /// A reader that does not keep up is cut, and nobody waits for it.
    func deliver(_ frame: RealtimeFrame) {
        guard isOpen else { return }
        if !sendFrame(frame) { end(code: CloseCode.tryAgain, "SlowReader: frames were not read as fast as they came") }
    }

    func channel(_ topic: String) -> Channel? { state.withLock { $0.channels[Array(topic.utf8)] } }

    /// The membership that had the topic before; nil also when there is no room, which `isFull` says.
    func put(_ channel: Channel, countMax: Int) -> (replaced: Channel?, isFull: Bool) {
        let topic = Array(channel.topic.utf8)
        return state.withLock { state in
            guard state.isOpen, state.channels[topic] != nil || state.channels.count < countMax else {
                return (nil, true)
            }
            return (state.channels.updateValue(channel, forKey: topic), false)
        }
    }

    func drop(_ channel: Channel) {
        let topic = Array(channel.topic.utf8)
        state.withLock { state in
            if state.channels[topic] === channel { state.channels[topic] = nil }
        }
    }

    func mayJoin() -> Bool { state.withLock { $0.joins.take(now: .now) } }
    func mayCallPresence() -> Bool { state.withLock { $0.presence.take(now: .now) } }

    func end(code: UInt16, _ reason: String) {
        guard end() else { return }
        closeSocket(code, reason)
    }

    /// Leaves every channel. True the first time.
    @discardableResult
    private func end() -> Bool {
        let left: [Channel]? = state.withLock { state in
            guard state.isOpen else { return nil }
            state.isOpen = false
            defer { state.channels = [:] }
            return Array(state.channels.values)
        }
        guard let left else { return false }
        hub.leave(left, session: self)
        return true
    }

    // MARK: Messages

    private func tooLarge() {
        end(code: CloseCode.tooBig, "FrameTooLarge: a frame may have \(hub.settings.limits.frameBytesMax) bytes")
    }

    private func handle(_ parse: () throws(MalformedMessage) -> ClientMessage) async {
        guard isOpen else { return }
        let message: ClientMessage
        do throws(MalformedMessage) {
            message = try parse()
        } catch {
            return end(code: CloseCode.policy, "MalformedMessage: \(error.reason)")
        }
        guard state.withLock({ $0.messages.take(now: .now) }) else {
            return refuse(message, Refusal("ClientRateLimitReached", "too many messages a second"))
        }
        await hub.handle(message, from: self)
    }

    func refuse(_ message: ClientMessage, _ reason: Refusal) {
        deliver(ServerMessage.refusal(version, to: message, reason))
    }

    func accept(_ message: ClientMessage, _ response: JSON = .object([])) {
        deliver(ServerMessage.reply(version, to: message, isOK: true, response))
    }
}

/// RFC 6455, section 7.4.1, and the registry behind it.
enum CloseCode {
    static let policy: UInt16 = 1008
    static let tooBig: UInt16 = 1009
    static let goingAway: UInt16 = 1001
    static let tryAgain: UInt16 = 1013
}
