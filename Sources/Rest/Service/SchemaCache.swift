public import Postgres
internal import Synchronization

/// The snapshot that requests are planned against. A reload makes a new one beside it and puts it in its place; until
/// then, and when it fails, the old one serves.
public final class SchemaCache: Sendable {
    private let database: Database
    private let schemas: [String]
    private let state = Mutex<(snapshot: Snapshot?, generation: UInt64, failure: String?)>((nil, 0, nil))

    /// - Parameter database: its own pool, so that no request's time-out stops a reload.
    public init(database: Database, schemas: [String]) {
        self.database = database
        self.schemas = schemas
    }

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
    public func run() async throws {
        var pause: Duration = .milliseconds(100)
        while !Task.isCancelled {
            do {
                let events = try await database.notifications(on: "pgrst")
                try await reload()
                pause = .milliseconds(100)
                for await event in events { await react(to: event) }
            } catch let error as PostgresError where error.kind == .cancelled {
                return
            } catch is PostgresError {
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(5))
            }
        }
    }

    private func react(to event: NotificationEvent) async {
        switch event {
        case .notification(let message) where message.payload != "" && message.payload != "reload schema": return
        case .notification, .mayHaveMissed: try? await reload()
        }
    }
}
