internal import Synchronization
internal import Web

/// How many requests of one person are worked on at once, so that no client alone has all connections to the database.
/// The others of the same person wait their turn; beyond a number they are refused.
final class SubjectLimiter: Sendable {
    /// The right to be worked on: given back when it is dropped at the latest.
    final class Pass: Sendable {
        private let limiter: SubjectLimiter
        private let name: String
        private let isOver = Atomic<Bool>(false)

        fileprivate init(_ limiter: SubjectLimiter, _ name: String) {
            self.limiter = limiter
            self.name = name
        }

        deinit { leave() }

        func leave() {
            if !isOver.exchange(true, ordering: .relaxed) { limiter.leave(name) }
        }
    }

    fileprivate enum Turn: Sendable { case granted, full, late, cancelled }

    fileprivate struct Waiter {
        let number: UInt64
        let since: ContinuousClock.Instant
        let turn: CheckedContinuation<Turn, Never>
    }

    fileprivate struct Line {
        var running = 0
        var waiting: [Waiter] = []
    }

    fileprivate struct State {
        var lines: [String: Line] = [:]
        var lastNumber: UInt64 = 0
        /// Waiters whose task was cancelled before they stood in line.
        var gone: Set<UInt64> = []
    }

    private let runningMax: Int
    private let waitingMax: Int
    private let waitMax: Duration
    private let state = Mutex(State())

    init(runningMax: Int, waitingMax: Int, waitMax: Duration) {
        self.runningMax = runningMax
        self.waitingMax = waitingMax
        self.waitMax = waitMax
    }

    /// Who asks: the person of the token, else whoever sends from the address.
    static func name(_ actor: Actor, _ request: ApiRequest) -> String {
        actor.subject.map { "s" + $0 } ?? "a\(actor.role) \(request.remoteAddress)"
    }

    /// Nil when it would have to wait.
    func enterNow(_ name: String) -> Pass? {
        state.withLock { $0.enter(name, runningMax) } ? Pass(self, name) : nil
    }

    func enter(_ name: String) async throws(RestError) -> Pass {
        if let pass = enterNow(name) { return pass }
        let number = state.withLock { state in
            state.lastNumber += 1
            return state.lastNumber
        }
        let (runningMax, waitingMax) = (runningMax, waitingMax)
        let turn = await withTaskCancellationHandler {
            await withCheckedContinuation { (turn: CheckedContinuation<Turn, Never>) in
                let decided: Turn? = state.withLock { state in
                    if state.gone.remove(number) != nil { return .cancelled }
                    if state.enter(name, runningMax) { return .granted }
                    guard state.lines[name]?.waiting.count ?? 0 < waitingMax else { return .full }
                    state.lines[name, default: Line()].waiting.append(Waiter(number: number, since: .now, turn: turn))
                    return nil
                }
                if let decided { turn.resume(returning: decided) }
            }
        } onCancel: {
            let turn = state.withLock { state -> CheckedContinuation<Turn, Never>? in
                guard let place = state.lines[name]?.waiting.firstIndex(where: { $0.number == number }) else {
                    state.gone.insert(number)
                    return nil
                }
                return state.lines[name]?.waiting.remove(at: place).turn
            }
            turn?.resume(returning: .cancelled)
        }
        _ = state.withLock { $0.gone.remove(number) }
        switch turn {
        case .granted: return Pass(self, name)
        case .full: throw Self.tooMany
        case .late, .cancelled: throw Self.tooLong
        }
    }

    private static let tooMany = refused(
        "DBR013", 429, "too many requests of yours are being answered or wait for it",
        hint: "Wait for answers before you send more.")
    private static let tooLong = refused(
        "DBR014", 503, "the request waited too long behind others of yours",
        hint: "Ask for less at once, and try again.")

    private static func refused(_ code: String, _ status: Int, _ message: String, hint: String) -> RestError {
        var error = RestError(code, status, message, hint: hint)
        error.headers["Retry-After"] = "1"
        return error
    }

    /// The next in line takes the place; those that waited too long are told so.
    private func leave(_ name: String) {
        let now = ContinuousClock.now
        let told = state.withLock { state -> [(CheckedContinuation<Turn, Never>, Turn)] in
            guard var line = state.lines[name] else { return [] }
            line.running -= 1
            var told: [(CheckedContinuation<Turn, Never>, Turn)] = []
            while line.running < runningMax, !line.waiting.isEmpty {
                let next = line.waiting.removeFirst()
                let isInTime = now - next.since <= waitMax
                if isInTime { line.running += 1 }
                told.append((next.turn, isInTime ? .granted : .late))
            }
            state.lines[name] = line.running == 0 && line.waiting.isEmpty ? nil : line
            return told
        }
        for (turn, outcome) in told { turn.resume(returning: outcome) }
    }

    /// Persons who are being answered.
    var count: Int { state.withLock { $0.lines.count } }
}

extension SubjectLimiter.State {
    fileprivate mutating func enter(_ name: String, _ most: Int) -> Bool {
        var line = lines[name] ?? SubjectLimiter.Line()
        guard line.running < most, line.waiting.isEmpty else { return false }
        line.running += 1
        lines[name] = line
        return true
    }
}
