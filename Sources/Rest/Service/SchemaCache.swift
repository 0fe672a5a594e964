public import Postgres
internal import Synchronization

/// The snapshot that requests are planned against. A reload makes a new one beside it and puts it in its place; until
/// then, and when it fails, the old one serves.
public final class SchemaCache: Sendable {
    private let database: Database
    private let schemas: [String]
    private let state = Mutex<(snapshot: Snapshot?, generation: UInt64, failure: String?)>((nil, 0, nil))

    private let pulse = Mutex<(wished: UInt64, heard: UInt64)>((0, 0))
    private let heartbeat: Duration
    private let debounce: Duration
    /// How long a heartbeat may take to come back.
    private static let answerMax: Duration = .seconds(5)

    /// - Parameters:
    ///   - database: its own pool, so that no request's time-out stops a reload.
    ///   - heartbeat: how often the listening connection is asked whether it hears.
    ///   - debounce: how long further notifications are waited for before a reload.
    public init(
        database: Database, schemas: [String], heartbeat: Duration = .seconds(15),
        debounce: Duration = .milliseconds(100)
    ) {
        self.database = database
        self.schemas = schemas
        self.heartbeat = heartbeat
        self.debounce = debounce
    }

    /// Whether the database announces changes of its schema by itself; else whoever makes them must notify.
    public func isAnnounced() async throws -> Bool { try await ReloadStore(database: database).hasTriggers() }

    func current() throws(RestError) -> Snapshot {
        guard let snapshot = state.withLock({ $0.snapshot }) else {
            var error = RestError("PGRST002", 503, "Could not query the database for the schema cache. Retrying.")
            error.headers["Retry-After"] = "1"
            throw error
        }
        return snapshot
    }

    public var isLoaded: Bool { state.withLock { $0.snapshot != nil } }
    /// Why the last reload failed, nil when it did not.
    public var failure: String? { state.withLock { $0.failure } }
    public var generation: UInt64 { state.withLock { $0.snapshot?.generation ?? 0 } }

    /// Reads the catalogue anew.
    public func reload() async throws {
        let generation = state.withLock { state in
            state.generation += 1
            return state.generation
        }
        do {
            let snapshot = try await SnapshotBuilder.read(database, schemas: schemas, generation: generation)
            state.withLock { state in
                // Of two reloads at once the later one stays.
                guard snapshot.generation > state.snapshot?.generation ?? 0 else { return }
                state.snapshot = snapshot
                state.failure = nil
            }
        } catch {
            state.withLock { $0.failure = "\(error)" }
            throw error
        }
    }

    /// Loads, then reloads at each `NOTIFY pgrst, 'reload schema'`, and after a lost connection, which may have lost one.
    ///
    /// Many notifications in a row are one reload. A listening connection that has died without a word is found by its
    /// heartbeat: what we send on a channel of our own must come back.
    public func run() async throws {
        var pause: Duration = .milliseconds(100)
        while !Task.isCancelled {
            do {
                try await listen()
                pause = .milliseconds(100)
            } catch let error as PostgresError where error.kind == .cancelled {
                return
            } catch is ListenerLost {
                continue
            } catch is PostgresError {
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(5))
            } catch is CancellationError {
                return
            }
        }
    }

    private struct ListenerLost: Error {}

    /// Until the listening connection is found dead.
    private func listen() async throws {
        let channel = "pgrst_beat_\(UInt64.random(in: .min ... .max))"
        let events = try await database.notifications(on: "pgrst", channel)
        try await reload()
        let (wishes, wish) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for await event in events where self.isWish(event, channel) { wish.yield() }
            }
            group.addTask { try await self.serve(wishes) }
            group.addTask { try await self.beat(on: channel) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Notes heartbeats; true for what asks for a reload.
    private func isWish(_ event: NotificationEvent, _ channel: String) -> Bool {
        pulse.withLock { pulse in
            switch event {
            case .notification(let message) where message.channel == channel:
                pulse.heard += 1
                return false
            case .notification(let message) where message.payload != "" && message.payload != "reload schema":
                return false
            case .notification, .mayHaveMissed:
                pulse.wished += 1
                return true
            }
        }
    }

    private func serve(_ wishes: AsyncStream<Void>) async throws {
        var served: UInt64 = 0
        for await _ in wishes where pulse.withLock({ $0.wished }) != served {
            try await Task.sleep(for: debounce)
            served = pulse.withLock { $0.wished }
            while true {
                do {
                    try await reload()
                    break
                } catch {
                    try await Task.sleep(for: .seconds(1))
                }
            }
        }
    }

    private func beat(on channel: String) async throws {
        while true {
            try await Task.sleep(for: heartbeat)
            let before = pulse.withLock { $0.heard }
            try await ReloadStore(database: database).beat(channel)
            let clock = ContinuousClock()
            let deadline = clock.now + Self.answerMax
            while pulse.withLock({ $0.heard }) == before {
                guard clock.now < deadline else { throw ListenerLost() }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
