internal import Foundation
internal import Glibc
internal import Synchronization

/// Starts and stops the server of one cluster. Everything here blocks; callers give it a thread.
final class Supervisor: Sendable {
    private struct State {
        var server: SupervisedServer?
        var port: Int?
        var limitPassed: ServerError?
    }

    private let options: Cluster.Options
    private let binaries: PostgresBinaries
    private let files: ClusterFiles
    private let state: Mutex<State>

    private static let pollMicroseconds: UInt32 = 10_000
    private static let portTriesMax = 20
    /// Longer than the ten seconds after which an owner's watcher kills what does not stop.
    private static let otherOwnerPatience: Duration = .seconds(15)

    init(options: Cluster.Options, binaries: PostgresBinaries, files: ClusterFiles, chosenPort: Int?) {
        self.options = options
        self.binaries = binaries
        self.files = files
        state = Mutex(State(port: options.port == 0 ? chosenPort : options.port))
    }

    var port: Int? { state.withLock { $0.port } }
    var limitPassed: ServerError? { state.withLock { $0.limitPassed } }

    var status: Cluster.Status {
        guard let file = PostmasterFile.read(files.postmasterPID) else { return .stopped }
        guard file.isRunning(in: files.data) else { return .crashed }
        return file.isReady
            ? .running(processIdentifier: file.identifier) : .starting(processIdentifier: file.identifier)
    }

    func start(timeMax: Duration) throws {
        let lock = try FileLock(files.lock, timeMax: timeMax)
        defer { lock.release() }
        let deadline = ContinuousClock.now + timeMax
        if try isUpAlready(deadline) { return }
        let user = try ServerUser.current()
        try user?.checkReach(files.data)
        try clearLeftovers(deadline)
        try files.makeSocketFolder(user: user)
        state.withLock { $0.limitPassed = nil }
        try launchOnPort(user: user, deadline)
        try files.remember(port: port)
    }

    /// True when the server runs and is ours to use.
    ///
    /// A server that dies with its owner is not, when the owner is another: it may be about to die with it. So we wait for its
    /// end, which is near when its owner was killed, and give up when it stays.
    private func isUpAlready(_ deadline: ContinuousClock.Instant) throws(ServerError) -> Bool {
        guard let file = PostmasterFile.read(files.postmasterPID), file.isRunning(in: files.data) else { return false }
        let isOurs = state.withLock { $0.server != nil }
        guard options.outlivesOwner || isOurs else {
            let patience = min(deadline, .now + Self.otherOwnerPatience)
            while file.isRunning(in: files.data) {
                try pause(until: patience, orThrow: ownedByAnother(file.identifier))
            }
            return false
        }
        // It may be starting, or on its way down because whoever asked for that was killed: then it is started anew.
        while true {
            if case .running = status { break }
            if [.stopped, .crashed].contains(status) { return false }
            try pause(until: deadline, orThrow: startFailure("the server was not ready in time"))
        }
        // Another process may have started it, on a port of its choice.
        if options.port == 0, let file = PostmasterFile.read(files.postmasterPID) {
            state.withLock { $0.port = file.port }
        }
        return true
    }

    private func ownedByAnother(_ identifier: Int32) -> ServerError {
        ServerError(
            code: "cluster_busy",
            message:
                "PostgreSQL in \(files.data), process \(identifier), belongs to another digitalbank that is running",
            hint: "Wait for that one to end, or stop it, and try again.")
    }

    func stop(_ mode: Cluster.StopMode, timeMax: Duration) throws {
        let lock = try FileLock(files.lock, timeMax: timeMax)
        defer { lock.release() }
        let deadline = ContinuousClock.now + timeMax
        if let server = state.withLock({ $0.server }) {
            server.tell(mode)
            while server.child.statusIfEnded() == nil { try pause(until: deadline, orThrow: doesNotStop(timeMax)) }
            state.withLock { $0.server = nil }
        }
        // A server that another process of ours started. It removes its pid file shortly before it ends.
        guard let file = PostmasterFile.read(files.postmasterPID), file.isRunning(in: files.data) else { return }
        kill(file.identifier, mode == .fast ? SIGINT : SIGQUIT)
        while file.isRunning(in: files.data) { try pause(until: deadline, orThrow: doesNotStop(timeMax)) }
    }

    /// A free port can be taken between our choice and PostgreSQL's bind; then another is tried.
    private func launchOnPort(user: ServerUser?, _ deadline: ContinuousClock.Instant) throws(ServerError) {
        guard options.port == 0 else { return try launch(port: options.port, user: user, deadline) }
        var candidate = self.port
        for triesLeft in (0..<Self.portTriesMax).reversed() {
            let port: Int
            if let known = candidate { port = known } else { port = try Loopback.freePort() }
            candidate = nil
            do {
                try launch(port: port, user: user, deadline)
                return state.withLock { $0.port = port }
            } catch {
                guard error.code == "port_taken", triesLeft > 0 else { throw error }
            }
        }
    }

    private func launch(port: Int?, user: ServerUser?, _ deadline: ContinuousClock.Instant) throws(ServerError) {
        try ServerSettings(options: options, files: files, port: port).write(user: user)
        if let server = state.withLock({ $0.server }), server.child.statusIfEnded() == nil { server.tell(.immediate) }
        state.withLock { $0.server = nil }
        // A fresh log for each start, so that a failure quotes this start's words.
        rename(files.log, files.log + ".previous")
        try files.write("", to: files.log, user: user)
        if options.outlivesOwner {
            try launchDetached(user: user, deadline)
        } else {
            let server = try SupervisedServer(
                command: [binaries.path(of: "postgres"), "-D", files.data], log: files.log,
                memoryBytesMax: options.limits.memoryBytesMax,
                removing: options.isRemovedWithOwner ? files.directory : nil, user: user)
            state.withLock { $0.server = server }
            try waitUntilReady(deadline, hasEnded: { server.child.statusIfEnded() != nil })
            watchDisk(server)
        }
    }

    /// `pg_ctl` gives the server a session of its own, which our end does not touch.
    private func launchDetached(user: ServerUser?, _ deadline: ContinuousClock.Instant) throws(ServerError) {
        var command = [
            binaries.path(of: "pg_ctl"), "start", "--no-wait", "--silent", "--pgdata", files.data, "--log", files.log,
        ]
        if let memory = options.limits.memoryBytesMax {
            command = ["/usr/bin/prlimit", "--as=\(memory)", "--"] + command
        }
        if let user { command = try user.wrapping(command) }
        let session = try ToolSession(
            command: command, environment: ToolRun.defaultEnvironment, directory: "/", inputFile: nil, outputFile: nil)
        let run = try session.collect(timeMax: .seconds(60))
        guard run.status == 0 else { throw startFailure("pg_ctl ended with status \(run.status)") }
        let launched = ContinuousClock.now
        try waitUntilReady(deadline) {
            // No pid file for two seconds: the server refused its settings or its port and is gone.
            ContinuousClock.now - launched > .seconds(2) && self.status == .stopped
        }
    }

    private func waitUntilReady(_ deadline: ContinuousClock.Instant, hasEnded: () -> Bool) throws(ServerError) {
        while true {
            if case .running = status { return }
            if hasEnded() { throw startFailure("the server ended at its start") }
            try pause(until: deadline, orThrow: startFailure("the server was not ready in time"))
        }
    }

    /// After a crash: waits for the backends that outlived their postmaster, then removes lock files whose process is gone,
    /// even when another process has got its number since. PostgreSQL itself refuses to start in that case.
    private func clearLeftovers(_ deadline: ContinuousClock.Instant) throws(ServerError) {
        let patience = ContinuousClock.now + .seconds(5)
        while true {
            let orphans = PostmasterFile.processes(in: files.data)
            if orphans.isEmpty { break }
            for orphan in orphans { kill(orphan, ContinuousClock.now > patience ? SIGKILL : SIGQUIT) }
            try pause(until: deadline, orThrow: startFailure("processes of an earlier server are still there"))
        }
        unlink(files.postmasterPID)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: files.socket)) ?? []
        for name in names where name.hasPrefix(".s.PGSQL.") { unlink(files.socket + "/" + name) }
    }

    private func watchDisk(_ server: SupervisedServer) {
        guard let bytesMax = options.limits.diskBytesMax else { return }
        let directory = files.directory
        let child = server.child
        // Ends with the server it watches.
        Thread.detachNewThread { [weak self, weak server] in
            while child.statusIfEnded() == nil {
                let bytes = DiskUsage.bytes(below: directory)
                if bytes > bytesMax {
                    self?.state.withLock { $0.limitPassed = Self.diskFull(directory, bytes, bytesMax) }
                    server?.tell(.immediate)
                }
                usleep(500_000)
            }
        }
    }

    private func pause(
        until deadline: ContinuousClock.Instant, orThrow error: @autoclosure () -> ServerError
    ) throws(ServerError) {
        guard ContinuousClock.now < deadline else { throw error() }
        usleep(Self.pollMicroseconds)
    }

    private func doesNotStop(_ timeMax: Duration) -> ServerError {
        ServerError(
            code: "server_does_not_stop", message: "PostgreSQL in \(files.data) did not stop in \(timeMax)",
            hint: "Stop it with `immediate`; the next start recovers from its log.")
    }

    private static func diskFull(_ directory: String, _ bytes: Int64, _ bytesMax: Int64) -> ServerError {
        ServerError(
            code: "disk_limit_passed",
            message: "the cluster in \(directory) was stopped: it holds \(bytes) bytes where \(bytesMax) are allowed",
            hint: "Raise the clean room's disk limit if the input is really that large.")
    }

    private func startFailure(_ what: String) -> ServerError {
        let tail = files.logTail(lines: 8)
        if tail.contains("Address already in use"), let port = options.port {
            return ServerError(
                code: "port_taken", message: "the port \(port) of this machine is taken by another program",
                hint: "Choose another port, or 0 for any free one.")
        }
        return ServerError(
            code: "server_not_started", message: "PostgreSQL in \(files.data): \(what)\n\(tail)",
            hint: "Read the server's log: \(files.newestLog)")
    }
}
