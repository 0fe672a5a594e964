/// The connections of one `Database` and the requests that wait for them. Lives on the reactor's thread.
final class Pool: ReactorMember, WireOwner, ConnectionHome, @unchecked Sendable {
    // SAFETY: everything mutable is touched by the reactor's thread only.
    let reactor: Reactor
    let configuration: DatabaseConfiguration
    private let limits: DatabaseConfiguration.Limits
    private var shared: [Wire] = []
    private var exclusive: [Wire] = []
    private var connecting = 0
    private var waiting = Queue<Request>()
    private var leases = Queue<Lease>()
    /// Why the last attempt to connect failed, until one succeeds.
    private var lastFailure: PostgresError?
    private var hasConnected = false
    private var backOff: BackOff
    private var nextAttemptAt: UInt64 = 0
    private var isClosed = false
    private(set) var listener: Listener?
    private var closeWaiters: [@Sendable () -> Void] = []

    init(_ configuration: DatabaseConfiguration, reactor: Reactor) {
        self.configuration = configuration
        self.reactor = reactor
        limits = configuration.limits
        backOff = BackOff(configuration.limits)
    }

    var figures: Database.Figures {
        Database.Figures(
            shared: shared.count, lent: exclusive.count, inFlight: (shared + exclusive).reduce(0) { $0 + $1.depth },
            waiting: waiting.count + leases.count)
    }

    // MARK: Coming in

    func submit(_ request: Request) {
        if isClosed { return request.fail(PostgresError.closed) }
        if request.isCancelled { return request.fail(PostgresError.cancelled) }
        guard waiting.count < limits.waitingMax else { return request.fail(exhausted(waiting.count)) }
        reactor.add(self)
        request.place = .waiting
        request.waitingSince = reactor.now
        waiting.append(request)
    }

    func submit(_ lease: Lease) {
        if isClosed { return lease.fail(.closed) }
        if lease.isCancelled { return lease.fail(.cancelled) }
        reactor.add(self)
        lease.waitingSince = reactor.now
        leases.append(lease)
    }

    /// A connection comes back from its caller.
    func release(_ wire: Wire) {
        guard wire.state == .open else { return }
        wire.isExclusive = false
        wire.pendingBegin = nil
        exclusive.removeAll { $0 === wire }
        if isClosed { return wire.close() }
        shared.append(wire)
        wire.settle()
    }

    func close(_ done: @escaping @Sendable () -> Void) {
        isClosed = true
        for request in waiting.removeAll() { request.fail(PostgresError.closed) }
        for lease in leases.removeAll() { lease.fail(.closed) }
        let all = shared + exclusive
        shared = []
        exclusive = []
        for wire in all { wire.close() }
        listener?.close()
        reactor.remove(self)
        if connecting == 0 { done() } else { closeWaiters.append(done) }
    }

    func listen(_ subscriber: Listener.Subscriber) {
        if isClosed { return subscriber.becameReady(PostgresError.closed) }
        let listener = listener ?? Listener(configuration, reactor: reactor)
        self.listener = listener
        listener.add(subscriber)
    }

    // MARK: Planning

    func turn(now: UInt64) {
        guard !isClosed else { return }
        for wire in shared { wire.tick(now: now) }
        for wire in exclusive { wire.tick(now: now) }
        serveLeases()
        while let request = waiting.first {
            if request.place == .waiting {
                guard let wire = leastLoaded(now: now) else { break }
                wire.send(request)
            }
            waiting.popFirst()
        }
        expire(now: now)
        if leases.isEmpty { for wire in shared { wire.isReserved = false } }
        grow(now: now)
    }

    func nextDeadline(now: UInt64) -> UInt64 {
        var deadline = UInt64.max
        for wire in shared { deadline = min(deadline, wire.nextDeadline()) }
        for wire in exclusive { deadline = min(deadline, wire.nextDeadline()) }
        let patience = limits.waitMax.nanoseconds
        if let request = waiting.first { deadline = min(deadline, request.waitingSince + patience) }
        if let since = leases.first?.waitingSince { deadline = min(deadline, since + patience) }
        if connectionsWanted > 0 { deadline = min(deadline, max(nextAttemptAt, now + 1)) }
        return deadline
    }

    private func leastLoaded(now: UInt64) -> Wire? {
        var best: Wire?
        for wire in shared where wire.hasRoom(now: now) {
            if wire.depth < best?.depth ?? .max { best = wire }
        }
        return best
    }

    private func serveLeases() {
        while let lease = leases.first {
            if !lease.isDone {
                guard exclusive.count < limits.exclusiveMax else { return }
                guard let index = shared.firstIndex(where: \.isIdle) else { return reserve() }
                let wire = shared.remove(at: index)
                wire.isReserved = false
                wire.isExclusive = true
                exclusive.append(wire)
                lease.grant(Connection(wire, pool: self, reactor: reactor))
            }
            leases.popFirst()
        }
    }

    /// Under constant load no connection is ever idle: the least busy one takes no more shared work until it is lent.
    private func reserve() {
        guard shared.count + exclusive.count + connecting >= limits.connectionsMax else { return }
        guard !shared.contains(where: \.isReserved) else { return }
        shared.filter { $0.state == .open }.min { $0.depth < $1.depth }?.isReserved = true
    }

    private func expire(now: UInt64) {
        let patience = limits.waitMax.nanoseconds
        while let request = waiting.first, request.place != .waiting || request.waitingSince + patience <= now {
            waiting.popFirst()
            if request.place == .waiting { request.fail(lastFailure ?? exhausted(waiting.count + 1)) }
        }
        while let lease = leases.first, lease.isDone || (lease.waitingSince ?? now) + patience <= now {
            leases.popFirst()
            lease.fail(lastFailure ?? exhausted(leases.count + 1))
        }
    }

    private func exhausted(_ count: Int) -> PostgresError {
        PostgresError(
            kind: .poolExhausted,
            message: "no connection became free in \(limits.waitMax): \(limits.connectionsMax) at most, "
                + "\(exclusive.count) lent, \(count) requests waiting")
    }

    // MARK: Connecting

    /// How many more connections the load asks for.
    private var connectionsWanted: Int {
        let room = limits.connectionsMax - shared.count - exclusive.count - connecting
        guard room > 0, !isClosed else { return 0 }
        var wanted = 0
        if !leases.isEmpty, exclusive.count < limits.exclusiveMax {
            wanted += min(leases.count, limits.exclusiveMax - exclusive.count)
        }
        // One at a time for shared work: a burst is over before many would be made.
        if !waiting.isEmpty || (!shared.isEmpty && shared.allSatisfy { $0.depth > 0 }) { wanted += 1 }
        return min(room, max(0, wanted - connecting))
    }

    private func grow(now: UInt64) {
        guard now >= nextAttemptAt else { return }
        for _ in 0..<connectionsWanted {
            connecting += 1
            Connector.connect(configuration) { [self] result in
                reactor.post(.perform { self.connected(result) })
            }
        }
    }

    private func connected(_ result: Result<Connector.Handle, Connector.Failure>) {
        connecting -= 1
        defer {
            if isClosed, connecting == 0 {
                for done in closeWaiters { done() }
                closeWaiters = []
            }
        }
        switch result {
        case .success(let handle):
            guard !isClosed else { return Connector.abandon(handle) }
            hasConnected = true
            lastFailure = nil
            backOff.succeeded()
            shared.append(Wire(handle.pointer, limits: limits, reactor: reactor, owner: self))
        case .failure(let failure):
            var generator = SystemRandomNumberGenerator()
            nextAttemptAt = reactor.now + backOff.failed(using: &generator)
            lastFailure = failure.error
            // A server that was never reached, or that refuses us, is not waited for.
            guard shared.isEmpty, exclusive.isEmpty, failure.isRefused || (!hasConnected && !failure.isStartingUp)
            else { return }
            for request in waiting.removeAll() { request.fail(failure.error) }
            for lease in leases.removeAll() { lease.fail(failure.error) }
        }
    }

    // MARK: WireOwner

    func wireProgressed(_ wire: Wire) {}

    func wire(_ wire: Wire, lost error: PostgresError, unsent: [Request]) {
        shared.removeAll { $0 === wire }
        exclusive.removeAll { $0 === wire }
        for request in unsent { request.fail(error) }
    }

    func wire(_ wire: Wire, received notification: Notification) {}

    func resubmit(_ request: Request, from wire: Wire) {
        if wire.isExclusive { wire.submit(request) } else { submit(request) }
    }
}
