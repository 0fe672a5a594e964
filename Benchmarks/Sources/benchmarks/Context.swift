import Bank
import Foundation
import Migrations
import Postgres
import PostgresServer

/// What benchmarks share: a durable throw-away cluster, its databases, how long to measure.
actor Context {
    nonisolated let seconds: Int
    nonisolated let rounds: Int
    nonisolated let folder: String
    nonisolated let clients = 8
    nonisolated let scale = 50
    nonisolated let accountCount: Int64
    /// Clients of the simulated bank whose dump is read and recovered; 25,400 make 5 million rows.
    nonisolated let clientCount: Int
    private var started: Task<Cluster, any Error>?
    private var prepared: [String: Task<Void, any Error>] = [:]

    init(seconds: Int, rounds: Int, accountCount: Int64, clientCount: Int, folder: String) {
        self.seconds = seconds
        self.rounds = rounds
        self.accountCount = accountCount
        self.clientCount = clientCount
        self.folder = folder
    }

    /// The cluster: fsync and synchronous_commit on, checksums on, the settings of a bank's own server. Checkpoints are
    /// put off, so that none falls into one side's slice.
    func cluster() async throws -> Cluster {
        if let started { return try await started.value }
        // Ends when the server is up; `stop` removes what it made.
        let task = Task {
            var options = Cluster.Options(directory: folder + "/bank")
            options.isRemovedWithOwner = true
            options.settings = [
                "synchronous_commit": "on", "fsync": "on", "full_page_writes": "on", "checkpoint_timeout": "1h",
                "max_wal_size": "24GB", "max_connections": "100",
            ]
            let cluster = try await Cluster.create(options)
            try await cluster.start()
            return cluster
        }
        started = task
        return try await task.value
    }

    func stop() async {
        if let started, let cluster = try? await started.value { try? await cluster.destroy() }
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// pgbench's own tables.
    func yardstick() async throws -> String {
        try await prepare("tpcb") { [self] in
            try await cluster().createDatabase("tpcb")
            _ = try await pgbench("tpcb", ["-i", "-q", "-s", String(scale)])
        }
        return "tpcb"
    }

    /// A bank with an open day, accounts with a taken-over balance, and a hot account.
    func bank() async throws -> String {
        try await prepare("bank") { [self] in
            let cluster = try await cluster()
            try await cluster.createDatabase("bank")
            let database = Database(cluster.configuration(database: "bank"))
            let set = try BankMigrations.set()
            let tables = MigrationSet(
                owner: set.owner, migrations: Array(set.migrations.prefix(BankMigrations.beforeBulkLoad)))
            try await Migrator(database).apply([tables])
            try await database.run("insert into clients (numero) select generate_series(1, \(accountCount / 5))")
            try await database.run(
                """
                insert into comptes (id, client_id, type, solde_minor)
                select (numero - 1) * 5 + n, id, 'courant', 100000000 from clients, generate_series(1, 5) n
                """)
            try await database.run("select setval('comptes_id_seq', \(accountCount + 1))")
            try await Migrator(database).apply([set])
            try await database.run("select reprendre_les_soldes()")
            try await LedgerStore(database).openDay()
            try await database.run("vacuum analyze")
            try await database.run("checkpoint")
            await database.close()
        }
        return "bank"
    }

    /// The intact dump of a simulated bank, with what stands beside it, and its number of rows.
    func dump() async throws -> (path: String, folder: String, rows: Int) {
        let simulation = folder + "/simulation"
        try await prepare("dump") { [self] in
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
            _ = try await digitalbank([
                "simulate", "--clients", String(clientCount), "--days", "90", "--no-attack", "--damage", "none",
                "--output", simulation,
            ])
        }
        let truth = try Data(contentsOf: URL(filePath: simulation + "/verite.json"))
        let object = try JSONSerialization.jsonObject(with: truth) as? [String: Any]
        let counts = object?["rows"] as? [String: Int] ?? [:]
        let rows = counts.values.reduce(0, +)
        guard rows > 0 else { throw BenchmarkError(description: "the simulation's truth counts no rows") }
        return (simulation + "/banque.dump", simulation, rows)
    }

    nonisolated var program: String { FileManager.default.currentDirectoryPath + "/../.build/release/digitalbank" }

    /// Runs the product's own program, as it is shipped.
    nonisolated func digitalbank(_ arguments: [String]) async throws -> String {
        let path = program
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw BenchmarkError(description: "\(path) is missing: run make release first")
        }
        let run = try await ToolRun.run(path, arguments)
        guard run.status == 0 else {
            throw BenchmarkError(description: "digitalbank \(arguments.first ?? "") failed: \(run.errorText)")
        }
        return run.outputText
    }

    func prepare(_ name: String, _ body: @escaping @Sendable () async throws -> Void) async throws {
        if let task = prepared[name] { return try await task.value }
        say("preparing \(name)")
        // Ends with its work; whoever needs it waits.
        let task = Task { try await body() }
        prepared[name] = task
        try await task.value
    }

    /// Runs pgbench against `database` and returns what it wrote.
    func pgbench(_ database: String, _ arguments: [String]) async throws -> String {
        let cluster = try await cluster()
        let run = try await ToolRun.run(
            cluster.binaries.path(of: "pgbench"), arguments + [database],
            environment: [
                "PGHOST": cluster.socketDirectory, "PGPORT": "5432", "PGUSER": cluster.options.superuser,
                "PGPASSWORD": cluster.superuserPassword,
            ])
        guard run.status == 0 else { throw BenchmarkError(description: "pgbench failed: \(run.errorText)") }
        return run.outputText
    }

    /// Transactions per second of one pgbench slice.
    func pgbenchRate(_ database: String, _ arguments: [String], seconds: Int? = nil) async throws -> Double {
        let text = try await pgbench(
            database,
            arguments + ["-n", "-c", String(clients), "-M", "prepared", "-T", String(seconds ?? self.seconds)])
        let line = text.split(separator: "\n").first { $0.hasPrefix("tps = ") }
        guard let rate = line?.split(separator: " ").dropFirst(2).first.flatMap({ Double($0) }) else {
            throw BenchmarkError(description: "pgbench said no tps: \(text)")
        }
        return rate
    }

    /// Writes a pgbench script and returns its path.
    nonisolated func script(_ name: String, _ text: String) throws -> String {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = folder + "/" + name + ".sql"
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    /// A pool with as many connections as pgbench has clients.
    func database(_ name: String) async throws -> Database {
        var configuration = try await cluster().configuration(database: name)
        configuration.limits.connectionsMax = clients
        return Database(configuration)
    }

    /// How often `body` returns in one slice, per second, with `width` callers.
    nonisolated func rate(
        width: Int, seconds: Int? = nil, _ body: @escaping @Sendable (Int) async throws -> Void
    ) async throws -> Double {
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + .seconds(seconds ?? self.seconds)
        let count = try await withThrowingTaskGroup(of: Int.self) { group in
            for worker in 0..<width {
                group.addTask {
                    var count = 0
                    while clock.now < end {
                        try await body(worker)
                        count += 1
                    }
                    return count
                }
            }
            return try await group.reduce(0, +)
        }
        let elapsed = (clock.now - start).components
        return Double(count) / (Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18)
    }

    /// Measures the sides in turns, `rounds` times, after a slice of each that does not count: pages are written whole
    /// after a checkpoint, and caches are cold. The first side is the yardstick.
    nonisolated func alternate(_ sides: [Side], warmsUp: Bool = true) async throws -> [Row] {
        if warmsUp { for side in sides { _ = try await side.measure() } }
        var values = [[Double]](repeating: [], count: sides.count)
        for round in 1...rounds {
            for (index, side) in sides.enumerated() { values[index].append(try await side.measure()) }
            say("round \(round): " + values.map { String(format: "%.1f", $0.last ?? 0) }.joined(separator: " "))
        }
        return sides.indices.map { index in
            Row(
                what: sides[index].what, values: values[index], unit: sides[index].unit,
                ratios: index == 0 ? [] : zip(values[index], values[0]).map { $0 / max($1, 0.001) },
                bar: sides[index].bar)
        }
    }
}

/// One of the things that are compared.
struct Side: Sendable {
    let what: String
    var unit = "/s"
    var bar: Row.Bar?
    let measure: @Sendable () async throws -> Double
}

/// Progress, for whoever waits.
func say(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}
