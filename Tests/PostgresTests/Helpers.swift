import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing

/// A fresh database with the limits of the test.
func withTestDatabase<Value: Sendable>(
    connectionsMax: Int, waitMax: Duration = .seconds(60),
    adjust: (inout DatabaseConfiguration.Limits) -> Void = { _ in },
    _ body: @Sendable (Database) async throws -> Value
) async throws -> Value {
    var limits = DatabaseConfiguration.Limits()
    limits.connectionsMax = connectionsMax
    limits.waitMax = waitMax
    adjust(&limits)
    return try await withTestDatabase { [limits] fresh in
        var configuration = fresh.configuration
        configuration.limits = limits
        let database = Database(configuration)
        let result: Result<Value, any Error>
        do { result = .success(try await body(database)) } catch { result = .failure(error) }
        await database.close()
        return try result.get()
    }
}

/// Runs `statement` and compares the first column of its rows.
func expect<Value: RowDecodable & Equatable>(
    _ statement: Statement, on executor: some SQLExecutor, gives expected: [Value],
    sourceLocation: SourceLocation = #_sourceLocation
) async throws {
    let seen = try await executor.all(statement, as: Value.self)
    #expect(seen == expected, sourceLocation: sourceLocation)
}

/// Asks until `condition` holds. Gives up after a minute, so that a broken test ends.
func expectEventually(
    sourceLocation: SourceLocation = #_sourceLocation, _ condition: @Sendable () async throws -> Bool
) async throws {
    for _ in 0..<3000 {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record("the condition did not come true", sourceLocation: sourceLocation)
}

/// A second pool on the same database.
func withTestDatabase<Value: Sendable>(
    sameAs database: Database, _ body: @Sendable (Database) async throws -> Value
) async throws -> Value {
    let other = Database(database.configuration)
    let result: Result<Value, any Error>
    do { result = .success(try await body(other)) } catch { result = .failure(error) }
    await other.close()
    return try result.get()
}

/// A pool of one connection that reaches the test cluster through a relay.
func withProxiedDatabase(
    adjust: (inout DatabaseConfiguration.Limits) -> Void = { _ in },
    _ body: @Sendable (Database, LoopbackProxy) async throws -> Void
) async throws {
    let cluster = try await TestCluster.shared()
    let proxy = try LoopbackProxy(to: cluster.socketDirectory + "/.s.PGSQL.5432")
    defer { proxy.stop() }
    var configuration = DatabaseConfiguration(
        "host=127.0.0.1 port=\(proxy.port) user=\(cluster.options.superuser) dbname=postgres sslmode=disable",
        password: cluster.superuserPassword)
    configuration.limits.connectionsMax = 1
    adjust(&configuration.limits)
    let database = Database(configuration)
    let result: Result<Void, any Error>
    do { result = .success(try await body(database, proxy)) } catch { result = .failure(error) }
    await database.close()
    try result.get()
}

/// Returns when the session `process` is inside `pg_sleep`.
func expectSleeping(_ process: Int, on database: Database) async throws {
    try await expectEventually {
        try await database.one(
            "select count(*) = 1 from pg_stat_activity where pid = \(process) and wait_event = 'PgSleep'", as: Bool.self
        )
    }
}

extension Result where Failure == any Error {
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }

    var failure: (any Error)? {
        if case .failure(let error) = self { error } else { nil }
    }
}
