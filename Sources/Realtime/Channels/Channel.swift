internal import Synchronization
internal import Web

/// A topic as the hub knows it: a private channel and a public one of the same name are two.
struct TopicKey: Sendable, Hashable {
    let isPrivate: Bool
    /// Without `realtime:`.
    let name: String

    /// By bytes, as the database compares it whose policies were asked: `é` written in two ways is two topics, and equal
    /// to Swift.
    static func == (left: TopicKey, right: TopicKey) -> Bool {
        left.isPrivate == right.isPrivate && left.name.utf8.elementsEqual(right.name.utf8)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(isPrivate)
        for byte in name.utf8 { hasher.combine(byte) }
    }
}

/// One client's membership of a topic.
final class Channel: Sendable {
    struct State: Sendable {
        var actor: Actor
        var rights: ChannelRights
        var isOpen = true
        var isWarned = false
        var expiry: TokenExpiry
        /// Groups and tables whose policy failed and of which the client was told.
        var failuresTold: Set<String> = []
    }

    let number: UInt64
    /// As the client writes it, `realtime:…`.
    let topic: String
    let key: TopicKey
    let joinReference: JSON
    let request: JoinRequest
    let presenceKey: String
    let session: RealtimeSession
    private let state: Mutex<State>

    init(
        number: UInt64, message: ClientMessage, key: TopicKey, request: JoinRequest, actor: Actor,
        rights: ChannelRights, session: RealtimeSession, presenceKey: String
    ) {
        self.number = number
        topic = message.topic
        joinReference = message.joinReference
        self.key = key
        self.request = request
        self.session = session
        self.presenceKey = presenceKey
        state = Mutex(State(actor: actor, rights: rights, expiry: TokenExpiry(claims: actor.claims)))
    }

    var actor: Actor { state.withLock { $0.actor } }
    var rights: ChannelRights { state.withLock { $0.rights } }
    var isOpen: Bool { state.withLock { $0.isOpen } }
    var expiry: TokenExpiry { state.withLock { $0.expiry } }

    func become(_ actor: Actor, _ rights: ChannelRights) {
        state.withLock { state in
            state.actor = actor
            state.rights = rights
            state.expiry = TokenExpiry(claims: actor.claims)
            state.isWarned = false
            state.failuresTold = []
        }
    }

    /// True the first time.
    func shut() -> Bool {
        state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen
        }
    }

    func warnOnce() -> Bool {
        state.withLock { state in
            defer { state.isWarned = true }
            return !state.isWarned
        }
    }

    func tellFailureOnce(_ table: String) -> Bool { state.withLock { $0.failuresTold.insert(table).inserted } }

    func send(_ event: String, _ payload: String) {
        guard isOpen else { return }
        session.deliver(ServerMessage.frame(session.version, topic: topic, event: event, payload: payload))
    }

    func system(_ name: String, isOK: Bool, _ message: String, _ more: [JSON.Member] = []) {
        guard isOpen else { return }
        session.deliver(
            ServerMessage.system(session.version, topic: topic, extension: name, isOK: isOK, message, more))
    }
}

/// When a token ends, read from its claims.
enum TokenExpiry: Sendable, Hashable {
    case never
    /// Seconds since 1970.
    case at(Double)
    /// A claim `exp` that is no number: not to be trusted.
    case unreadable

    init(claims: String) {
        guard let value = (try? JSONReader.read(claims))?["exp"] else {
            self = .never
            return
        }
        if case .number(let text) = value, let seconds = Double(text), seconds.isFinite {
            self = .at(seconds)
        } else {
            self = .unreadable
        }
    }

    func isOver(at now: Double) -> Bool {
        switch self {
        case .never: false
        case .at(let end): end <= now
        case .unreadable: true
        }
    }

    /// Seconds left.
    func left(at now: Double) -> Double? { if case .at(let end) = self { end - now } else { nil } }
}
