import Foundation
import PostgresServer
import Synchronization

/// One connection that sends a request and waits for its answer.
final class LoadConnection {
    struct Answer {
        let status: Int
        let body: [UInt8]
    }

    let descriptor: Int32
    private var buffer: [UInt8] = []

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard connected == 0 else { throw BenchmarkError(description: "port \(port) takes no connection") }
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        var wait = timeval(tv_sec: 30, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { close(descriptor) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw BenchmarkError(description: "the server closed the connection") }
            sent += count
        }
    }

    /// More of what the server says, behind what was not taken yet.
    func fill() throws {
        var piece = [UInt8](repeating: 0, count: 32_768)
        let count = recv(descriptor, &piece, piece.count, 0)
        guard count > 0 else { throw BenchmarkError(description: "the server said nothing more") }
        buffer += piece[..<count]
    }

    /// What was read and not taken, for `body` to take from.
    func take<Value>(_ body: (inout [UInt8]) -> Value) -> Value { body(&buffer) }

    func exchange(_ request: [UInt8]) throws -> Answer {
        try send(request)
        let mark = Array("\r\n\r\n".utf8)
        var end = buffer.firstRange(of: mark)
        while end == nil {
            try fill()
            end = buffer.firstRange(of: mark)
        }
        let start = end?.upperBound ?? 0
        let head = String(decoding: buffer[..<start], as: UTF8.self)
        let status = Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0
        let line = head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
        let length = line.flatMap { Int($0.dropFirst(15).filter { $0 != " " }) } ?? 0
        while buffer.count < start + length { try fill() }
        let body = Array(buffer[start..<(start + length)])
        buffer.removeFirst(start + length)
        return Answer(status: status, body: body)
    }
}

/// Latencies from the moment a request was due, whether or not the one before had been answered in time.
struct OpenLoop: Sendable {
    var rate = 0.0
    var p50 = 0.0
    var p99 = 0.0
    var p999 = 0.0
    var errors = 0

    /// Milliseconds. `make` builds the request of a worker.
    static func run(
        port: Int, rate: Double, seconds: Double, width: Int = 32,
        _ make: @escaping @Sendable (inout SystemRandomNumberGenerator) -> [UInt8]
    ) async throws -> OpenLoop {
        let samples = Samples()
        let start = ContinuousClock.now + .milliseconds(50)
        let pause = Duration.seconds(Double(width) / rate)
        let count = Int(seconds * rate / Double(width))
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<width {
                group.addTask {
                    await onThread {
                        var random = SystemRandomNumberGenerator()
                        var own: [Double] = []
                        var failed = 0
                        var connection = try? LoadConnection(port: port)
                        for number in 0..<count {
                            let due = start + pause * number + pause / width * worker
                            let left = due - ContinuousClock.now
                            if left > .zero { usleep(UInt32(left / .microseconds(1))) }
                            if (try? connection?.exchange(make(&random)).status).map({ $0 < 300 }) == true {
                                own.append((ContinuousClock.now - due) / .milliseconds(1))
                            } else {
                                failed += 1
                                connection = try? LoadConnection(port: port)
                            }
                        }
                        samples.add(own, errors: failed)
                    }
                }
            }
        }
        let (sorted, errors) = samples.sorted
        func quantile(_ share: Double) -> Double {
            sorted.isEmpty ? .infinity : sorted[min(sorted.count - 1, Int(share * Double(sorted.count)))]
        }
        return OpenLoop(
            rate: rate, p50: quantile(0.5), p99: quantile(0.99), p999: quantile(0.999), errors: errors)
    }
}

/// What several threads measured.
final class Samples: Sendable {
    private let state = Mutex<(times: [Double], errors: Int)>(([], 0))

    var sorted: (times: [Double], errors: Int) { state.withLock { ($0.times.sorted(), $0.errors) } }

    func add(_ times: [Double], errors: Int = 0) {
        state.withLock { state in
            state.times += times
            state.errors += errors
        }
    }
}

/// Runs what blocks on a thread of its own.
func onThread(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { done in
        // Ends with the body.
        Thread {
            body()
            done.resume()
        }.start()
    }
}

/// wrk, whose script draws one of the requests at random.
struct Wrk: Sendable {
    let script: String
    /// Stands in a request for a number that no other request has, always of the same length.
    static let counter = "@@COUNTER@@"

    init(_ context: Context, _ name: String, _ requests: [[UInt8]]) throws {
        // wrk adds what a script leaves out; ours are whole, so that both generators send the same bytes.
        let texts = requests.map { request in
            // By bytes: to Swift a line's end is one character.
            "\""
                + request.map {
                    $0 < 32 || $0 == 34 || $0 == 92 ? String(format: "\\%03d", $0) : String(UnicodeScalar($0))
                }
                .joined() + "\""
        }
        script = context.folder + "/\(name).lua"
        let text = """
            local all = {
            \(texts.joined(separator: ",\n"))
            }
            local count = 0
            function init(args) math.randomseed(os.time()); base = os.time() % 100000 end
            function request()
                count = count + 1
                local text = all[math.random(#all)]
                local from, to = string.find(text, "\(Self.counter)", 1, true)
                if not from then return text end
                return string.sub(text, 1, from - 1) .. string.format("%05d%06d", base, count) .. string.sub(text, to + 1)
            end
            """
        try FileManager.default.createDirectory(atPath: context.folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(filePath: script))
    }

    /// Requests per second; an answer that is none of 2xx is an error of the benchmark.
    func rate(port: Int, connections: Int, seconds: Int) async throws -> Double {
        let run = try await ToolRun.run(
            "/usr/bin/wrk",
            ["-t1", "-c\(connections)", "-d\(seconds)s", "-s", script, "http://127.0.0.1:\(port)"])
        let lines = run.outputText.split(separator: "\n")
        if ProcessInfo.processInfo.environment["BENCH_DEBUG"] != nil { say(run.outputText) }
        if let bad = lines.first(where: { $0.contains("Non-2xx") || $0.contains("Socket errors") }) {
            throw BenchmarkError(description: "wrk: \(bad)")
        }
        guard let line = lines.first(where: { $0.hasPrefix("Requests/sec:") }),
            let rate = line.split(separator: " ").last.flatMap({ Double($0) })
        else { throw BenchmarkError(description: "wrk said no rate: \(run.outputText)\(run.errorText)") }
        return rate
    }
}
