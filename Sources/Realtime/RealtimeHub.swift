internal import Glibc
public import Postgres
internal import Synchronization
public import Web

/// Supabase Realtime's protocol without a socket: channels, presence, broadcasts, and the changes of the database.
///
/// `run` reads the slot and keeps house; sockets come by `connect`, HTTP requests by `handle`.
public final class RealtimeHub: Sendable {
    public let settings: RealtimeSettings
    let database: Database
    let replication: DatabaseConfiguration
    let verify: @Sendable (String) -> Actor?
    /// Seconds since 1970.
    let now: @Sendable () -> Double
    let changes: ChangeStore
    let channels: ChannelStore
    let judge: ChangeJudge
    let registry: Mutex<Registry>
    let counters = Mutex(Counters())
    let senders: SenderLimits

    struct Counters: Sendable {
        var changes = 0
        var deliveries = 0
        var gaps = 0
        var slowReaders = 0
    }

    /// `database` is reached as the owner of the schema `realtime`, who may become every role that tokens name.
    /// `replication` is the same server, with a role that may replicate. `verify` reads an access token: nil refuses it.
    public init(
        database: Database, replication: DatabaseConfiguration, settings: RealtimeSettings = RealtimeSettings(),
        now: @escaping @Sendable () -> Double = WallClock.seconds, verify: @escaping @Sendable (String) -> Actor?
    ) {
        self.database = database
        self.replication = replication
        self.settings = settings
        self.now = now
        self.verify = { token in verify(token).flatMap { Self.isUsable($0) ? $0 : nil } }
        senders = SenderLimits(perSecond: settings.limits.messagesPerSecond)
        changes = ChangeStore(database: database)
        channels = ChannelStore(database: database)
        judge = ChangeJudge(
            store: changes, settings: settings, cache: AccessCache(changes, age: settings.limits.accessAge))
        registry = Mutex(
            Registry(
                log: ChangeLog(
                    countMax: settings.limits.logChangesMax, bytesMax: settings.limits.logBytesMax,
                    floor: ChangeID(commit: LogPosition(0), sequence: 0))))
    }

    /// A new socket of `actor`, whose token the gateway has checked. `send` says false when the client reads too slowly;
    /// `close` is called once, unless the session ends by `closed()`. Nil when the server is full.
    public func connect(
        actor: Actor, version: ProtocolVersion, send: @escaping @Sendable (RealtimeFrame) -> Bool,
        close: @escaping @Sendable (UInt16, String) -> Void
    ) -> RealtimeSession? {
        guard Self.isUsable(actor) else { return nil }
        return registry.withLock { registry in
            guard registry.sessions.count < settings.limits.sessionsMax else { return nil }
            let session = RealtimeSession(
                number: registry.nextNumber(), actor: actor, version: version, hub: self, send: send, close: close)
            // Its token was ended between the gateway's look at it and now.
            guard !registry.isRevoked(actor.sessionID) else { return nil }
            registry.add(session)
            return session
        }
    }

    /// To PostgreSQL the role `none` means whoever connected: our owner. No token may name it.
    static func isUsable(_ actor: Actor) -> Bool { !actor.role.isEmpty && actor.role != "none" }

    /// Ends the sockets of one login: it logged out, was banned, or changed its password.
    public func revoke(sessionID: String) {
        // Noted first: who is about to join finds it when it is added, and who was added is found here.
        let (sessions, channels) = registry.withLock { registry in
            registry.noteRevoked(sessionID, at: .now)
            return (Array(registry.sessions.values), registry.allChannels)
        }
        for session in sessions where session.actor.sessionID == sessionID { session.tokenRevoked() }
        // A socket is mostly opened with a key; who is behind it came with a channel's token.
        for channel in channels where channel.actor.sessionID == sessionID {
            close(channel, "TokenRevoked: the session of this access token was ended")
        }
    }

    /// Ends every socket: the server stops.
    public func closeAll() {
        for session in registry.withLock({ Array($0.sessions.values) }) {
            session.end(code: CloseCode.goingAway, "GoingAway: the server stops")
        }
    }

    /// What Prometheus is told.
    public struct Figures: Sendable, Hashable {
        public var sessions = 0
        public var channels = 0
        public var subscriptions = 0
        public var changes = 0
        public var deliveries = 0
        public var gaps = 0
        public var logChanges = 0
        public var isReading = false
    }

    public var figures: Figures {
        let counted = counters.withLock { $0 }
        return registry.withLock { registry in
            Figures(
                sessions: registry.sessions.count, channels: registry.channelCount,
                subscriptions: registry.subscriptionCount, changes: counted.changes, deliveries: counted.deliveries,
                gaps: counted.gaps, logChanges: registry.log.count, isReading: registry.isReady)
        }
    }

    /// Bytes of the server's log that the slot holds back; nil when there is no slot.
    public func slotLagBytes() async throws -> Int64? { try await changes.slotLag(settings.slot) }
}

public enum WallClock {
    /// Seconds since 1970.
    @Sendable public static func seconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
