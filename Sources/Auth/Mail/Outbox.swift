internal import Synchronization

/// Work that answers do not wait for: looking an address up, making its code, sending it. An answer given before the
/// look-up cannot tell, by its words or by its time, whether there is an account.
final class Outbox: Sendable {
    enum Job: Sendable {
        /// A code or a link for whoever has the address.
        case code(CodeRequest)
        case mail(Mail)
    }

    static let waitingMax = 1000
    static let workersMax = 4

    private let jobs: AsyncStream<Job>
    private let continuation: AsyncStream<Job>.Continuation

    private let failed = Atomic<Int>(0)

    var failures: Int { failed.load(ordering: .relaxed) }
    func noteFailure() { failed.wrappingAdd(1, ordering: .relaxed) }

    init() {
        (jobs, continuation) = AsyncStream.makeStream(of: Job.self, bufferingPolicy: .bufferingOldest(Self.waitingMax))
    }

    /// Throws when too many wait already.
    func add(_ job: Job) throws(AuthError) {
        guard case .enqueued = continuation.yield(job) else { throw .unavailable }
    }

    /// Does the jobs, some at a time, until the task is cancelled.
    func run(_ work: @escaping @Sendable (Job) async -> Void) async {
        await withDiscardingTaskGroup { group in
            let room = Room(Self.workersMax)
            for await job in jobs {
                await room.enter()
                group.addTask {
                    await work(job)
                    await room.leave()
                }
            }
        }
    }

    private actor Room {
        private var free: Int
        private var waiting: CheckedContinuation<Void, Never>?

        init(_ free: Int) { self.free = free }

        /// Asked by one task alone.
        func enter() async {
            if free > 0 {
                free -= 1
            } else {
                await withCheckedContinuation { waiting = $0 }
            }
        }

        func leave() {
            if let waiting {
                self.waiting = nil
                waiting.resume()
            } else {
                free += 1
            }
        }
    }
}

/// What somebody asked to be sent to an address.
struct CodeRequest: Sendable {
    enum Purpose: Sendable {
        /// Sign in; an unknown address gets an account when `creating` says with what.
        case signIn(creating: NewUser?)
        case recovery
        case resendSignup
        case resendEmailChange
    }

    let purpose: Purpose
    let address: String
    let challenge: CodeChallenge?
    let redirectTo: String
    let call: Call
    /// What the account's password becomes when the message's link is opened.
    var passwordHash: String?
}
