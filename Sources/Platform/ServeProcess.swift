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
    /// Longer than a server takes to finish requests (`GatewaySettings.shutdownTimeMax`).
    private static let stopMax: Duration = .seconds(45)

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
            if process.hasEnded { return nil }
            try await Task.sleep(for: .milliseconds(50))
        }
        // One that is late would listen beside the next attempt's, and nobody would know of it.
        DetachedProcess.stop(process.identifier)
        for _ in 0..<200 where !process.hasEnded { try await Task.sleep(for: .milliseconds(50)) }
        if !process.hasEnded { kill(process.identifier, SIGKILL) }
        return nil
    }

    /// Asks the server that was noted to end, and waits as long as it may finish what is under way.
    static func stop(_ data: DataDirectory) async throws {
        guard let found = running(data) else { return }
        DetachedProcess.stop(found.process)
        let deadline = ContinuousClock.now + stopMax
        while running(data) != nil, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(50)) }
    }

    /// Servers of this data directory's own bank that run now, whoever started them, as far as this user sees them.
    static func all(_ data: DataDirectory) -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return names.compactMap { Int32($0) }.filter { isServer($0, of: data) }.sorted()
    }

    private static func isServer(_ process: Int32, of data: DataDirectory) -> Bool {
        guard let bytes = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else { return false }
        let words = bytes.split(separator: 0, omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        guard let program = words.first, URL(filePath: program).lastPathComponent == "digitalbank",
            words.contains("serve"), !words.contains(where: { $0 == "--database" || $0.hasPrefix("--database=") })
        else { return false }
        let named =
            words.firstIndex(of: "--data-dir").flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
            ?? words.first { $0.hasPrefix("--data-dir=") }.map { String($0.dropFirst(11)) } ?? "var"
        let folder = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/cwd")) ?? "/"
        return same(named.hasPrefix("/") ? named : folder + "/" + named, data.path)
    }

    /// However it is written.
    private static func same(_ one: String, _ other: String) -> Bool {
        var (a, b) = (stat(), stat())
        guard stat(one, &a) == 0, stat(other, &b) == 0 else { return one == other }
        return a.st_dev == b.st_dev && a.st_ino == b.st_ino
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
