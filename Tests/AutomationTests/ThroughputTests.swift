import Bank
import Diagnostics
import Evidence
import Foundation
import Migrations
import NIOCore
import NIOPosix
import Postgres
import PostgresServer
import TestSupport
import Testing
import Web

@testable import Automation

/// Figures, not verdicts: what is measured goes where `DIGITALBANK_FIGURES` says. Long rounds only.
@Suite(.enabled(if: isLongRun, "long rounds only"), .serialized) struct ThroughputTests {
    /// nginx, which answers 204 to everything.
    private func withNginx<Value>(_ body: (String) async throws -> Value) async throws -> Value {
        let program = "/usr/sbin/nginx"
        try #require(FileManager.default.isExecutableFile(atPath: program), "nginx-light is not installed")
        return try await withTemporaryDirectory { folder in
            let listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup).bind(
                host: "127.0.0.1", port: 0
            ).get()
            let port = try #require(listener.localAddress?.port)
            try await listener.close()
            let text = """
                daemon off; master_process off; pid \(folder)/pid; error_log \(folder)/error.log;
                events { worker_connections 1024; }
                http {
                    access_log off; keepalive_requests 1000000; client_body_temp_path \(folder)/b;
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
            // Without a master, nginx does not end by being asked.
            defer { kill(server.processIdentifier, SIGKILL) }
            try await Task.sleep(for: .milliseconds(500))
            return try await body("http://127.0.0.1:\(port)/hook")
        }
    }

    @Test("deliveries with history beside a bare client, in one run")
    func deliveries() async throws {
        try await withNginx { url in
            let count = 6_400
            try await Bench.with([thingScenario(steps: webhookStep)]) { bench in
                try await bench.destination(
                    "hook", "webhook", ["url": .string(url)], secret: try AutomationDesk.newSecret())
                var bare: [Double] = []
                var whole: [Double] = []
                for round in 0..<3 {
                    bare.append(try await rate(count) { try await self.bare(url, count) })
                    for start in stride(from: 0, to: count, by: 1_600) {
                        try await bench.database.run(
                            """
                            insert into public.things (id, kind)
                            select \(round * count) + g, 'k' || g % 500 from generate_series(\(start) + 1, \(start) + 1600) g
                            """)
                    }
                    whole.append(try await rate(count) { try await bench.engine.pass() })
                }
                #expect(
                    try await bench.count("select count(*) from automation.deliveries where status = 'sent'") == 3
                        * count)
                #expect(try await bench.count("select count(*) from automation.attempts") == 3 * count)
                let (b, w) = (bare.sorted()[1], whole.sorted()[1])
                try Figures.note(
                    "deliveries: \(Int(w)) a second from outbox to history, bare client \(Int(b)), ratio \(String(format: "%.2f", w / b)) (medians of 3 × \(count))"
                )
            }
        }
    }

    private func rate(_ count: Int, _ work: () async throws -> Void) async throws -> Double {
        let time = try await ContinuousClock().measure { try await work() }
        return Double(count) / (Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18)
    }

    private func bare(_ url: String, _ count: Int) async throws {
        let sender = try HTTPSender(
            resolver: Resolver(addressGuard: try AddressGuard(networks: ["127.0.0.0/8"])), timeMax: .seconds(20),
            trusted: nil)
        let address = try #require(HTTPAddress(url))
        let body = Array(
            #"{"type":"thing.made","timestamp":"2026-11-29T02:00:00.000Z","data":{"id":1,"kind":"k1"}}"#.utf8)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<64 {
                group.addTask {
                    for _ in 0..<(count / 64) {
                        _ = try await sender.post(
                            OutgoingCall(
                                address: address, headers: [(name: "content-type", value: "application/json")],
                                body: body))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    @Test("what the outbox costs a transfer, in the server's CPU")
    func overhead() async throws {
        let template = TestTemplate("automation_transfers") { database in
            let set = try BankMigrations.set()
            try await Migrator(database).apply([
                MigrationSet(owner: set.owner, migrations: Array(set.migrations.prefix(BankMigrations.beforeBulkLoad)))
            ])
            try await database.run("insert into clients (numero) select generate_series(1, 200)")
            try await database.run(
                "insert into comptes (id, client_id, type, solde_minor) select numero, id, 'courant', 100000000 from clients"
            )
            try await database.run("select setval('comptes_id_seq', 201)")
            try await Migrator(database).apply([set])
            try await database.run("select reprendre_les_soldes()")
            try await LedgerStore(database).openDay()
            try await Migrator(database).apply([EvidenceMigrations.set(), AutomationMigrations.set()])
        }
        try await withTestDatabase(template) { database in
            let count = 2_000
            let columns = ["id", "montant_minor", "compte_debit_id", "compte_credit_id", "statut"]
            let large: JSON = ["compare", ">=", ["column", "montant_minor"], ["value", 1_000_000]]
            // Not watched; watched for what does not happen; watched for each.
            let ways: [JSON?] = [nil, ["insert": [large]], ["insert": [["constant", true]]]]
            var costs: [[Double]] = [[], [], []]
            for round in 0..<6 {
                for (index, filter) in ways.enumerated() {
                    let store = IntakeStore(database: database)
                    if let filter {
                        _ = try await store.watch(
                            "public.virements", columns: columns, operations: ["insert"], filter: filter)
                    } else {
                        try await store.unwatch("public.virements")
                    }
                    let cost = try await cpu(of: count, in: database)
                    if round > 0 { costs[index].append(cost) }
                }
            }
            let medians = costs.map { $0.sorted()[$0.count / 2] }
            #expect(try await database.one("select count(*) from automation.outbox", as: Int.self) == 6 * count)
            try Figures.note(
                String(
                    format: "outbox: %.1f µs of the server's CPU for a transfer unwatched; watched for others %.1f µs "
                        + "(%+.1f %%), watched for all %.1f µs (%+.1f %%) (medians of 5 × \(count))",
                    medians[0], medians[1], (medians[1] / medians[0] - 1) * 100, medians[2],
                    (medians[2] / medians[0] - 1) * 100))
        }
    }

    /// Microseconds of the backend's CPU for one transfer, by the kernel's own count.
    private func cpu(of count: Int, in database: Database) async throws -> Double {
        try await database.withConnection { connection in
            let process = try await connection.one("select pg_backend_pid()", as: Int.self)
            let begin = try Self.ticks(process)
            for number in 0..<count {
                try await connection.run(
                    "select * from virer(\(Int64(number % 200 + 1)), \(Int64((number + 7) % 200 + 1)), 5, gen_random_uuid()::text)"
                )
            }
            return Double(try Self.ticks(process) - begin) * 10_000 / Double(count)
        }
    }

    private static func ticks(_ process: Int) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)
        let fields = (text.split(separator: ")").last ?? "").split(separator: " ")
        return (Int(fields[11]) ?? 0) + (Int(fields[12]) ?? 0)
    }
}
