public import Postgres
public import PostgresServer
internal import Synchronization

/// The one cluster of this test process: started by the first test that needs it, gone with the process even when that is
/// killed, private and never flushed to disk.
public enum TestCluster {
    public static func shared() async throws -> Cluster { try await starting.value.cluster }

    /// A name that no other test of this process uses.
    public static func freshName(_ prefix: String = "test") -> String {
        "\(prefix)_\(counter.wrappingAdd(1, ordering: .relaxed).newValue)"
    }

    /// How `owner` reaches `database`.
    public static func configuration(
        database: String, as owner: TestOwner = .superuser
    ) async throws -> DatabaseConfiguration {
        let (cluster, ownerPassword) = try await starting.value
        return switch owner {
        case .superuser: cluster.configuration(database: database)
        case .plain: cluster.configuration(database: database, user: TestOwner.plainName, password: ownerPassword)
        }
    }

    /// Runs a statement on the whole cluster as its superuser: roles, settings.
    @discardableResult
    public static func runAsSuperuser(_ statement: Statement) async throws -> QueryResult {
        try await shared().withSuperuser { try await $0.run(statement) }
    }

    /// The database of `template`, prepared by whoever asks first.
    static func prepared(_ template: TestTemplate) async throws -> String {
        let task = templates.withLock { known in
            if let task = known[template.name] { return task }
            // Ends with its work; every test that needs the template waits for it.
            let task = Task { try await prepare(template) }
            known[template.name] = task
            return task
        }
        return try await task.value
    }

    // Ends once the cluster is up or has failed to start.
    private static let starting = Task { try await start() }
    private static let counter = Atomic<Int>(0)
    private static let templates = Mutex<[String: Task<String, any Error>]>([:])

    private static func start() async throws -> (cluster: Cluster, ownerPassword: String) {
        var options = Cluster.Options(directory: temporaryPath("cluster"))
        options.isDurable = false
        options.isRemovedWithOwner = true
        // Small buffers: each clone of a database looks through all of them.
        options.settings = [
            "max_connections": "1000", "shared_buffers": "128MB", "log_min_messages": "log",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            // Logical slots: what commits is flushed soon, so that a test does not wait for it.
            "wal_level": "logical", "max_replication_slots": "64", "max_wal_senders": "64", "wal_writer_delay": "10ms",
        ]
        let cluster = try await Cluster.create(options)
        try await cluster.start()
        let password = "plain-\(UInt64.random(in: .min ... .max))"
        try await cluster.withSuperuser { connection in
            let words = "login createrole password \(Statement.literal(password))"
            try await connection.run(
                "create role \(identifier: TestOwner.plainName) \(fragment: Statement(unchecked: words))")
        }
        return (cluster, password)
    }

    private static func prepare(_ template: TestTemplate) async throws -> String {
        let cluster = try await shared()
        let name = "template_" + template.name
        try await cluster.createDatabase(name, owner: template.owner.roleName)
        let database = Database(try await configuration(database: name, as: template.owner))
        do {
            try await template.prepare(database)
        } catch {
            await database.close()
            throw error
        }
        await database.close()
        // A database is copied only while nobody is connected to it; a closed session takes a moment to end.
        try await cluster.withSuperuser { connection in
            try await connection.run(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = \(name)")
        }
        return name
    }
}

/// Who owns a test's database and connects to it.
public enum TestOwner: Sendable {
    case superuser
    /// Not a superuser, with CREATEROLE: what managed PostgreSQL gives its customer.
    case plain

    public static let plainName = "test_owner"

    var roleName: String? {
        switch self {
        case .superuser: nil
        case .plain: Self.plainName
        }
    }
}

/// A database that tests get copies of: prepared once per test process, by the first test that asks.
///
/// Declare one beside the tests that need it:
/// `let bank = TestTemplate("bank") { database in try await Migrator(database).apply([BankMigrations.set()]) }`
public struct TestTemplate: Sendable {
    let name: String
    let owner: TestOwner
    let prepare: @Sendable (Database) async throws -> Void

    /// `name` is unique among the templates of a test process.
    public init(
        _ name: String, owner: TestOwner = .superuser, prepare: @escaping @Sendable (Database) async throws -> Void
    ) {
        self.name = name
        self.owner = owner
        self.prepare = prepare
    }
}
