/// A pool of connections to one database, driven by the process's one reactor thread.
///
/// `run` sends a statement as its own implicit transaction, pipelined with others on a shared connection: its error
/// never touches a neighbour. `transaction` and `withConnection` lend a connection for the length of their body.
/// Connections are made when they are needed and again, with back-off, when they are lost.
public final class Database: SQLExecutor {
    public let configuration: DatabaseConfiguration
    let pool: Result<Pool, PostgresError>

    public init(_ configuration: DatabaseConfiguration) {
        self.configuration = configuration
        pool = Reactor.shared.map { Pool(configuration, reactor: $0) }
    }

    deinit {
        // Requests hold the database, so none is under way.
        guard case .success(let pool) = pool else { return }
        pool.reactor.post(.perform { pool.close {} })
    }

    /// Runs a statement on a shared connection.
    ///
    /// Errors: `.server` with its SQLSTATE, `.statementTimeout`, `.cancelled` when the task is, `.connectionLost` when
    /// the outcome is unknown, `.connect` and `.poolExhausted` when it was never sent, `.misuse` for statements that
    /// would change the session of the others.
    @discardableResult
    public func run(_ statement: Statement) async throws -> QueryResult {
        let pool = try pool.get()
        return try await Request.run(statement, on: .pool(pool), pool.reactor)
    }

    /// Runs several statements in one flight: one round trip, one implicit transaction, all or nothing.
    @discardableResult
    public func pipeline(_ statements: [Statement]) async throws -> [QueryResult] {
        let pool = try pool.get()
        return try await Request.run(statements, on: .pool(pool), pool.reactor)
    }

    /// The same without a task: returns at once, and calls `then` once, on the thread that drives all connections, which
    /// it must not hold up.
    ///
    /// - Returns: cancels the flight; nothing happens when it has ended.
    @discardableResult
    public func pipeline(
        _ statements: [Statement], then: @escaping @Sendable (Result<[QueryResult], any Error>) -> Void
    ) -> @Sendable () -> Void {
        guard case .success(let pool) = pool, !statements.isEmpty else {
            then(pool.map { _ in [] }.mapError { $0 })
            return {}
        }
        let request = Request(.many(statements), to: .pool(pool))
        // The database lives as long as its flights.
        request.answer = .results { result in withExtendedLifetime(self) { then(result) } }
        pool.reactor.post(.submit(request))
        return { pool.reactor.post(.cancel(request)) }
    }

    /// Runs `body` on a connection of its own. Afterwards the session is reset: whatever the body set, locked, opened
    /// or left unfinished is gone before anybody else gets it.
    @discardableResult
    public func withConnection<Value: Sendable>(
        _ body: @Sendable (Connection) async throws -> Value
    ) async throws -> Value {
        try await lending(isResetting: true, body)
    }

    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws or its task is cancelled.
    /// Use `set local` in it: a plain `set` would stay with the connection.
    @discardableResult
    public func transaction<Value: Sendable>(
        isolation: IsolationLevel = .readCommitted, _ body: @Sendable (Transaction) async throws -> Value
    ) async throws -> Value {
        try await lending(isResetting: false) { connection in
            try await connection.transaction(isolation: isolation, body)
        }
    }

    /// Ends all connections; statements under way fail with `.closed`.
    public func close() async {
        guard case .success(let pool) = pool else { return }
        await withUnsafeContinuation { continuation in
            pool.reactor.post(.perform { pool.close { continuation.resume() } })
        }
    }

    /// How busy the pool is at a moment.
    public struct Figures: Sendable, Hashable {
        /// Open connections that are shared, and those that are lent.
        public var shared = 0
        public var lent = 0
        /// Statements sent and not yet answered, and those that wait for room.
        public var inFlight = 0
        public var waiting = 0
    }

    public func figures() async -> Figures {
        guard case .success(let pool) = pool else { return Figures() }
        return await withUnsafeContinuation { continuation in
            pool.reactor.post(.perform { continuation.resume(returning: pool.figures) })
        }
    }

    private func lending<Value: Sendable>(
        isResetting: Bool, _ body: @Sendable (Connection) async throws -> Value
    ) async throws -> Value {
        let pool = try pool.get()
        let connection = try await Lease.acquire(from: pool)
        defer { pool.reactor.post(.perform { connection.release(isResetting: isResetting) }) }
        return try await body(connection)
    }
}

public enum IsolationLevel: String, Sendable {
    case readCommitted = "read committed"
    case repeatableRead = "repeatable read"
    case serializable

    var begin: Statement {
        switch self {
        case .readCommitted: "begin isolation level read committed"
        case .repeatableRead: "begin isolation level repeatable read"
        case .serializable: "begin isolation level serializable"
        }
    }
}

/// An open transaction on a connection of its own. Valid only inside the body it was given to.
public struct Transaction: SQLExecutor {
    public let connection: Connection

    @discardableResult
    public func run(_ statement: Statement) async throws -> QueryResult { try await connection.run(statement) }

    @discardableResult
    public func pipeline(_ statements: [Statement]) async throws -> [QueryResult] {
        try await connection.pipeline(statements)
    }

    /// Runs `body` so that its failure undoes its own changes only, and the transaction goes on.
    @discardableResult
    public func savepoint<Value: Sendable>(_ body: @Sendable (Transaction) async throws -> Value) async throws -> Value
    {
        try await run("savepoint inner_part")
        do {
            let value = try await body(self)
            try await run("release savepoint inner_part")
            return value
        } catch {
            // Inner savepoints of the same name hide outer ones until they are released.
            _ = try? await connection.undoSavepoint()
            throw error
        }
    }
}
