internal import CSpawn
internal import Foundation
internal import Glibc
internal import Synchronization

/// One child process, started by `posix_spawn` with nothing inherited but its three standard streams.
///
/// It leads a session of its own: a Ctrl-C at the terminal does not reach it, and a signal to it reaches its children.
final class ChildProcess: Sendable {
    /// Where the three standard streams go.
    struct Streams {
        var input: Stream = .null
        var output: Stream = .null
        var error: Stream = .null
    }

    enum Stream {
        case null
        case descriptor(Int32)
        case file(String, append: Bool)
    }

    let identifier: pid_t
    /// The exit status once known; -signal when a signal ended it.
    private let ended = Mutex<Int32?>(nil)

    /// `POSIX_SPAWN_SETSID`, which glibc shows to GNU sources only.
    private static let setsidFlag: Int32 = 0x80

    private init(identifier: pid_t) { self.identifier = identifier }

    static func spawn(
        _ command: [String], environment: [String: String], directory: String?, streams: Streams
    ) throws(ServerError) -> ChildProcess {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        add(streams.input, as: 0, to: &actions)
        add(streams.output, as: 1, to: &actions)
        add(streams.error, as: 2, to: &actions)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        if let directory { posix_spawn_file_actions_addchdir_np(&actions, directory) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(
            &attributes, Int16(setsidFlag | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

        var identifier: pid_t = 0
        let variables = environment.map { "\($0.key)=\($0.value)" }.sorted()
        let status = withCStrings(command) { arguments in
            withCStrings(variables) { posix_spawn(&identifier, command[0], &actions, &attributes, arguments, $0) }
        }
        guard status == 0 else {
            throw ServerError(
                code: "program_not_started", message: "\(command[0]) does not start: \(reason(status))",
                hint: "Check that the program is installed and that its output folder can be written.")
        }
        return ChildProcess(identifier: identifier)
    }

    /// Blocks the calling thread until the process ends.
    @discardableResult
    func wait() -> Int32 {
        if let known = ended.withLock({ $0 }) { return known }
        var information = siginfo_t()
        while waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        return reap(options: 0) ?? 0
    }

    /// The exit status when the process has ended; never blocks.
    func statusIfEnded() -> Int32? { reap(options: WNOHANG) }

    /// Signals the process and everything in its session's first process group; nothing once it has ended.
    func signal(_ number: Int32) {
        ended.withLock { status in
            if status == nil { kill(-identifier, number) }
        }
    }

    /// Reaps under the lock, so that a signal can never reach a recycled process id.
    private func reap(options: Int32) -> Int32? {
        ended.withLock { known in
            if let known { return known }
            var status: Int32 = 0
            let result = waitpid(identifier, &status, options)
            guard result != 0 else { return nil }
            let isSignalled = status & 0x7f != 0
            known = result < 0 ? 0 : (isSignalled ? -(status & 0x7f) : (status >> 8) & 0xff)
            return known
        }
    }

    private static func add(_ stream: Stream, as descriptor: Int32, to actions: inout posix_spawn_file_actions_t) {
        switch stream {
        case .null:
            posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
        case .descriptor(let source):
            posix_spawn_file_actions_adddup2(&actions, source, descriptor)
        case .file(let path, let append):
            let flags = descriptor == 0 ? O_RDONLY : O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC)
            posix_spawn_file_actions_addopen(&actions, descriptor, path, flags, 0o600)
        }
    }
}

/// The operating system's words for an error number.
func reason(_ number: Int32 = errno) -> String { String(cString: strerror(number)) }

/// Calls `body` with a null-terminated array of C strings.
private func withCStrings<Result>(
    _ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    return body(pointers)
}

/// Runs blocking work on a thread of its own, off the cooperative pool.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
