internal import CLibpq

/// What a subscriber of `Database.notifications` receives.
public enum NotificationEvent: Sendable, Hashable {
    case notification(Notification)
    /// The connection was lost and is back, or the subscriber is too slow: messages may be missing before this point.
    /// Read the tables again.
    case mayHaveMissed
}

extension Database {
    /// Listens to `channels` from now on: returns when the server has confirmed. One connection, beside those of the
    /// pool, serves all subscribers; when it is lost it is made again with back-off, and the streams go on behind a
    /// `.mayHaveMissed`. A stream ends with the loop that reads it, or with `close`.
    public func notifications(on channels: String...) async throws -> AsyncStream<NotificationEvent> {
        let pool = try pool.get()
        let (stream, continuation) = AsyncStream.makeStream(
            of: NotificationEvent.self, bufferingPolicy: .bufferingOldest(Listener.bufferedMax))
        let subscriber = Listener.Subscriber(channels: Set(channels), continuation: continuation)
        continuation.onTermination = { _ in
            pool.reactor.post(.perform { pool.listener?.remove(subscriber) })
        }
        do {
            try await withUnsafeThrowingContinuation { ready in
                subscriber.ready = ready
                pool.reactor.post(.perform { pool.listen(subscriber) })
            }
        } catch {
            continuation.finish()
            throw error
        }
        return stream
    }
}

/// The connection that listens for a pool's subscribers. Lives on the reactor's thread.
final class Listener: ReactorMember, WireOwner, @unchecked Sendable {
    // SAFETY: everything mutable is touched by the reactor's thread only.
    static let bufferedMax = 10_000

    final class Subscriber: @unchecked Sendable {
        // SAFETY: `ready` is set before the inbox's lock hands it over; then the reactor's thread alone touches it.
        let channels: Set<String>
        let continuation: AsyncStream<NotificationEvent>.Continuation
        var ready: UnsafeContinuation<Void, any Error>?
        private var isFull = false

        init(channels: Set<String>, continuation: AsyncStream<NotificationEvent>.Continuation) {
            self.channels = channels
            self.continuation = continuation
        }

        /// A full buffer ends in a mark, which its reader meets after everything that was dropped meanwhile.
        func yield(_ event: NotificationEvent) {
            if isFull {
                guard case .enqueued(let remaining) = continuation.yield(.mayHaveMissed) else { return }
                isFull = remaining == 0
                if isFull { return }
            }
            guard case .enqueued(let remaining) = continuation.yield(event) else { return }
            isFull = remaining <= 1
            if isFull { continuation.yield(.mayHaveMissed) }
        }

        func becameReady(_ error: (any Error)?) {
            guard let ready else { return }
            self.ready = nil
            if let error { ready.resume(throwing: error) } else { ready.resume() }
        }
    }

    private let reactor: Reactor
    private let configuration: DatabaseConfiguration
    private var subscribers: [Subscriber] = []
    private var wire: Wire?
    private var isConnecting = false
    private var isClosed = false
    private var backOff: BackOff
    private var nextAttemptAt: UInt64 = 0

    init(_ configuration: DatabaseConfiguration, reactor: Reactor) {
        self.configuration = configuration
        self.reactor = reactor
        backOff = BackOff(configuration.limits)
    }

    func add(_ subscriber: Subscriber) {
        subscribers.append(subscriber)
        reactor.add(self)
        if wire != nil { listen(subscriber.channels, [subscriber]) }
    }

    func remove(_ subscriber: Subscriber) {
        subscribers.removeAll { $0 === subscriber }
        let wanted = subscribers.reduce(into: Set()) { $0.formUnion($1.channels) }
        guard !wanted.isEmpty else { return disconnect() }
        for channel in subscriber.channels.subtracting(wanted) { send(["unlisten \(identifier: channel)"]) { _ in } }
    }

    func close() {
        isClosed = true
        disconnect()
        for subscriber in subscribers {
            subscriber.becameReady(PostgresError.closed)
            subscriber.continuation.finish()
        }
        subscribers = []
    }

    private func disconnect() {
        wire?.close()
        wire = nil
        reactor.remove(self)
    }

    // MARK: Connecting

    func turn(now: UInt64) {
        wire?.tick(now: now)
        guard wire == nil, !isConnecting, !isClosed, !subscribers.isEmpty, now >= nextAttemptAt else { return }
        isConnecting = true
        Connector.connect(configuration) { [self] result in
            reactor.post(.perform { self.connected(result) })
        }
    }

    func nextDeadline(now: UInt64) -> UInt64 {
        if let wire { return wire.nextDeadline() }
        return isConnecting || isClosed || subscribers.isEmpty ? .max : max(nextAttemptAt, now + 1)
    }

    private func connected(_ result: Result<Connector.Handle, Connector.Failure>) {
        isConnecting = false
        switch result {
        case .success(let handle):
            guard !isClosed, !subscribers.isEmpty else { return Connector.abandon(handle) }
            let wire = Wire(handle.pointer, limits: configuration.limits, reactor: reactor, owner: self)
            wire.isExclusive = true
            self.wire = wire
            let all = subscribers
            listen(all.reduce(into: Set()) { $0.formUnion($1.channels) }, all)
        case .failure(let failure):
            retryLater()
            // Those who listened before wait for the server; those who have just asked are told.
            for subscriber in subscribers where subscriber.ready != nil { subscriber.becameReady(failure.error) }
        }
    }

    private func retryLater() {
        var generator = SystemRandomNumberGenerator()
        nextAttemptAt = reactor.now + backOff.failed(using: &generator)
    }

    private func listen(_ channels: Set<String>, _ waiting: [Subscriber]) {
        send(channels.sorted().map { "listen \(identifier: $0)" }) { [self] error in
            if error == nil { backOff.succeeded() }
            // Refused for those who listened before: a server in recovery, say. A connection that hears nothing for them
            // is given up and made again later.
            if error != nil, waiting.contains(where: { $0.ready == nil }) {
                wire?.lose(PostgresError(kind: .connectionLost, message: "the server refused to listen"))
            }
            for subscriber in waiting {
                // Not new: it listened before the connection was lost.
                if subscriber.ready == nil, error == nil { subscriber.yield(.mayHaveMissed) }
                subscriber.becameReady(error)
            }
        }
    }

    private func send(_ statements: [Statement], _ done: @escaping @Sendable ((any Error)?) -> Void) {
        guard let wire else { return }
        let request = Request(.many(statements), to: .wire, role: .housekeeping)
        request.answer = .call(done)
        wire.submit(request)
    }

    // MARK: WireOwner

    func wire(_ wire: Wire, received notification: Notification) {
        for subscriber in subscribers where subscriber.channels.contains(notification.channel) {
            subscriber.yield(.notification(notification))
        }
    }

    func wire(_ wire: Wire, lost error: PostgresError, unsent: [Request]) {
        self.wire = nil
        retryLater()
        for request in unsent { request.fail(error) }
    }

    func wireProgressed(_ wire: Wire) {}
    func resubmit(_ request: Request, from wire: Wire) { wire.submit(request) }
}
