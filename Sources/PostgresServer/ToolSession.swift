internal import CSpawn
internal import Foundation
internal import Glibc

/// The pipes and the process of one run.
struct ToolSession: Sendable {
    let child: ChildProcess
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

    /// Reads both streams until the program ends; kills it when the time is over.
    func collect(timeMax: Duration) throws(ServerError) -> ToolRun {
        defer {
            close(error)
            if let output { close(output) }
        }
        let clock = ContinuousClock()
        let deadline = clock.now + timeMax
        var texts: [[UInt8]] = [[], []]
        var open: [Int32] = [output ?? -1, error]
        var isStopped = false
        while true {
            let status = child.statusIfEnded()
            var polled = open.map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            poll(&polled, nfds_t(polled.count), status == nil ? 20 : 0)
            var gotBytes = false
            for (index, entry) in polled.enumerated() where entry.revents != 0 {
                gotBytes = Self.read(entry.fd, into: &texts[index], stillOpen: &open[index]) || gotBytes
            }
            if let status, !gotBytes {
                if isStopped { throw timeOver(timeMax) }
                return ToolRun(status: status, output: texts[0], errorOutput: texts[1])
            }
            if clock.now > deadline + .seconds(5) {
                child.signal(SIGKILL)
            } else if clock.now > deadline, !isStopped {
                isStopped = true
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
