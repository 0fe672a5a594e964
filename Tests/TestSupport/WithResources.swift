internal import Foundation
public import Postgres
internal import PostgresServer

/// A fresh empty database for `body`, dropped afterwards.
public func withTestDatabase<Value: Sendable>(
    owner: TestOwner = .superuser, _ body: @Sendable (Database) async throws -> Value
) async throws -> Value {
    try await withDatabase(template: nil, owner: owner, body)
}

/// A copy of `template`'s database for `body`, dropped afterwards.
public func withTestDatabase<Value: Sendable>(
    _ template: TestTemplate, _ body: @Sendable (Database) async throws -> Value
) async throws -> Value {
    try await withDatabase(template: try await TestCluster.prepared(template), owner: template.owner, body)
}

private func withDatabase<Value: Sendable>(
    template: String?, owner: TestOwner, _ body: @Sendable (Database) async throws -> Value
) async throws -> Value {
    let cluster = try await TestCluster.shared()
    let name = TestCluster.freshName()
    try await cluster.createDatabase(name, owner: owner.roleName, template: template)
    var configuration = try await TestCluster.configuration(database: name, as: owner)
    // All tests share two cores: a storm's writer may wait long for its turn.
    configuration.limits.waitMax = .seconds(120)
    let database = Database(configuration)
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

/// Whether the long rounds run too (`make test-long`).
public let isLongRun = ProcessInfo.processInfo.environment["DIGITALBANK_LONG"] == "1"

/// A path below the temporary folder that nothing uses yet; short, so that sockets fit below it.
func temporaryPath(_ what: String) -> String {
    let number = UInt64.random(in: .min ... .max)
    return FileManager.default.temporaryDirectory.path + "/digitalbank-\(what)-" + String(number, radix: 36)
}
