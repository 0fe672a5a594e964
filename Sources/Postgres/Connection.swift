internal import Synchronization

/// Takes a connection back.
protocol ConnectionHome: AnyObject, Sendable {
    func release(_ wire: Wire)
}

/// One session with the server, for one caller.
///
/// Statements run in the order they are given, each as its own implicit transaction unless `transaction` is used.
public final class Connection: SQLExecutor, @unchecked Sendable {
    // SAFETY: `wire` is touched by the reactor's thread only; `isInTransaction` has its lock.
    let reactor: Reactor
    private let home: any ConnectionHome
    /// True when nobody but this object knows the connection.
    private let isOwner: Bool
    private var wire: Wire?
    private let isInTransaction = Mutex(false)

    init(_ wire: Wire, pool: Pool, reactor: Reactor) {
        self.wire = wire
        self.reactor = reactor
        home = pool
        isOwner = false
    }

    private init(_ wire: Wire, standalone: StandaloneHome) {
        self.wire = wire
        reactor = wire.reactor
        home = standalone
        isOwner = true
    }

    deinit {
        guard isOwner, let wire else { return }
        let home = home
        reactor.post(.perform { home.release(wire) })
    }

    /// A connection outside of any pool; it ends with `close` or when it is dropped.
    public static func connect(_ configuration: DatabaseConfiguration) async throws -> Connection {
        let reactor = try Reactor.shared.get()
        return try await withUnsafeThrowingContinuation { continuation in
            Connector.connect(configuration) { result in
                switch result {
                case .failure(let failure): continuation.resume(throwing: failure.error)
                case .success(let handle):
                    reactor.post(
                        .perform {
                            let home = StandaloneHome(reactor)
                            let wire = Wire(handle.pointer, limits: configuration.limits, reactor: reactor, owner: home)
                            home.keep(wire)
                            continuation.resume(returning: Connection(wire, standalone: home))
                        })
                }
            }
        }
    }

    @discardableResult
    public func run(_ statement: Statement) async throws -> QueryResult {
        try await Request.run(statement, on: .connection(self), reactor)
    }

    @discardableResult
    public func pipeline(_ statements: [Statement]) async throws -> [QueryResult] {
        try await Request.run(statements, on: .connection(self), reactor)
    }

    /// Runs a script of several statements, as psql would send it, in one implicit transaction.
    public func runScript(_ sql: String) async throws {
        try await outsidePipeline { session in
            try await session.perform {
                try $0.send(Statement(unchecked: sql))
                try $0.finish()
            }
        }
    }

    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws or its task is cancelled.
    ///
    /// BEGIN travels with the body's first statement. Errors: those of the body; `40001` and others of COMMIT;
    /// `25P02` when the body ignored the error of a statement, after which the server can only roll back.
    @discardableResult
    public func transaction<Value: Sendable>(
        isolation: IsolationLevel = .readCommitted, _ body: @Sendable (Transaction) async throws -> Value
    ) async throws -> Value {
        guard
            isInTransaction.withLock({
                let was = $0; $0 = true; return !was
            })
        else {
            throw PostgresError(kind: .misuse, message: "the connection is in a transaction already; use a savepoint")
        }
        defer { isInTransaction.withLock { $0 = false } }
        reactor.post(.perform { self.wire?.pendingBegin = isolation.begin })
        do {
            let value = try await body(Transaction(connection: self))
            if Task.isCancelled { throw PostgresError.cancelled }
            let tag = try await Request.runToTheEnd("commit", on: self, reactor).commandTag
            if tag == "ROLLBACK" {
                throw PostgresError(
                    kind: .server, message: "the transaction was rolled back: a statement in it had failed",
                    sqlState: "25P02")
            }
            return value
        } catch {
            try? await undo("rollback")
            throw error
        }
    }

    /// Ends a connection made with `connect`; one lent by a `Database` goes back by itself.
    public func close() async {
        guard isOwner else { return }
        _ = try? await reactor.perform { [self] in
            guard let wire else { return }
            self.wire = nil
            home.release(wire)
        }
    }

    func undoSavepoint() async throws {
        try await undo("rollback to savepoint inner_part")
        try await undo("release savepoint inner_part")
    }

    /// Runs what must not fail. A statement time-out that was set for what is undone still holds while it is undone, and may
    /// strike on a busy machine: then again. A connection that can not be brought back to order is given up.
    private func undo(_ statement: Statement) async throws {
        var last: any Error = PostgresError.closed
        for _ in 0..<Self.undoAttemptsMax {
            do {
                _ = try await Request.runToTheEnd(statement, on: self, reactor)
                return
            } catch {
                last = error
                guard let error = error as? PostgresError, error.sqlState == "57014" else { break }
            }
        }
        _ = try? await reactor.perform { [self] in
            wire?.lose(PostgresError(kind: .connectionLost, message: "a transaction could not be undone"))
        }
        throw last
    }

    private static let undoAttemptsMax = 50

    // MARK: Outside of the pipeline

    /// Runs `body` with the connection out of the pipeline; cancelling the task cancels what the session does.
    func outsidePipeline<Value: Sendable>(
        _ body: (Session) async throws -> Value
    ) async throws -> Value {
        let session = try await lend()
        do {
            let value = try await withTaskCancellationHandler {
                try await body(session)
            } onCancel: {
                session.cancel()
            }
            await takeBack(session)
            return value
        } catch {
            await takeBack(session)
            throw error
        }
    }

    func lend() async throws -> Session {
        if Task.isCancelled { throw PostgresError.cancelled }
        return try await withUnsafeThrowingContinuation { continuation in
            reactor.post(
                .perform { [self] in
                    guard let wire else { return continuation.resume(throwing: PostgresError.closed) }
                    wire.detach { continuation.resume(with: $0) }
                })
        }
    }

    func takeBack(_ session: Session) async {
        let isUsable = (try? await session.perform { $0.tidyUp() }) ?? false
        _ = try? await reactor.perform { session.wire.attach(session, isUsable: isUsable) }
    }

    /// Stops what the session is doing and takes the connection back without anybody waiting for it.
    func abandon(_ session: Session, then done: @escaping @Sendable () -> Void) {
        let reactor = reactor
        reactor.post(.perform { session.wire.isComingBack = true })
        session.cancel()
        session.enqueue { session in
            let isUsable = session.tidyUp()
            reactor.post(
                .perform {
                    session.wire.attach(session, isUsable: isUsable)
                    done()
                })
        }
    }

    // MARK: On the reactor's thread

    func submit(_ request: Request) {
        guard let wire else { return request.fail(PostgresError.closed) }
        wire.submit(request)
    }

    /// Ends the loan. The session is left as it was found: no transaction, and with `isResetting` no setting, role,
    /// listener, cursor, temporary table or advisory lock of the caller's.
    func release(isResetting: Bool) {
        guard let wire else { return }
        self.wire = nil
        let home = home
        if wire.state == .detached {
            wire.returnWaiter = { Self.cleanUp(wire, isResetting: isResetting, for: home) }
        } else {
            Self.cleanUp(wire, isResetting: isResetting, for: home)
        }
    }

    private static func cleanUp(_ wire: Wire, isResetting: Bool, for home: any ConnectionHome) {
        wire.pendingBegin = nil
        guard wire.state == .open else { return }
        let statements = (wire.isInTransaction ? ["rollback"] : []) + (isResetting ? resets : [])
        guard !statements.isEmpty else { return home.release(wire) }
        let request = Request(.many(statements), to: .wire, role: .housekeeping)
        request.answer = .call { error in
            // A session that cannot be cleaned is not given to anybody else.
            if error == nil { home.release(wire) } else { wire.lose(.closed) }
        }
        wire.submit(request)
    }

    private static let resets: [Statement] = [
        "close all", "set session authorization default", "reset role", "reset all", "unlisten *",
        "select pg_advisory_unlock_all()", "discard temp", "discard sequences",
    ]
}

/// Where a connection outside of any pool lives.
final class StandaloneHome: ConnectionHome, ReactorMember, WireOwner, @unchecked Sendable {
    // SAFETY: touched by the reactor's thread only.
    private let reactor: Reactor
    private var wire: Wire?

    init(_ reactor: Reactor) { self.reactor = reactor }

    func keep(_ wire: Wire) {
        wire.isExclusive = true
        self.wire = wire
        reactor.add(self)
    }

    func release(_ wire: Wire) {
        reactor.remove(self)
        self.wire = nil
        wire.close()
    }

    func turn(now: UInt64) { wire?.tick(now: now) }
    func nextDeadline(now: UInt64) -> UInt64 { wire?.nextDeadline() ?? .max }
    func wireProgressed(_ wire: Wire) {}
    func wire(_ wire: Wire, received notification: Notification) {}
    func resubmit(_ request: Request, from wire: Wire) { wire.submit(request) }

    func wire(_ wire: Wire, lost error: PostgresError, unsent: [Request]) {
        reactor.remove(self)
        self.wire = nil
        for request in unsent { request.fail(error) }
    }
}
