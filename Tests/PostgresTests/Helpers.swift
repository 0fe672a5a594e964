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
func eventually(_ condition: @Sendable () async throws -> Bool) async throws -> Bool {
    for _ in 0..<3000 {
        if try await condition() { return true }
        try await Task.sleep(for: .milliseconds(20))
    }
    return false
}
