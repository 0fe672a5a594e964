internal import Foundation
internal import Glibc
internal import Synchronization

/// Starts and stops the server of one cluster.
final class Supervisor: Sendable {
    private let options: Cluster.Options
    private let binaries: PostgresBinaries
    private let files: ClusterFiles
    private let supervised = Mutex<SupervisedServer?>(nil)

    init(options: Cluster.Options, binaries: PostgresBinaries, files: ClusterFiles) {
        self.options = options
        self.binaries = binaries
        self.files = files
    }

    var isRunning: Bool { PostmasterFile.read(files.postmasterPID)?.isRunning(in: files.data) ?? false }

    func start(timeMax: Duration) throws {
        guard !isRunning else { return }
        let server = try SupervisedServer(
            command: [binaries.path(of: "postgres"), "-D", files.data], log: files.log,
            removing: options.isRemovedWithOwner ? options.directory : nil, user: try ServerUser.current())
        let clock = ContinuousClock()
        let deadline = clock.now + timeMax
        while true {
            if PostmasterFile.read(files.postmasterPID)?.isReady == true, isRunning { break }
            if server.child.statusIfEnded() != nil { throw startFailure("the server ended at once") }
            if clock.now > deadline {
                server.tell(.immediate)
                throw startFailure("the server was not ready after \(timeMax)")
            }
            usleep(10_000)
        }
        supervised.withLock { $0 = server }
    }

    func stop(_ mode: Cluster.StopMode, timeMax: Duration) throws {
        guard let server = supervised.withLock({ $0 }) else { return }
        server.tell(mode)
        let clock = ContinuousClock()
        let deadline = clock.now + timeMax
        while server.child.statusIfEnded() == nil {
            guard clock.now < deadline else {
                throw ServerError(
                    code: "server_does_not_stop", message: "PostgreSQL in \(files.data) did not stop in \(timeMax)",
                    hint: "Stop it with `immediate`; the next start recovers from its log.")
            }
            usleep(10_000)
        }
        supervised.withLock { $0 = nil }
    }

    private func startFailure(_ what: String) -> ServerError {
        let log = (try? String(contentsOfFile: files.log, encoding: .utf8)) ?? ""
        let last = log.split(separator: "\n").suffix(8).joined(separator: "\n")
        return ServerError(
            code: "server_not_started", message: "PostgreSQL in \(files.data): \(what)\n\(last)",
            hint: "Read the server's log: \(files.log)")
    }
}

/// A server and the small shell that watches over it: when our end of the socket closes, because we are gone or because
/// this object is, the shell stops the server.
final class SupervisedServer: Sendable {
    let child: ChildProcess
    private let lifeline: Int32

    /// `$1` log file, `$2` folder to remove when the owner dies, the rest is the server's command.
    ///
    /// Each line on standard input names a signal for the server; the end of input means that the owner is gone. The server is
    /// a child that this shell has not waited for, so its process id cannot be another's when the signal is sent.
    static let script = """
        exec 3<&0 </dev/null
        log=$1; removed=$2; shift 2
        "$@" >>"$log" 2>&1 3<&- &
        server=$!
        (
            while read -r signal <&3; do kill -s "$signal" "$server" 2>/dev/null; done
            kill -s QUIT "$server" 2>/dev/null
            exit 0
        ) &
        watcher=$!
        exec 3<&-
        wait "$server"; status=$?
        kill "$watcher" 2>/dev/null
        wait "$watcher" && [ -n "$removed" ] && rm -rf -- "$removed"
        exit "$status"
        """

    init(command: [String], log: String, removing directory: String?, user: ServerUser?) throws(ServerError) {
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ServerError(
                code: "machine_limit", message: "no socket: \(reason())",
                hint: "Raise the limit of open files (ulimit -n).")
        }
        defer { close(ends[1]) }
        var full = ["/bin/sh", "-c", Self.script, "digitalbank-supervisor", log, directory ?? ""] + command
        if let user { full = try user.wrapping(full) }
        do {
            child = try ChildProcess.spawn(
                full, environment: ToolRun.defaultEnvironment, directory: "/",
                streams: .init(input: .descriptor(ends[1]), output: .null, error: .file(log, append: true)))
        } catch {
            close(ends[0])
            throw error
        }
        lifeline = ends[0]
    }

    deinit { close(lifeline) }

    func tell(_ mode: Cluster.StopMode) {
        let line = Array((mode == .fast ? "INT\n" : "QUIT\n").utf8)
        send(lifeline, line, line.count, Int32(MSG_NOSIGNAL))
    }
}
