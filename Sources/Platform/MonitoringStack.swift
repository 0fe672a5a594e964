internal import Automation
internal import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer

/// Prometheus, Alertmanager and the exporters beside the bank: started with it, found again, stopped with it.
struct MonitoringStack: Codable, Sendable {
    struct Program: Codable, Sendable {
        let name: String
        let process: Int32
        let port: Int

        var isRunning: Bool {
            DetachedProcess.isRunning(process, arguments: ["--web.listen-address=127.0.0.1:\(port)"])
        }
    }

    /// Name, usual port, Debian package; the name is the program's too.
    static let needed: [(name: String, port: UInt16)] = [
        ("prometheus", 9090), ("prometheus-alertmanager", 9093), ("prometheus-node-exporter", 9100),
        ("prometheus-postgres-exporter", 9187),
    ]

    private(set) var programs: [Program] = []
    /// The server that is watched: with another one Prometheus is started anew.
    var admin = ""

    private static func folder(_ data: DataDirectory) -> String { data.path + "/monitoring" }
    private static func file(_ data: DataDirectory) -> String { folder(data) + "/stack.json" }
    private static let waitMax: Duration = .seconds(15)

    static func running(_ data: DataDirectory) -> MonitoringStack? {
        guard let bytes = FileManager.default.contents(atPath: file(data)),
            var found = try? JSONDecoder().decode(MonitoringStack.self, from: bytes)
        else { return nil }
        found.programs = found.programs.filter(\.isRunning)
        return found.programs.isEmpty ? nil : found
    }

    func url(_ name: String) -> String? {
        programs.first { $0.name == name }.map { "http://127.0.0.1:\($0.port)" }
    }

    /// Starts what does not run yet and says what was done. Whatever is missing is said, and keeps nothing else from
    /// starting.
    static func start(_ data: DataDirectory, _ cluster: Cluster, _ server: ServeProcess) async throws -> [String] {
        let missing = needed.map(\.name).filter { Tools.find($0) == nil }
        guard !missing.contains("prometheus") else {
            return [
                "monitoring   not started: install it with: apt-get install --no-install-recommends "
                    + missing.joined(separator: " ")
            ]
        }
        let admin = server.admin ?? ""
        let before = running(data)
        let isAsWanted = before?.admin == admin && before?.programs.count == needed.count - missing.count
        var stack = before ?? MonitoringStack()
        if !isAsWanted {
            try await stop(data)
            stack = MonitoringStack()
            stack.admin = admin
            try await stack.startAll(data, cluster, server, without: missing)
        }
        var lines =
            stack.url("prometheus").map { ["Prometheus   \($0)"] } ?? [
                "monitoring   Prometheus ended at once: \(folder(data))/prometheus.log"
            ]
        if !missing.isEmpty { lines.append("monitoring   without \(missing.joined(separator: ", ")): not installed") }
        return lines
    }

    private mutating func startAll(
        _ data: DataDirectory, _ cluster: Cluster, _ server: ServeProcess, without missing: [String]
    ) async throws {
        let folder = Self.folder(data)
        let user = UnprivilegedCommand.current()
        let files = MonitoringFiles(folder: folder, user: user)
        try files.prepare()
        if !missing.contains("prometheus-alertmanager") { try await Self.introduce(files, data) }
        if !missing.contains("prometheus-postgres-exporter") {
            let password = try files.password()
            try await cluster.withSuperuser { connection in
                try await connection.transaction { tx in
                    for statement in SupervisionStore.make(password: password) { try await tx.run(statement) }
                }
            }
        }
        var taken: Set<Int> = []
        for attempt in 0..<Self.attemptsMax {
            let ports = Self.ports(without: missing, taken: taken)
            try files.write(ports: ports, server: server)
            let started = try Self.launch(files, ports, cluster, user)
            let listening = await Self.listening(started)
            programs = listening.map(\.0)
            let lost = started.filter { one in !listening.contains { $0.0.name == one.0.name } }
            // One that ended lost its port to another process, as far as can be told: all know each other's ports, so all
            // are started anew. What ends for another reason ends each time, and the rest stays.
            if lost.isEmpty || attempt == Self.attemptsMax - 1 { break }
            taken.formUnion(lost.map(\.0.port))
            for (program, _) in listening { DetachedProcess.stop(program.process) }
            let deadline = ContinuousClock.now + Self.waitMax
            while listening.contains(where: { !$0.1.hasEnded }), ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        try JSONEncoder().encode(self).write(to: URL(filePath: Self.file(data)), options: .atomic)
    }

    private static let attemptsMax = 3

    /// The usual ports where they are free, others that are free and not each other's.
    static func ports(without missing: [String], taken: Set<Int>) -> [String: Int] {
        var ports: [String: Int] = [:]
        for (name, usual) in needed where !missing.contains(name) {
            var port = Int(usual)
            while taken.contains(port) || ports.values.contains(port) || !ServeProcess.isFree(UInt16(clamping: port)) {
                port = ServeProcess.freePort()
                // None can be had: the program says so itself.
                if port == 0 { break }
            }
            ports[name] = port
        }
        return ports
    }

    private static func launch(
        _ files: MonitoringFiles, _ ports: [String: Int], _ cluster: Cluster, _ user: UnprivilegedCommand?
    ) throws -> [(Program, DetachedProcess)] {
        try needed.compactMap { name, _ in
            guard let port = ports[name], let path = Tools.find(name) else { return nil }
            var command = files.command(name, path, port: port, cluster)
            if let user { command = user.wrapping(command) }
            let process = try DetachedProcess.start(command, log: "\(files.folder)/\(name).log")
            return (Program(name: name, process: process.identifier, port: port), process)
        }
    }

    /// Those that still run once each listens or has ended; one that takes very long counts as running.
    private static func listening(_ started: [(Program, DetachedProcess)]) async -> [(Program, DetachedProcess)] {
        let deadline = ContinuousClock.now + .seconds(5)
        while ContinuousClock.now < deadline {
            let waiting = started.contains { program, process in
                !process.hasEnded && ServeProcess.isFree(UInt16(clamping: program.port))
            }
            if !waiting { break }
            try? await Task.sleep(for: .milliseconds(20))
        }
        // Whoever found its port taken has ended by now, or does so at once.
        try? await Task.sleep(for: .milliseconds(100))
        return started.filter { !$0.1.hasEnded }
    }

    /// Tells the bank the token by which it knows its Alertmanager.
    private static func introduce(_ files: MonitoringFiles, _ data: DataDirectory) async throws {
        let token = try files.hookToken()
        try await BankDatabase.with(data) { database in
            let desk = try await AutomationPart.open(database, data: data).desk
            for hook in MonitoringFiles.hooks {
                try await desk.keepHookSecret(hook, secret: token, author: "up --monitoring")
            }
        }
    }

    static func stop(_ data: DataDirectory) async throws {
        guard let found = running(data) else { return }
        for program in found.programs { DetachedProcess.stop(program.process) }
        let deadline = ContinuousClock.now + waitMax
        while running(data) != nil, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(50)) }
        try? FileManager.default.removeItem(atPath: file(data))
    }
}
