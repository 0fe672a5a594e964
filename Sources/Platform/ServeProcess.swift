internal import Foundation
internal import PostgresServer
internal import Recovery

/// The server that `up` leaves running: where it is reached, and how it is found again.
struct ServeProcess: Codable, Sendable {
    let process: Int32
    let url: String
    let admin: String?

    private static func file(_ data: DataDirectory) -> String { data.path + "/serve.json" }
    private static func log(_ data: DataDirectory) -> String { data.path + "/serve.log" }
    private static let waitMax: Duration = .seconds(20)

    /// The server of this data directory, if it is alive.
    static func running(_ data: DataDirectory) -> ServeProcess? {
        guard let bytes = FileManager.default.contents(atPath: file(data)),
            let found = try? JSONDecoder().decode(ServeProcess.self, from: bytes),
            DetachedProcess.isRunning(found.process, arguments: ["serve"])
        else { return nil }
        return found
    }

    /// Notes where this process serves.
    static func note(_ data: DataDirectory, url: String, admin: String?) throws {
        let found = ServeProcess(process: ProcessInfo.processInfo.processIdentifier, url: url, admin: admin)
        try JSONEncoder().encode(found).write(to: URL(filePath: file(data)), options: .atomic)
    }

    /// Starts a server of its own, or finds the one that runs. The usual port is left to others when it is taken.
    static func start(_ data: DataDirectory) async throws -> ServeProcess {
        if let found = running(data) { return found }
        try? FileManager.default.removeItem(atPath: file(data))
        let program = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        // A port that somebody else takes in between is left to them: the second attempt takes any that is free.
        for ports in [(isFree(8000) ? 8000 : 0, isFree(8001) ? 8001 : 0), (0, 0)] {
            if let found = try await attempt(program, ports, data) { return found }
        }
        throw RecoveryError(
            code: "serve_not_started", message: "the server did not begin to listen; its log is \(log(data))",
            hint: "Read the log, then start it with: digitalbank serve --data-dir \(data.path)",
            exitStatus: .environment)
    }

    /// Nil when it ended before it listened.
    private static func attempt(
        _ program: String, _ ports: (Int, Int), _ data: DataDirectory
    ) async throws -> ServeProcess? {
        let process = try DetachedProcess.start(
            [
                program, "serve", "--data-dir", data.path, "--port", "\(ports.0)", "--admin-port", "\(ports.1)",
                "--access-log", data.path + "/access.jsonl",
            ], log: log(data))
        let deadline = ContinuousClock.now + waitMax
        while ContinuousClock.now < deadline {
            if let found = running(data), found.process == process.identifier { return found }
            if process.hasEnded { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        return nil
    }

    /// Asks the server to end and waits for it; false when none ran.
    static func stop(_ data: DataDirectory) async throws -> Bool {
        guard let found = running(data) else { return false }
        DetachedProcess.stop(found.process)
        let deadline = ContinuousClock.now + waitMax
        while running(data) != nil, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(50)) }
        return true
    }

    /// A port that nobody has now.
    static func freePort() -> Int { bound(to: 0) ?? 0 }

    static func isFree(_ port: UInt16) -> Bool { bound(to: port) != nil }

    /// Binds and lets go: the port that it was, nil when it is another's.
    private static func bound(to port: UInt16) -> Int? {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { socket in
                guard bind(descriptor, socket, length) == 0, getsockname(descriptor, socket, &length) == 0 else {
                    return nil
                }
                return Int(UInt16(bigEndian: pointer.pointee.sin_port))
            }
        }
    }
}
