public import Postgres
public import PostgresServer
internal import Foundation
internal import Synchronization

/// The one cluster of this test process: started by the first test that needs it, gone with the process.
public enum TestCluster {
    private static let starting = Task { try await start() }
    private static let counter = Atomic<Int>(0)

    public static func shared() async throws -> Cluster { try await starting.value }

    /// A name that no other test of this process uses.
    public static func freshName(_ prefix: String = "test") -> String {
        "\(prefix)_\(counter.wrappingAdd(1, ordering: .relaxed).newValue)"
    }

    private static func start() async throws -> Cluster {
        var options = Cluster.Options(directory: temporaryPath("cluster"))
        options.isDurable = false
        options.isRemovedWithOwner = true
        options.settings = ["max_connections": "200"]
        let cluster = try await Cluster.create(options)
        try await cluster.start()
        return cluster
    }
}

/// A fresh empty database for `body`, dropped afterwards.
public func withTestDatabase<Value: Sendable>(
    _ body: @Sendable (Database) async throws -> Value
) async throws -> Value {
    let cluster = try await TestCluster.shared()
    let name = TestCluster.freshName()
    try await cluster.createDatabase(name)
    let database = Database(cluster.configuration(database: name))
    let result: Result<Value, any Error>
    do { result = .success(try await body(database)) } catch { result = .failure(error) }
    await database.close()
    try await cluster.dropDatabase(name)
    return try result.get()
}

/// An empty folder for `body`, removed afterwards.
public func withTemporaryDirectory<Value>(_ body: (String) async throws -> Value) async throws -> Value {
    let path = temporaryPath("folder")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(path)
}

/// A path below the temporary folder that nothing uses yet; short, so that sockets fit below it.
func temporaryPath(_ what: String) -> String {
    let number = UInt64.random(in: .min ... .max)
    return FileManager.default.temporaryDirectory.path + "/digitalbank-\(what)-" + String(number, radix: 36)
}
