internal import Foundation
internal import Glibc
internal import Synchronization

/// A server and the small shell that watches over it: when our end of the socket closes, because we are gone or because
/// this object is, the shell stops the server.
final class SupervisedServer: Sendable {
    let child: ChildProcess
    private let lifeline: Int32

    /// `$1` is the folder to remove when the owner dies, the rest the server's command.
    ///
    /// Each line on standard input names a signal for the server; the end of input means that the owner is gone. The server is
    /// a child that this shell has not waited for, so its process id cannot be another's when the signal is sent. The signal is
    /// repeated because a server that has just begun ignores it. The watcher ends with 0 only when the owner was gone.
    private static let watch = """
        exec 3<&0 </dev/null
        removed=$1; shift
        "$@" 3<&- &
        server=$!
        (
            while read -r signal <&3; do kill -s "$signal" "$server" 2>/dev/null; done
            trap 'exit 0' TERM
            tries=0
            while kill -s QUIT "$server" 2>/dev/null; do
                tries=$((tries + 1)); [ "$tries" -lt 100 ] || kill -s KILL "$server"
                sleep 0.1
            done
            exit 0
        ) &
        watcher=$!
        exec 3<&-
        wait "$server"; status=$?
        kill "$watcher" 2>/dev/null
        wait "$watcher" && [ -n "$removed" ] && rm -rf -- "$removed"
        exit "$status"
        """

    /// Runs as the server's user: what it says goes to a log that we, perhaps root, never open for writing.
    private static let serve = #"log=$1; shift; exec "$@" >>"$log" 2>&1"#

    init(
        command: [String], log: String, memoryBytesMax: Int64?, removing directory: String?, user: ServerUser?
    ) throws(ServerError) {
        var ends: [Int32] = [0, 0]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
            throw ServerError(
                code: "machine_limit", message: "no socket: \(reason())",
                hint: "Raise the limit of open files (ulimit -n).")
        }
        defer { close(ends[1]) }
        var server = ["/bin/sh", "-c", Self.serve, "digitalbank-server", log]
        if let memoryBytesMax { server += ["/usr/bin/prlimit", "--as=\(memoryBytesMax)", "--"] }
        server += command
        if let user { server = try user.wrapping(server) }
        do {
            child = try ChildProcess.spawn(
                ["/bin/sh", "-c", Self.watch, "digitalbank-supervisor", directory ?? ""] + server,
                environment: ToolRun.defaultEnvironment, directory: "/",
                streams: .init(input: .descriptor(ends[1]), output: .null, error: .null))
        } catch {
            close(ends[0])
            throw error
        }
        lifeline = ends[0]
    }

    deinit {
        close(lifeline)
        // Reaps the shell, which ends by itself; nobody waits for this thread.
        let child = child
        Thread.detachNewThread { child.wait() }
    }

    func tell(_ mode: Cluster.StopMode) {
        let line = Array((mode == .fast ? "INT\n" : "QUIT\n").utf8)
        send(lifeline, line, line.count, Int32(MSG_NOSIGNAL))
    }
}
