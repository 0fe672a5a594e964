internal import CSpawn
internal import Foundation

/// One run of a keeper's program: bytes in, bytes out, bounded in time and size.
struct KeeperProcess: Sendable {
    let command: [String]
    let input: [UInt8]
    let timeMax: Duration

    private static let outputBytesMax = 32 << 20

    /// What it wrote to standard output. Runs on a thread of its own, which ends with the program.
    func run() async throws -> [UInt8] {
        try await withCheckedThrowingContinuation { continuation in
            Thread.detachNewThread { continuation.resume(with: Result { try runHere() }) }
        }
    }

    private func runHere() throws -> [UInt8] {
        // Writing to a program that has ended must be an error here, not the end of this process.
        var pipeSignal = sigset_t()
        sigemptyset(&pipeSignal)
        sigaddset(&pipeSignal, SIGPIPE)
        pthread_sigmask(SIG_BLOCK, &pipeSignal, nil)
        let (inputRead, inputWrite) = try Self.pipe()
        let (outputRead, outputWrite) = try Self.pipe()
        defer { close(outputRead) }
        var process: pid_t = 0
        let status = spawn(&process, inputRead, outputWrite)
        close(inputRead)
        close(outputWrite)
        guard status == 0 else {
            close(inputWrite)
            throw VaultError.keeperFailed(command[0], String(cString: strerror(status)))
        }
        let answer = Result { try converse(inputWrite, outputRead) }
        if case .failure = answer { kill(-process, SIGKILL) }
        var ended: Int32 = 0
        while waitpid(process, &ended, 0) < 0, errno == EINTR {}
        let bytes = try answer.get()
        guard ended == 0 else {
            throw VaultError.keeperFailed(command[0], "it ended with status \((ended >> 8) & 0xff)")
        }
        return bytes
    }

    /// Leads a session of its own, inherits standard error and nothing else; the environment without what is ours.
    private func spawn(_ process: inout pid_t, _ input: Int32, _ output: Int32) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, input, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_addclosefrom_np(&actions, 3)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let setsidFlag: Int32 = 0x80
        posix_spawnattr_setflags(&attributes, Int16(setsidFlag | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let variables = ProcessInfo.processInfo.environment
            .filter { !$0.key.hasPrefix("DIGITALBANK_") && !$0.key.hasPrefix("PG") }.map { "\($0.key)=\($0.value)" }
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for pointer in arguments + environment { free(pointer) } }
        return posix_spawn(&process, command[0], &actions, &attributes, &arguments, &environment)
    }

    /// Writes and reads together, so that neither side waits for the other for ever.
    private func converse(_ sink: Int32, _ source: Int32) throws -> [UInt8] {
        var sink: Int32? = sink
        defer { if let sink { close(sink) } }
        _ = fcntl(sink ?? -1, F_SETFL, O_NONBLOCK)
        let deadline = ContinuousClock.now + timeMax
        var written = 0
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            if written == input.count, let open = sink {
                close(open)
                sink = nil
            }
            let left = Int32(clamping: Int((deadline - ContinuousClock.now) / .milliseconds(1)))
            guard left > 0 else { throw VaultError.keeperSlow(command[0], timeMax) }
            var polled = [pollfd(fd: source, events: Int16(POLLIN), revents: 0)]
            if let sink { polled.append(pollfd(fd: sink, events: Int16(POLLOUT), revents: 0)) }
            poll(&polled, nfds_t(polled.count), left)
            if let open = sink, polled[1].revents != 0 {
                let count = input[written...].withUnsafeBytes { write(open, $0.baseAddress, $0.count) }
                if count > 0 { written += count } else if errno != EAGAIN, errno != EINTR { written = input.count }
            }
            guard polled[0].revents != 0 else { continue }
            let count = read(source, &buffer, buffer.count)
            if count == 0 { return answer }
            if count > 0 { answer += buffer[..<count] }
            guard answer.count <= Self.outputBytesMax else { throw VaultError.keeperAnswer("more than it should") }
        }
    }

    private static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe2(&ends, O_CLOEXEC) == 0 else {
            throw VaultError.keeperFailed("a pipe", String(cString: strerror(errno)))
        }
        return (ends[0], ends[1])
    }
}
