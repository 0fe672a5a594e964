internal import CLibpq
internal import Dispatch
internal import Synchronization

/// A pool of connections to one database.
///
/// `run` sends a statement as its own implicit transaction; `transaction` and `withConnection` take a connection for
/// the length of their body.
public final class Database: SQLExecutor {
    public let configuration: DatabaseConfiguration
    private let idle = Mutex<[Connection]>([])

    public init(_ configuration: DatabaseConfiguration) { self.configuration = configuration }

    @discardableResult
    public func run(_ statement: Statement) async throws -> QueryResult {
        try await withConnection { try await $0.run(statement) }
    }

    /// Runs `body` on a connection of its own.
    public func withConnection<Value: Sendable>(
        _ body: @Sendable (Connection) async throws -> Value
    ) async throws -> Value {
        let connection: Connection
        if let free = idle.withLock({ $0.popLast() }) {
            connection = free
        } else {
            connection = try await Connection.connect(configuration)
        }
        do {
            let value = try await body(connection)
            idle.withLock { $0.append(connection) }
            return value
        } catch {
            await connection.close()
            throw error
        }
    }

    /// Runs `body` in a transaction: committed when it returns, rolled back when it throws.
    public func transaction<Value: Sendable>(
        isolation: IsolationLevel = .readCommitted, _ body: @Sendable (Transaction) async throws -> Value
    ) async throws -> Value {
        try await withConnection { connection in
            try await connection.transaction(isolation: isolation, body)
        }
    }

    /// Ends all connections; statements under way fail with `.closed`.
    public func close() async {
        for connection in idle.withLock({ let all = $0; $0 = []; return all }) { await connection.close() }
    }
}

public enum IsolationLevel: String, Sendable {
    case readCommitted = "read committed"
    case repeatableRead = "repeatable read"
    case serializable
}

/// An open transaction on a connection of its own. Valid only inside the body it was given to.
public struct Transaction: SQLExecutor {
    public let connection: Connection

    @discardableResult
    public func run(_ statement: Statement) async throws -> QueryResult { try await connection.run(statement) }
}
