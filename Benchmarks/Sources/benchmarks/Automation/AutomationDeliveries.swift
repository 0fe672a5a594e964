import Automation
import Bank
import Evidence
import Foundation
import Migrations
import Postgres
import PostgresServer
import Synchronization
import Web

/// Webhooks from the outbox to the history, beside a client that only posts.
struct AutomationDeliveries: Benchmark {
    let name = "automation-deliveries"
    let title = "Deliveries of automations"
    let explanation = """
        Each delivery is planned from an event of the outbox, leased, signed, posted to nginx on loopback (204 to
        everything), and written down with its attempt; commits are flushed. 500 lanes, in each the order is kept. The bare
        client posts the same body over 64 connections that are kept, one thread each, and knows nothing of databases.
        """
    private static let count = 6_400
    /// The rate that the design asks for.
    private static let least = 2_000.0

    func rounds(_ context: Context) -> String { "\(context.rounds) rounds of \(Self.count) posts" }

    func run(_ context: Context) async throws -> [Row] {
        let database = try await prepare(context)
        let nginx = try SilentNginx(folder: context.folder + "/nginx")
        defer { nginx.stop() }
        try await nginx.wait()
        let scenarios = context.folder + "/scenarios"
        try FileManager.default.createDirectory(atPath: scenarios, withIntermediateDirectories: true)
        try Data(Self.scenario.utf8).write(to: URL(filePath: scenarios + "/things.yml"))
        let secrets = SecretBox(seal: { value, _ in value }, open: { value, _ in value })
        var settings = AutomationSettings()
        settings.networks = ["127.0.0.0/8"]
        let library = ScenarioLibrary(folders: [scenarios])
        let engine = try AutomationEngine(
            database: database, library: library, settings: settings, secrets: secrets)
        try await engine.prepare()
        let desk = AutomationDesk(database: database, library: library, settings: settings, secrets: secrets)
        try await desk.keepDestination(
            [
                "name": "hook", "kind": "webhook", "settings": ["url": .string(nginx.address)],
                "secret": .string(try AutomationDesk.newSecret()),
            ], author: "bench")
        let first = Mutex(0)
        let sides = [
            Side(what: "a bare client, 64 connections") { try await Self.rate { try await Self.bare(nginx.port) } },
            Side(what: "from the outbox to the history, one courier") {
                try await Self.events(first, database)
                return try await Self.rate { try await engine.pass() }
            },
        ]
        var rows = try await context.alternate(sides)
        for index in rows.indices.dropFirst() where (rows[index].values.median ?? 0) < Self.least {
            rows[index].failure = "under \(Int(Self.least)) a second"
        }
        let sent = try await database.one(
            """
            select count(*) from automation.deliveries d join automation.attempts a on a.delivery_id = d.id
            where d.status = 'sent'
            """, as: Int.self)
        guard sent == first.withLock({ $0 }) else { throw BenchmarkError(description: "\(sent) attempts were written") }
        await database.close()
        return rows
    }

    private static let scenario = """
        name: things
        title: {fr: Choses, en: Things}
        trigger:
          table: public.things
          "on": [insert]
          key: kind
          fields: {id: integer, kind: text, at: time}
        steps:
          - name: hook
            do: webhook
            to: hook
            with:
              type: thing.made
              data: {id: "{{ event.id }}", kind: "{{ event.kind }}"}
        """

    private func prepare(_ context: Context) async throws -> Database {
        try await context.prepare("automation") {
            try await context.cluster().createDatabase("automation")
            let database = try await context.database("automation")
            try await Migrator(database).apply([
                try BankMigrations.set(), try EvidenceMigrations.set(), try AutomationMigrations.set(),
            ])
            try await database.run(
                "create table public.things (id bigint primary key, kind text, at timestamptz default now())")
            await database.close()
        }
        return try await context.database("automation")
    }

    /// Writes events as a busy bank does: in transactions of 100.
    private static func events(_ first: borrowing Mutex<Int>, _ database: Database) async throws {
        for _ in 0..<(count / 100) {
            let start = first.withLock { value in
                value += 100
                return value - 100
            }
            try await database.run(
                """
                insert into public.things (id, kind)
                select \(Int64(start)) + g, 'k' || g % 500 from generate_series(1, 100) g
                """)
        }
    }

    private static func rate(_ work: () async throws -> Void) async throws -> Double {
        let time = try await ContinuousClock().measure { try await work() }.components
        return Double(count) / (Double(time.seconds) + Double(time.attoseconds) / 1e18)
    }

    private static func bare(_ port: Int) async throws {
        let body = #"{"type":"thing.made","timestamp":"2026-11-29T02:00:00.000Z","data":{"id":1,"kind":"k1"}}"#
        let request = Array(
            """
            POST /hook HTTP/1.1\r
            Host: 127.0.0.1:\(port)\r
            Content-Type: application/json\r
            Content-Length: \(body.utf8.count)\r
            \r
            \(body)
            """.utf8)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
                        Thread.detachNewThread {
                            done.resume(
                                with: Result {
                                    let connection = try LoadConnection(port: port)
                                    for _ in 0..<(count / 64) where try connection.exchange(request).status != 204 {
                                        throw BenchmarkError(description: "nginx did not answer 204")
                                    }
                                })
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

/// nginx, which answers 204 to everything and writes nothing down.
private final class SilentNginx: Sendable {
    let port: Int
    private let process: Int32

    var address: String { "http://127.0.0.1:\(port)/hook" }

    init(folder: String) throws {
        let program = "/usr/sbin/nginx"
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw BenchmarkError(description: "\(program) is missing: apt-get install nginx-light")
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let port = try ApiBank.freePort()
        let text = """
            daemon off; master_process off; pid \(folder)/pid; error_log \(folder)/error.log;
            events { worker_connections 1024; }
            http {
                access_log off; keepalive_requests 10000000; client_body_temp_path \(folder)/b;
                proxy_temp_path \(folder)/p; fastcgi_temp_path \(folder)/f; uwsgi_temp_path \(folder)/u;
                scgi_temp_path \(folder)/s;
                server { listen 127.0.0.1:\(port) backlog=1024; location / { return 204; } }
            }
            """
        try Data(text.utf8).write(to: URL(filePath: folder + "/nginx.conf"))
        let server = Process()
        server.executableURL = URL(filePath: program)
        server.standardOutput = FileHandle.nullDevice
        server.standardError = FileHandle.nullDevice
        server.arguments = ["-c", folder + "/nginx.conf", "-p", folder]
        try server.run()
        self.port = port
        process = server.processIdentifier
    }

    func wait() async throws {
        for _ in 0..<100 {
            if (try? LoadConnection(port: port)) != nil { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw BenchmarkError(description: "nginx does not listen on port \(port)")
    }

    /// Without a master, nginx does not end by being asked.
    func stop() { kill(process, SIGKILL) }
}
