internal import CLibpq
internal import Foundation
internal import Glibc
internal import Synchronization

/// A socket the reactor watches.
protocol ReactorSource: AnyObject {
    func becameReady(_ events: UInt32)
}

/// Something that plans: called once per loop turn, after the sockets were read and the requests taken in.
protocol ReactorMember: AnyObject {
    func turn(now: UInt64)
    /// When it wants its next turn even if nothing happens; `.max` for never.
    func nextDeadline(now: UInt64) -> UInt64
}

/// The one thread that drives all connections of the process.
///
/// Tasks hand requests over through `inbox`; the thread is woken by one write to an eventfd, and only when it sleeps.
/// All connection and pool state belongs to this thread, so none of it needs a lock.
final class Reactor: @unchecked Sendable {
    // SAFETY: `inbox` has its lock; everything else is touched by the reactor's own thread only.
    enum Message: Sendable {
        case submit(Request)
        case cancel(Request)
        case perform(@Sendable () -> Void)
    }

    private struct Inbox {
        var messages: [Message] = []
        var isSleeping = false
    }

    /// Fails when the process has no file descriptors left for it.
    static let shared = Result<Reactor, PostgresError> { () throws(PostgresError) in try Reactor() }

    private static let eventsMax = 256

    private let inbox = Mutex(Inbox())
    private let epoll: Int32
    private let alarm: Int32
    private var taken: [Message] = []
    private var sources: [Int32: any ReactorSource] = [:]
    private var members: [any ReactorMember] = []
    /// Wires with something to flush at the end of this turn.
    private var dirty: [Wire] = []
    /// Nanoseconds of the monotonic clock at the start of this loop turn.
    private(set) var now: UInt64 = 0

    private init() throws(PostgresError) {
        epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
        alarm = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard epoll >= 0, alarm >= 0 else {
            throw PostgresError(kind: .connect, message: "no file descriptor left: \(String(cString: strerror(errno)))")
        }
        control(EPOLL_CTL_ADD, alarm, EPOLLIN.rawValue)
        now = Self.clock()
        // Ends with the process: it sleeps in epoll_wait when there is nothing to do.
        let thread = Thread { [unowned self] in loop() }
        thread.name = "postgres"
        thread.start()
    }

    /// Hands `message` to the reactor's thread. Called from any thread.
    func post(_ message: Message) {
        let mustWake = inbox.withLock { inbox in
            inbox.messages.append(message)
            let wasSleeping = inbox.isSleeping
            inbox.isSleeping = false
            return wasSleeping
        }
        if mustWake { wake() }
    }

    /// Runs `body` on the reactor's thread and returns what it gives back.
    func perform<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
        try await withUnsafeThrowingContinuation { continuation in
            post(.perform { continuation.resume(with: Result { try body() }) })
        }
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(alarm, &one, 8)
    }

    static func clock() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    // MARK: The reactor's thread

    private static let reading = EPOLLIN.rawValue | EPOLLRDHUP.rawValue
    /// The other side sends nothing more: what it said is all there is to read.
    static let endOfInput = EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue

    func watch(_ descriptor: Int32, _ source: any ReactorSource) {
        sources[descriptor] = source
        control(EPOLL_CTL_ADD, descriptor, Self.reading)
    }

    func watch(_ descriptor: Int32, _ source: any ReactorSource, forWriting: Bool) {
        guard sources[descriptor] === source else { return }
        control(EPOLL_CTL_MOD, descriptor, Self.reading | (forWriting ? EPOLLOUT.rawValue : 0))
    }

    /// libpq closes the socket of a lost connection itself, and the next one may have its number by now: what is another's
    /// stays watched.
    func unwatch(_ descriptor: Int32, _ source: any ReactorSource) {
        guard sources[descriptor] === source else { return }
        sources[descriptor] = nil
        control(EPOLL_CTL_DEL, descriptor, 0)
    }

    func add(_ member: any ReactorMember) {
        if !members.contains(where: { $0 === member }) { members.append(member) }
    }

    func remove(_ member: any ReactorMember) { members.removeAll { $0 === member } }

    func flushLater(_ wire: Wire) { dirty.append(wire) }

    private func control(_ operation: Int32, _ descriptor: Int32, _ events: UInt32) {
        var event = epoll_event(events: events, data: epoll_data_t(fd: descriptor))
        epoll_ctl(epoll, operation, descriptor, &event)
    }

    private func loop() {
        let events = UnsafeMutablePointer<epoll_event>.allocate(capacity: Self.eventsMax)
        while true {
            // Requests are taken before the sockets are looked at: what the kernel knew when a request was made (a server
            // that has gone) is known when it is sent.
            let timeout = takeMessages()
            let count = epoll_wait(epoll, events, Int32(Self.eventsMax), timeout)
            now = Self.clock()
            for index in 0..<max(0, Int(count)) { dispatch(events[index]) }
            for message in taken { handle(message) }
            taken.removeAll(keepingCapacity: true)
            // A member may leave during its turn.
            for member in members { member.turn(now: now) }
            // Flushing may find a broken connection, whose loss may make others dirty.
            while let wire = dirty.popLast() { wire.flush() }
        }
    }

    /// Takes in what was posted. Returns how long to wait for the sockets in milliseconds: not at all with something in
    /// hand, else until the next deadline, in which case whoever posts must wake.
    private func takeMessages() -> Int32 {
        inbox.withLock { inbox in
            swap(&taken, &inbox.messages)
            inbox.isSleeping = taken.isEmpty
        }
        guard taken.isEmpty else { return 0 }
        var deadline = UInt64.max
        for member in members { deadline = min(deadline, member.nextDeadline(now: now)) }
        guard deadline != .max else { return -1 }
        guard deadline > now else { return 0 }
        return Int32(min((deadline - now) / 1_000_000 + 1, 60_000))
    }

    private func dispatch(_ event: epoll_event) {
        let descriptor = event.data.fd
        guard descriptor != alarm else {
            var count: UInt64 = 0
            _ = read(alarm, &count, 8)
            return
        }
        sources[descriptor]?.becameReady(event.events)
    }

    private func handle(_ message: Message) {
        switch message {
        case .submit(let request):
            switch request.destination {
            case .pool(let pool): pool.submit(request)
            case .connection(let connection): connection.submit(request)
            case .wire: request.fail(PostgresError.closed)
            }
        case .cancel(let request): cancel(request)
        case .perform(let body): body()
        }
    }

    private func cancel(_ request: Request) {
        request.isCancelled = true
        switch request.place {
        case .new, .done: break
        case .waiting: request.fail(PostgresError.cancelled)
        case .sent: request.wire?.cancel(request)
        }
    }
}
