internal import CSpawn
internal import Foundation
internal import Glibc
internal import Synchronization

/// The pipes and the process of one run.
final class ToolSession: Sendable {
    private let child: ChildProcess
    private let isCancelled = Atomic<Bool>(false)
    private let output: Int32?
    private let error: Int32

    init(
        command: [String], environment: [String: String], directory: String?, inputFile: String?, outputFile: String?
    ) throws(ServerError) {
        let (errorRead, errorWrite) = try Self.pipe()
        var streams = ChildProcess.Streams()
        streams.error = .descriptor(errorWrite)
        if let inputFile { streams.input = .file(inputFile, append: false) }
        var outputEnds: (read: Int32, write: Int32)?
        if let outputFile {
            streams.output = .file(outputFile, append: false)
        } else {
            let ends = try Self.pipe()
            outputEnds = ends
            streams.output = .descriptor(ends.1)
        }
        defer {
            close(errorWrite)
            if let outputEnds { close(outputEnds.write) }
        }
        do {
            child = try ChildProcess.spawn(
                command, environment: environment, directory: directory, streams: streams)
        } catch {
            close(errorRead)
            if let outputEnds { close(outputEnds.read) }
            throw error
        }
        output = outputEnds?.read
        error = errorRead
    }

    /// Makes `collect`, on whatever thread it runs, stop the program.
    func cancel() { isCancelled.store(true, ordering: .relaxed) }

    /// Reads both streams until the program ends; stops it when the time is over: SIGTERM, five seconds later SIGKILL.
    func collect(timeMax: Duration) throws(ServerError) -> ToolRun {
        defer {
            close(error)
            if let output { close(output) }
        }
        let deadline = ContinuousClock.now + timeMax
        var stoppedAt: ContinuousClock.Instant?
        var texts: [[UInt8]] = [[], []]
        var open: [Int32] = [output ?? -1, error]
        while true {
            let status = child.statusIfEnded()
            var polled = open.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            poll(&polled, nfds_t(polled.count), status == nil ? 20 : 0)
            var gotBytes = false
            for (index, entry) in polled.enumerated() where entry.revents != 0 {
                gotBytes = Self.read(entry.fd, into: &texts[index], stillOpen: &open[index]) || gotBytes
            }
            if let status, !gotBytes {
                if stoppedAt != nil, !isCancelled.load(ordering: .relaxed) { throw timeOver(timeMax) }
                return ToolRun(status: status, output: texts[0], errorOutput: texts[1])
            }
            let now = ContinuousClock.now
            if let since = stoppedAt {
                if now > since + .seconds(5) { child.signal(SIGKILL) }
            } else if now > deadline || isCancelled.load(ordering: .relaxed) {
                stoppedAt = now
                child.signal(SIGTERM)
            }
        }
    }

    private func timeOver(_ timeMax: Duration) -> ServerError {
        ServerError(
            code: "program_too_slow", message: "a program was stopped after \(timeMax)",
            hint: "Give it more time, or look at what it waits for.")
    }

    private static func read(_ descriptor: Int32, into text: inout [UInt8], stillOpen: inout Int32) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        let count = Glibc.read(descriptor, &buffer, buffer.count)
        if count > 0 {
            text += buffer[..<min(count, ToolRun.outputBytesMax - text.count)]
            return true
        }
        if count == 0 || errno != EINTR { stillOpen = -1 }
        return false
    }

    private static func pipe() throws(ServerError) -> (Int32, Int32) {
        var ends: [Int32] = [0, 0]
        guard pipe2(&ends, O_CLOEXEC) == 0 else {
            throw ServerError(
                code: "machine_limit", message: "no pipe: \(reason())",
                hint: "Raise the limit of open files (ulimit -n).")
        }
        return (ends[0], ends[1])
    }
}
