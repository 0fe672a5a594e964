internal import CLibpq
internal import Dispatch
internal import Synchronization

/// A connection taken out of the pipeline for what a pipeline cannot carry: COPY, scripts, row by row reading, and
/// later logical replication (COPY BOTH, on a connection made with `replication=database`).
///
/// Its calls may wait for the server, so they run on the session's own queue: the reactor and Swift's threads never do.
final class Session: @unchecked Sendable {
    // SAFETY: `handle` belongs to `queue` from `lend` to `giveBack`; `cancelled` has its lock.
    let wire: Wire
    let handle: OpaquePointer
    private let canceller: Canceller
    private let descriptor: Int32
    /// Longest silence of the server while it owes an answer; nil when no time-out was asked for.
    private let silenceMax: UInt64?
    private let begin: Statement?
    private var hasBegun = false
    /// libpq 15 keeps single-row mode until the next statement outside of the pipeline.
    var isReadingRowByRow = false
    /// BEGIN, when nothing needed it: the next statement on the connection still does.
    var unusedBegin: Statement? { hasBegun ? nil : begin }
    private let queue = DispatchQueue(label: "digitalbank.postgres.session")
    private let cancels = DispatchGroup()
    private let cancelled = Mutex(false)

    private static let waitMilliseconds: Int32 = 1000

    init(_ wire: Wire) {
        self.wire = wire
        handle = wire.handle
        canceller = wire.canceller
        descriptor = wire.descriptor
        begin = wire.pendingBegin
        let limits = wire.limits
        silenceMax =
            limits.statementTimeout > .zero
            ? limits.statementTimeout.nanoseconds + limits.silenceMax.nanoseconds : nil
    }

    var isCancelled: Bool { cancelled.withLock { $0 } }

    /// Stops what the session is doing. Called from any thread.
    func cancel() {
        cancelled.withLock { $0 = true }
        cancels.enter()
        canceller.cancel { [cancels] in cancels.leave() }
    }

    /// Runs `body` on the session's queue.
    func perform<Value: Sendable>(_ body: @escaping @Sendable (Session) throws -> Value) async throws -> Value {
        try await withUnsafeThrowingContinuation { continuation in
            queue.async { [self] in
                continuation.resume(with: Result { try body(self) })
            }
        }
    }

    /// Runs `body` on the queue without waiting for it.
    func enqueue(_ body: @escaping @Sendable (Session) -> Void) { queue.async { [self] in body(self) } }

    // MARK: On the queue

    /// Sends `sql`, behind the BEGIN that was asked for.
    func send(_ statement: Statement) throws {
        guard !isCancelled else { throw PostgresError.cancelled }
        if let begin, !hasBegun {
            guard PQsendQuery(handle, begin.sql) == 1 else { throw PostgresError.lost(handle) }
            try finish()
            hasBegun = true
        }
        try ParameterBuffer.check(statement.values)
        guard !statement.sql.utf8.contains(0) else {
            throw PostgresError(kind: .encoding, message: "the statement's text holds a zero byte")
        }
        let isSent: Bool
        if statement.values.isEmpty {
            isSent = PQsendQuery(handle, statement.sql) == 1
        } else {
            let parameters = ParameterBuffer()
            parameters.load(statement.values)
            isSent =
                PQsendQueryParams(
                    handle, statement.sql, parameters.count, parameters.types, parameters.values, parameters.lengths,
                    parameters.formats, 0) == 1
        }
        guard isSent else { throw PostgresError.lost(handle) }
        try flush()
    }

    /// Waits until the server took everything: this is what holds a fast producer back.
    func flush() throws {
        while true {
            switch PQflush(handle) {
            case 0: return
            case 1:
                if try wait(for: POLLIN | POLLOUT) & POLLIN != 0, PQconsumeInput(handle) != 1 {
                    throw PostgresError.lost(handle)
                }
            default: throw PostgresError.lost(handle)
            }
        }
    }

    /// The next result of the statement under way; nil at its end.
    func next() throws -> OpaquePointer? {
        while PQisBusy(handle) != 0 {
            _ = try wait(for: POLLIN)
            guard PQconsumeInput(handle) == 1 || PQisBusy(handle) == 0 else { throw PostgresError.lost(handle) }
        }
        return PQgetResult(handle)
    }

    /// Reads to the end of the statement; throws the first error and returns the last result.
    @discardableResult
    func finish() throws -> QueryResult {
        var last = QueryResult.empty
        var failure: PostgresError?
        while let result = try next() {
            switch ServerReply(taking: result) {
            case .rows(let rows): last = rows
            case .failed(let error):
                failure = failure ?? error
                if error.kind == .connectionLost { throw told(error) }
            case .copy:
                // A script with a COPY in it: there is nothing to send, and nobody to receive.
                failure =
                    failure ?? PostgresError(kind: .misuse, message: "the statement copies through the client")
                try leaveCopy()
            case .skipped, .synced: break
            }
        }
        if let failure { throw told(failure) }
        return last
    }

    private func leaveCopy() throws {
        PQputCopyEnd(handle, "no data is sent this way")
        try flush()
        var bytes: UnsafeMutablePointer<CChar>?
        while true {
            switch PQgetCopyData(handle, &bytes, 1) {
            case 0:
                _ = try wait(for: POLLIN)
                guard PQconsumeInput(handle) == 1 else { throw PostgresError.lost(handle) }
            case 1...: PQfreemem(bytes)
            default: return
            }
        }
    }

    /// An error as the caller should see it.
    func told(_ error: PostgresError) -> PostgresError {
        guard error.isCanceled else { return error }
        if isCancelled { return error.with(kind: .cancelled) }
        return error.message.contains("statement timeout") ? error.with(kind: .statementTimeout) : error
    }

    /// Waits for the socket. A cancel that the server missed is repeated; a server that is silent for too long is lost.
    @discardableResult
    func wait(for events: Int32) throws -> Int32 {
        var silence: UInt64 = 0
        while true {
            var request = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            let count = poll(&request, 1, Self.waitMilliseconds)
            if count > 0 { return Int32(request.revents) & (POLLERR | POLLHUP) != 0 ? POLLIN : Int32(request.revents) }
            if isCancelled { canceller.cancelNow() }
            silence += UInt64(Self.waitMilliseconds) * 1_000_000
            if let silenceMax, silence > silenceMax {
                throw PostgresError(
                    kind: .connectionLost, message: "the server has not answered in the statement's time-out")
            }
        }
    }

    /// Leaves the session as the pipeline needs it. False when it cannot be used again.
    func tidyUp() -> Bool {
        cancels.wait()
        guard PQstatus(handle) == CONNECTION_OK else { return false }
        do { try finish() } catch {
            if (error as? PostgresError)?.kind == .connectionLost { return false }
        }
        if isReadingRowByRow, PQsendQuery(handle, "") != 1 || (try? finish()) == nil { return false }
        return PQstatus(handle) == CONNECTION_OK && PQtransactionStatus(handle) != PQTRANS_ACTIVE
    }
}

extension Wire {
    /// Hands the connection over when nothing is under way any more.
    func detach(_ waiter: @escaping (Result<Session, PostgresError>) -> Void) {
        guard state == .open else { return waiter(.failure(fatal ?? .closed)) }
        detachWaiter = waiter
        settle()
    }

    func lend(to waiter: (Result<Session, PostgresError>) -> Void) {
        guard PQexitPipelineMode(handle) == 1 else {
            let error = PostgresError.lost(handle)
            waiter(.failure(error))
            return lose(error)
        }
        reactor.unwatch(descriptor, self)
        state = .detached
        let session = Session(self)
        pendingBegin = nil
        waiter(.success(session))
    }

    /// Takes the connection back from a session.
    func attach(_ session: Session, isUsable: Bool) {
        guard state == .detached else {
            // Closed while it was lent.
            PQfinish(handle)
            return
        }
        state = .open
        isComingBack = false
        pendingBegin = session.unusedBegin
        // A connection that was lost meanwhile has no socket any more, and its number may be another's.
        guard isUsable, PQenterPipelineMode(handle) == 1 else { return lose(PostgresError.lost(handle)) }
        reactor.watch(descriptor, self)
        isWritingWatched = false
        settle()
    }
}
