internal import CLibpq

extension Wire {
    func becameReady(_ events: UInt32) {
        guard state == .open else { return }
        var isAlive = PQconsumeInput(handle) == 1
        drain()
        // One read may give a server's last words and not yet its end, which must be known before anything is sent.
        while state == .open, isAlive, events & Reactor.endOfInput != 0 {
            isAlive = PQconsumeInput(handle) == 1
            drain()
        }
        guard state == .open else { return }
        guard isAlive, PQstatus(handle) == CONNECTION_OK else { return lose(PostgresError.lost(handle)) }
        while let notice = PQnotifies(handle) {
            let notification = Notification(taking: notice)
            owner?.wire(self, received: notification)
        }
        if isWritingWatched { flush() }
        guard state == .open else { return }
        settle()
        owner?.wireProgressed(self)
    }

    /// Reads every answer that is complete. Nothing is sent meanwhile: libpq 15, given a command between an error and
    /// the null that ends its results, skips that null.
    private func drain() {
        isDraining = true
        defer { isDraining = false }
        while let step = expected.first, state == .open {
            if PQisBusy(handle) != 0 { return }
            guard let result = PQgetResult(handle) else {
                // The end of one statement's answer.
                guard stepHasResult else { return }
                stepHasResult = false
                expected.popFirst()
                continue
            }
            take(ServerReply(taking: result), for: step)
            if fatal != nil { return }
        }
    }

    private func take(_ reply: ServerReply, for step: Step) {
        stepHasResult = true
        switch reply {
        case .rows(let rows): if case .execute = step { flights.first?.add(rows) }
        case .synced:
            stepHasResult = false
            expected.popFirst()
            finishFlight()
        case .skipped: if case .prepare(let entry) = step { entry.isPrepared = false }
        case .copy:
            fatal = PostgresError(kind: .misuse, message: "a copy through the client runs outside the pipeline")
            lose(PostgresError.closed)
        case .failed(let error):
            if error.kind == .connectionLost { fatal = fatal ?? error }
            // A time-out that strikes while the server ends a flight: libpq 15 takes the error for the flight's end, and
            // what comes then for the next one's. Nothing after it could be trusted.
            if case .sync = step {
                flights.first?.note(error)
                fatal = PostgresError(
                    kind: .connectionLost, message: "the server failed while it ended a flight: \(error.message)")
                return lose(PostgresError.closed)
            }
            flights.first?.note(error)
            switch step {
            case .prepare(let entry): entry.isPrepared = false
            case .execute(let entry) where error.isStalePlan || error.isMissingStatement:
                statements.remove(entry)
                if error.isMissingStatement { entry.isPrepared = false }
                forget(entry)
            default: break
            }
        }
    }

    private func finishFlight() {
        guard let request = flights.popFirst() else { return }
        defer { headSince = reactor.now }
        if request.isCancelled { cancelsWanted -= 1 }
        guard let error = request.failure as? PostgresError else { return request.finish() }
        let isOutside = !isExclusive || !isInTransaction
        if isOutside, request.isRepeatable, !request.isCancelled, isRepeatable(error, for: request) {
            request.startOver()
            owner?.resubmit(request, from: self)
            return
        }
        let told = told(error, about: request)
        let isSuspect = told.kind == .statementTimeout && request.byteCount > Self.serverBufferBytes
        request.fail(told)
        guard isSuspect else { return }
        // The server reads 8 kB at a time. When its time is over while it waits for more of a flight, it says that it is
        // ready and answers the rest once more: from then on answers would come to the wrong questions.
        fatal = PostgresError(kind: .connectionLost, message: "a time-out struck inside a long flight")
        lose(PostgresError.closed)
    }

    /// Less than its buffer, for what the protocol adds.
    private static var serverBufferBytes: Int { 7_000 }

    /// Errors that are our doing and not the statement's. Its implicit transaction was rolled back with it.
    private func isRepeatable(_ error: PostgresError, for request: Request) -> Bool {
        if error.isStalePlan || error.isMissingStatement { return true }
        // A cancel that was meant for a neighbour.
        return error.isCanceled && request.serial <= exposedSerial && !isTimeout(error)
    }

    private func told(_ error: PostgresError, about request: Request) -> PostgresError {
        guard error.isCanceled else { return error }
        if request.isCancelled { return error.with(kind: .cancelled) }
        return isTimeout(error) ? error.with(kind: .statementTimeout) : error
    }

    /// A time-out and a cancel share 57014 and the routine that raises them; the message may be in any language, so
    /// the time it took decides too.
    private func isTimeout(_ error: PostgresError) -> Bool {
        if error.message.contains("statement timeout") { return true }
        return limits.statementTimeout > .zero && reactor.now &- headSince >= limits.statementTimeout.nanoseconds
    }

    /// Sends what waited for an answer: kept requests, the next cancel, the hand-over to a session.
    func settle() {
        guard !isDraining else { return }
        sendDoomed()
        cancelHeadIfWanted()
        while canSend, let request = backlog.popFirst() {
            if request.place == .waiting { send(request) }
        }
        if depth == 0, !isCancelling, state == .open, let waiter = detachWaiter {
            detachWaiter = nil
            lend(to: waiter)
        }
        if depth == 0, backlog.isEmpty, state == .open, let waiter = returnWaiter {
            returnWaiter = nil
            waiter()
        }
    }

    // MARK: Cancelling

    /// Stops `request`, which is under way: at once when it is the oldest, else when it becomes the oldest.
    func cancel(_ request: Request) {
        cancelsWanted += 1
        cancelHeadIfWanted()
    }

    private func cancelHeadIfWanted() {
        guard cancelsWanted > 0, !isCancelling, state == .open, let head = flights.first, head.isCancelled,
            reactor.now >= nextCancelAt || head.serial > exposedSerial
        else { return }
        isCancelling = true
        exposedSerial = lastSerial
        nextCancelAt = .max
        canceller.cancel { [self] in reactor.post(.perform { self.cancelFinished() }) }
    }

    private func cancelFinished() {
        isCancelling = false
        guard state == .open else { return }
        nextCancelAt = reactor.now + Self.cancelAgainTime
        settle()
        owner?.wireProgressed(self)
    }

    private static var cancelAgainTime: UInt64 { 100_000_000 }

    // MARK: Time

    /// Gives the connection up when an answer is overdue, and repeats a cancel that had no effect.
    func tick(now: UInt64) {
        guard state == .open else { return }
        if now >= nextCancelAt { cancelHeadIfWanted() }
        guard now >= silenceDeadline else { return }
        lose(PostgresError(kind: .connectionLost, message: "the server has not answered in the statement's time-out"))
    }

    func nextDeadline() -> UInt64 {
        guard state == .open, depth > 0 else { return .max }
        return min(silenceDeadline, cancelsWanted > 0 && !isCancelling ? nextCancelAt : .max)
    }

    /// The server enforces `statementTimeout`; a server that says nothing for that long and `silenceMax` is gone.
    private var silenceDeadline: UInt64 {
        guard limits.statementTimeout > .zero, let head = flights.first else { return .max }
        let (perFlight, isTooLong) = limits.statementTimeout.nanoseconds.multipliedReportingOverflow(
            by: UInt64(head.statementCount))
        guard !isTooLong else { return .max }
        let (deadline, isBeyond) = (headSince &+ limits.silenceMax.nanoseconds).addingReportingOverflow(perFlight)
        return isBeyond ? .max : deadline
    }

    // MARK: Ending

    func lose(_ error: PostgresError) {
        guard state != .closed else { return }
        let reason = fatal ?? error
        fatal = reason
        let unsent = backlog.removeAll()
        let lost = flights.removeAll()
        disconnect()
        for request in lost { request.fail(reason) }
        owner?.wire(self, lost: reason, unsent: unsent)
    }

    /// Ends the session in order; what is under way fails with `.closed`.
    func close() {
        guard state != .closed else { return }
        fatal = .closed
        let open = flights.removeAll() + backlog.removeAll()
        disconnect()
        for request in open { request.fail(PostgresError.closed) }
    }

    private func disconnect() {
        if state == .open { reactor.unwatch(descriptor, self) }
        let isLent = state == .detached
        state = .closed
        expected = Queue()
        // A lent handle is freed when it comes back.
        if !isLent { PQfinish(handle) }
        detachWaiter?(.failure(fatal ?? .closed))
        detachWaiter = nil
    }
}

extension PostgresError {
    /// 0A000 raised by the plan cache itself, not by a statement inside a function.
    var isStalePlan: Bool { sqlState == "0A000" && routine == "RevalidateCachedQuery" && context == nil }
    /// Our own prepared statement is gone: DISCARD ALL, or its PREPARE failed in an earlier flight.
    var isMissingStatement: Bool { sqlState == "26000" && message.contains("\"db_") }
    var isCanceled: Bool { sqlState == "57014" }
}

extension Duration {
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return UInt64(min(seconds, 1_000_000_000)) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }
}
