internal import Synchronization

/// What the guard in front of the gateway sees, as findings, incidents and bans. Requests only leave a note and go on:
/// the rest is done aside, and what comes faster than that is counted.
public final class GuardWatch: Sendable {
    struct Hit: Sendable {
        var kind: String
        var place: String
        var points: Int
        var id: String
        var method: String
        var path: String
        var address: String
        var isRefused: Bool
        /// Microseconds since 1970.
        var time: Int64
    }

    private static let waitingMax = 4_096
    private let hits: AsyncStream<Hit>
    private let entry: AsyncStream<Hit>.Continuation
    private let desk: GuardDesk
    private let clock: @Sendable () -> Int64
    private let lost = Mutex<Int64>(0)

    /// - Parameters:
    ///   - journal: a file of lines of JSON; what it says is still banned is taken over.
    ///   - clock: microseconds since 1970.
    public init(
        _ policy: ResponseDesk.Policy, journal: String,
        clock: @escaping @Sendable () -> Int64
    ) throws {
        (hits, entry) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(Self.waitingMax))
        desk = try GuardDesk(policy, journal: journal, clock: clock)
        self.clock = clock
    }

    /// Hits that gave way because too many waited.
    public var dropped: Int64 { lost.withLock { $0 } }

    public func note(_ verdict: RequestGuard.Verdict, _ request: RequestGuard.Request, isRefused: Bool) {
        let hit = Hit(
            kind: verdict.kind, place: verdict.place, points: verdict.points, id: request.id, method: request.method,
            path: String(request.path.prefix(512)), address: request.address, isRefused: isRefused, time: clock())
        if case .dropped = entry.yield(hit) { lost.withLock { $0 += 1 } }
    }

    /// Works until the task is cancelled.
    ///
    /// - Parameters:
    ///   - perform: does what was decided.
    ///   - tell: is given incidents when there is something new; when it fails it is given them again.
    ///   - every: how often incidents are made of what was seen.
    public func run(
        every: Duration = .seconds(1), perform: @escaping @Sendable (ResponseDesk.Act) async -> Void,
        tell: @escaping @Sendable ([Incident]) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { [hits, desk] group in
            group.addTask {
                for await hit in hits { for act in await desk.take(hit) { await perform(act) } }
            }
            group.addTask {
                while true {
                    try await Task.sleep(for: every)
                    for act in await desk.expired() { await perform(act) }
                    let incidents = await desk.news()
                    guard !incidents.isEmpty else { continue }
                    do { try await tell(incidents) } catch { await desk.again() }
                }
            }
            try await group.next()
            group.cancelAll()
        }
    }
}

/// The memory behind the guard: the same sink, series, correlation and desk as for lines of logs.
private actor GuardDesk {
    private let sink = FindingSink()
    private let series = AttackSeries()
    private let desk: ResponseDesk
    private var isNew = false

    init(_ policy: ResponseDesk.Policy, journal: String, clock: @escaping @Sendable () -> Int64) throws {
        desk = try ResponseDesk(policy, journal: journal, clock: clock)
        sink.file = "waf"
        sink.isThrifty = true
    }

    /// What is to be done because of a hit.
    func take(_ hit: GuardWatch.Hit) -> [ResponseDesk.Act] {
        var acts: [ResponseDesk.Act] = []
        sink.onRaise = { [desk] finding in if let act = desk.decide(finding).act { acts.append(act) } }
        defer { sink.onRaise = nil }
        raise(hit)
        isNew = true
        return acts
    }

    func expired() -> [ResponseDesk.Act] { desk.expired() }

    func news() -> [Incident] {
        guard isNew else { return [] }
        isNew = false
        return Correlator().incidents(sink.findings)
    }

    func again() { isNew = true }

    /// The line of evidence has no payload, which may be a customer's own text.
    private func raise(_ hit: GuardWatch.Hit) {
        var line = "\(hit.method) \(hit.path) \(hit.place) \(hit.id)"
        var path = hit.path
        line.withUTF8 { line in
            path.withUTF8 { path in
                var event = LogEvent()
                event.time = hit.time
                event.line = Bytes(UnsafeRawBufferPointer(line))
                var subject = FindingSink.Subject()
                subject.address = NetworkAddress(hit.address) ?? .none
                subject.target = Bytes(UnsafeRawBufferPointer(path))
                let answer = hit.isRefused ? "refused" : "let pass"
                subject.words = "\(hit.points) points in the \(hit.place), \(answer)"
                let rule = WebClass(rawValue: hit.kind)?.rule ?? Rules.secondOpinion
                desk.saw(subject.address)
                sink.raise(rule, event, LinePlace(), subject)
                let now = UInt32(truncatingIfNeeded: max(0, hit.time / Instant.second))
                guard !subject.address.isNone, let count = series.take(subject.address.actor, at: now) else { return }
                subject.target = .empty
                subject.words = "\(count) attacks within \(AttackSeries.window / 60) minutes, the last one \(answer)"
                // What is refused has done nothing; what passed has to be looked at.
                sink.raise(Rules.attackSeries, event, LinePlace(), gravity: hit.isRefused ? .medium : .high, subject)
            }
        }
    }
}
