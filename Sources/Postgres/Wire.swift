internal import CLibpq

/// Who a connection belongs to: the pool, a listener, or nobody but its caller.
protocol WireOwner: AnyObject {
    /// Answers came in; the connection may have room, or may be idle.
    func wireProgressed(_ wire: Wire)
    /// The connection is gone. `unsent` were never given to it.
    func wire(_ wire: Wire, lost error: PostgresError, unsent: [Request])
    func wire(_ wire: Wire, received notification: Notification)
    /// Sends `request` again from the start.
    func resubmit(_ request: Request, from wire: Wire)
}

/// One session with the server in pipeline mode, driven by the reactor.
///
/// Each request becomes a flight: its statements and one Sync, which makes it an implicit transaction of its own. The
/// server answers in order; `expected` says what comes next.
final class Wire: ReactorSource, @unchecked Sendable {
    // SAFETY: touched by the reactor's thread only; while detached, `handle` belongs to the `Session` it was lent to.
    enum Step {
        case prepare(PreparedStatement)
        case execute(PreparedStatement)
        /// BEGIN, DEALLOCATE: only a failure matters.
        case other
        case sync
    }

    enum State { case open, detached, closed }

    let handle: OpaquePointer
    let canceller: Canceller
    let reactor: Reactor
    weak var owner: (any WireOwner)?
    let descriptor: Int32
    let limits: DatabaseConfiguration.Limits
    var state = State.open
    /// Lent to one caller: session statements are allowed, order is kept.
    var isExclusive = false
    /// About to be lent: takes no more shared work.
    var isReserved = false
    /// BEGIN, sent in the flight of the first statement behind it.
    var pendingBegin: Statement?
    var statements: PreparedStatements
    let parameters = ParameterBuffer()
    /// What the server will answer next.
    var expected = Queue<Step>()
    /// The requests it answers, oldest first.
    var flights = Queue<Request>()
    /// Requests of an exclusive connection that cannot be sent yet.
    var backlog = Queue<Request>()
    /// Names the server must still forget, once no transaction is in the way.
    var doomed: [PreparedStatement] = []
    var lastSerial: UInt64 = 0
    /// When the oldest request under way became the oldest, or got its last sign of life.
    var headSince: UInt64 = 0
    var stepHasResult = false
    var isDraining = false
    var isFlushQueued = false
    var isWritingWatched = false
    var cancelsWanted = 0
    var isCancelling = false
    /// When to cancel again: a cancel that reaches the server before its statement does is ignored there.
    var nextCancelAt = UInt64.max
    /// Requests up to this one were under way when a cancel was sent, which may hit any of them.
    var exposedSerial: UInt64 = 0
    /// The server's last words.
    var fatal: PostgresError?
    /// The session it was lent to is done with it.
    var isComingBack = false
    /// Called once, when the connection is back and nothing is under way.
    var returnWaiter: (() -> Void)?
    var detachWaiter: ((Result<Session, PostgresError>) -> Void)?

    /// Takes over `handle`, a connection just made.
    init(_ handle: OpaquePointer, limits: DatabaseConfiguration.Limits, reactor: Reactor, owner: any WireOwner) {
        self.handle = handle
        self.limits = limits
        self.reactor = reactor
        self.owner = owner
        descriptor = PQsocket(handle)
        canceller = Canceller(handle)
        statements = PreparedStatements(countMax: limits.preparedStatementsMax)
        headSince = reactor.now
        PQsetnonblocking(handle, 1)
        PQenterPipelineMode(handle)
        reactor.watch(descriptor, self)
    }

    /// Requests under way.
    var depth: Int { flights.count }
    var isIdle: Bool { state == .open && depth == 0 && backlog.isEmpty && !isCancelling && detachWaiter == nil }
    /// Meaningful when nothing is under way.
    var isInTransaction: Bool { PQtransactionStatus(handle) != PQTRANS_IDLE }

    /// Room for one more request of the pool's.
    func hasRoom(now: UInt64) -> Bool {
        guard state == .open, !isExclusive, !isReserved, !isCancelling else { return false }
        return depth == 0 || (depth < limits.pipelineDepthMax && !isStalled(now: now))
    }

    /// A slow statement holds up those behind it: nothing more is put behind one that has been running for a while.
    func isStalled(now: UInt64) -> Bool { depth > 0 && now > headSince &+ Self.stallTime }

    private static let stallTime: UInt64 = 20_000_000

    // MARK: Sending

    /// Sends `request`, or keeps it until the connection can.
    func submit(_ request: Request) {
        guard state != .closed else { return request.fail(fatal ?? PostgresError.closed) }
        if request.isCancelled { return request.fail(PostgresError.cancelled) }
        if request.role == .endOfTransaction, pendingBegin != nil, depth == 0, backlog.isEmpty {
            // Nothing was sent since BEGIN was asked for, so there is no transaction to end.
            pendingBegin = nil
            request.add(QueryResult.empty)
            return request.finish()
        }
        if state == .detached, !isComingBack {
            return request.fail(
                PostgresError(kind: .misuse, message: "the connection is busy with a copy or a row by row read"))
        }
        request.place = .waiting
        guard canSend, backlog.isEmpty else { return backlog.append(request) }
        send(request)
    }

    var canSend: Bool {
        state == .open && !isDraining && !isCancelling && detachWaiter == nil && depth < limits.pipelineDepthMax
    }

    func send(_ request: Request) {
        let isRepeated = request.attempts > 0
        do {
            switch request.work {
            case .one(let statement):
                let entry = try checked(statement)
                open(request)
                close(put(statement, entry, isRepeated: isRepeated))
            case .many(let statements):
                var entries: [PreparedStatement] = []
                entries.reserveCapacity(statements.count)
                for statement in statements { entries.append(try checked(statement)) }
                open(request)
                var isSent = true
                for (statement, entry) in zip(statements, entries) where isSent {
                    isSent = put(statement, entry, isRepeated: isRepeated)
                }
                close(isSent)
            }
        } catch {
            request.fail(error)
        }
    }

    private func open(_ request: Request) {
        if depth == 0 { headSince = reactor.now }
        lastSerial += 1
        request.serial = lastSerial
        request.wire = self
        request.place = .sent
        flights.append(request)
        guard let begin = pendingBegin else { return }
        pendingBegin = nil
        // A failure shows as a missing answer to what follows it.
        _ = sendUnprepared(begin.sql)
        expected.append(.other)
    }

    private func close(_ isSent: Bool) {
        expected.append(.sync)
        // PQpipelineSync also pushes the flight to the socket.
        guard isSent, PQpipelineSync(handle) == 1 else { return lose(PostgresError.lost(handle)) }
        guard !isFlushQueued else { return }
        isFlushQueued = true
        reactor.flushLater(self)
    }

    /// Looks a statement up and refuses what must not be sent, before anything is.
    private func checked(_ statement: Statement) throws(PostgresError) -> PreparedStatement {
        try ParameterBuffer.check(statement.values)
        let (entry, evicted) = statements.entry(for: statement)
        if let evicted { forget(evicted) }
        switch entry.trait {
        case .plain: return entry
        case .session where isExclusive: return entry
        case .session:
            throw PostgresError(
                kind: .misuse, message: "the statement changes its session, and this connection is shared")
        case .copy: throw PostgresError(kind: .misuse, message: "a copy through the client runs outside the pipeline")
        case .unsendable: throw PostgresError(kind: .encoding, message: "the statement's text holds a zero byte")
        }
    }

    private func put(_ statement: Statement, _ entry: PreparedStatement, isRepeated: Bool) -> Bool {
        parameters.load(statement.values)
        entry.uses += 1
        if !entry.isPrepared || isRepeated {
            // A repeated request must not depend on others of its kind, whose PREPARE may fail.
            guard entry.uses > 1, !entry.isForgotten, !isRepeated else {
                expected.append(.execute(entry))
                return statement.sql.withCString { sql in
                    PQsendQueryParams(
                        handle, sql, parameters.count, parameters.types, parameters.values, parameters.lengths,
                        parameters.formats, 0) == 1
                }
            }
            let isSent = statement.sql.withCString { sql in
                PQsendPrepare(handle, entry.name, sql, parameters.count, parameters.types) == 1
            }
            guard isSent else { return false }
            entry.isPrepared = true
            expected.append(.prepare(entry))
        }
        expected.append(.execute(entry))
        return PQsendQueryPrepared(
            handle, entry.name, parameters.count, parameters.values, parameters.lengths, parameters.formats, 0) == 1
    }

    private func sendUnprepared(_ sql: String) -> Bool {
        sql.withCString { PQsendQueryParams(handle, $0, 0, nil, nil, nil, nil, 0) == 1 }
    }

    /// Lets the server drop a prepared statement that left the cache.
    func forget(_ entry: PreparedStatement) {
        entry.isForgotten = true
        guard entry.isPrepared else { return }
        entry.isPrepared = false
        doomed.append(entry)
        sendDoomed()
    }

    /// libpq 15 has no Close message, so this is DEALLOCATE, in flights of their own. In an aborted transaction it
    /// would fail, so an exclusive connection waits until it is outside of one.
    func sendDoomed() {
        guard !isDraining, !doomed.isEmpty, !isExclusive || (depth == 0 && !isInTransaction) else { return }
        while let entry = doomed.popLast(), state == .open {
            housekeep("deallocate " + String(cString: entry.name))
        }
    }

    /// Sends a statement whose answer nobody waits for.
    func housekeep(_ sql: String) {
        guard state == .open else { return }
        open(Request(.one(Statement(unchecked: sql)), to: .wire, role: .housekeeping))
        let isSent = sendUnprepared(sql)
        expected.append(.other)
        close(isSent)
    }

    func flush() {
        isFlushQueued = false
        guard state == .open else { return }
        switch PQflush(handle) {
        case 0: watchWriting(false)
        case 1: watchWriting(true)
        default: becameReady(0)
        }
    }

    private func watchWriting(_ isWanted: Bool) {
        guard isWanted != isWritingWatched else { return }
        isWritingWatched = isWanted
        reactor.watch(descriptor, self, forWriting: isWanted)
    }
}
