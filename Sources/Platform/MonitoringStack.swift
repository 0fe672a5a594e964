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
        var ports: [String: Int] = [:]
        for (name, usual) in Self.needed where !missing.contains(name) {
            ports[name] = ServeProcess.isFree(usual) ? Int(usual) : ServeProcess.freePort()
        }
        try files.write(ports: ports, server: server)
        if ports["prometheus-alertmanager"] != nil { try await Self.introduce(files, data) }
        let password = try files.password()
        if ports["prometheus-postgres-exporter"] != nil {
            try await cluster.withSuperuser { connection in
                try await connection.transaction { tx in
                    for statement in SupervisionStore.make(password: password) { try await tx.run(statement) }
                }
            }
        }
        var started: [(Program, DetachedProcess)] = []
        for (name, _) in Self.needed {
            guard let port = ports[name], let path = Tools.find(name) else { continue }
            var command = files.command(name, path, port: port, cluster)
            if let user { command = user.wrapping(command) }
            let process = try DetachedProcess.start(command, log: "\(folder)/\(name).log")
            started.append((Program(name: name, process: process.identifier, port: port), process))
        }
        // One that can not start ends at once; waiting for them to listen would hold up whoever wants the bank.
        try await Task.sleep(for: .milliseconds(300))
        programs = started.filter { !$0.1.hasEnded }.map(\.0)
        try JSONEncoder().encode(self).write(to: URL(filePath: Self.file(data)), options: .atomic)
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
