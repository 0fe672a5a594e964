/// One flight: statements sent together and ended by one Sync, and whoever waits for the answer.
final class Request: @unchecked Sendable {
    // SAFETY: filled by its caller before the inbox's lock hands it to the reactor, whose thread alone touches it then.
    enum Work {
        case one(Statement)
        case many([Statement])
    }

    enum Answer {
        case nobody
        case one(UnsafeContinuation<QueryResult, any Error>)
        case many(UnsafeContinuation<[QueryResult], any Error>)
        /// Called on the reactor's thread.
        case results(@Sendable (Result<[QueryResult], any Error>) -> Void)
        /// Called on the reactor's thread, with nil when all went well.
        case call(@Sendable ((any Error)?) -> Void)
    }

    enum Place { case new, waiting, sent, done }

    /// What it means for the connection's transaction.
    enum Role { case plain, endOfTransaction, housekeeping }

    let work: Work
    let role: Role
    let destination: Destination
    var answer = Answer.nobody

    // The reactor's own.
    var place = Place.new
    var isCancelled = false
    var attempts = 0
    /// Loop time at which it began to wait, in nanoseconds.
    var waitingSince: UInt64 = 0
    /// Position among all requests sent on its connection.
    var serial: UInt64 = 0
    weak var wire: Wire?
    private var result: QueryResult?
    private var results: [QueryResult] = []
    /// A `PostgresError`, boxed: it is rare and large.
    private(set) var failure: (any Error)?
    /// A COMMIT inside a flight makes repeating the flight unsafe.
    private var hasCommitted = false

    enum Destination {
        case pool(Pool)
        case connection(Connection)
        case wire
    }

    init(_ work: Work, to destination: Destination, role: Role = .plain) {
        self.work = work
        self.destination = destination
        self.role = role
    }

    var isRepeatable: Bool { attempts == 0 && !hasCommitted && role == .plain }

    var statementCount: Int {
        switch work {
        case .one: 1
        case .many(let statements): statements.count
        }
    }

    /// About what it takes on its way to the server.
    var byteCount: Int {
        func bytes(_ statement: Statement) -> Int {
            statement.values.reduce(statement.sql.utf8.count) { $0 + ($1.bytes?.count ?? 0) }
        }
        switch work {
        case .one(let statement): return bytes(statement)
        case .many(let statements): return statements.reduce(0) { $0 + bytes($1) }
        }
    }

    func add(_ reply: QueryResult) {
        switch work {
        case .one: result = reply
        case .many:
            if reply.storage.hasCommitTag { hasCommitted = true }
            results.append(reply)
        }
    }

    /// Keeps the first error; those behind it are its consequences.
    func note(_ error: PostgresError) { if failure == nil { failure = error } }

    func startOver() {
        attempts += 1
        result = nil
        results = []
        failure = nil
        place = .new
    }

    /// Gives the answer that was collected.
    func finish() {
        if let failure { return fail(failure) }
        guard place != .done else { return }
        place = .done
        switch answer {
        case .nobody: break
        case .one(let continuation):
            if let result {
                continuation.resume(returning: result)
            } else {
                continuation.resume(
                    throwing: PostgresError(kind: .connectionLost, message: "the statement has no result"))
            }
        case .many(let continuation): continuation.resume(returning: results)
        case .results(let body): body(.success(results))
        case .call(let body): body(nil)
        }
        answer = .nobody
    }

    func fail(_ error: any Error) {
        guard place != .done else { return }
        place = .done
        switch answer {
        case .nobody: break
        case .one(let continuation): continuation.resume(throwing: error)
        case .many(let continuation): continuation.resume(throwing: error)
        case .results(let body): body(.failure(error))
        case .call(let body): body(error)
        }
        answer = .nobody
    }
}

extension Request {
    /// Hands one statement to the reactor and waits; a cancelled task cancels it.
    static func run(_ statement: Statement, on destination: Destination, _ reactor: Reactor) async throws -> QueryResult
    {
        if Task.isCancelled { throw PostgresError.cancelled }
        let request = Request(.one(statement), to: destination)
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                request.answer = .one(continuation)
                reactor.post(.submit(request))
            }
        } onCancel: {
            reactor.post(.cancel(request))
        }
    }

    /// The same for several statements in one implicit transaction.
    static func run(_ statements: [Statement], on destination: Destination, _ reactor: Reactor) async throws
        -> [QueryResult]
    {
        if statements.isEmpty { return [] }
        if Task.isCancelled { throw PostgresError.cancelled }
        let request = Request(.many(statements), to: destination)
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                request.answer = .many(continuation)
                reactor.post(.submit(request))
            }
        } onCancel: {
            reactor.post(.cancel(request))
        }
    }

    /// Runs to its end whatever becomes of the task: COMMIT and ROLLBACK.
    static func runToTheEnd(_ statement: Statement, on connection: Connection, _ reactor: Reactor) async throws
        -> QueryResult
    {
        let request = Request(.one(statement), to: .connection(connection), role: .endOfTransaction)
        return try await withUnsafeThrowingContinuation { continuation in
            request.answer = .one(continuation)
            reactor.post(.submit(request))
        }
    }
}
