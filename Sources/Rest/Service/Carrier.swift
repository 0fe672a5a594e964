internal import Postgres

/// Where a request's statements go.
enum Carrier: Sendable {
    /// A flight of their own on a shared connection.
    case pool(Database)
    /// A transaction that is the request's alone.
    case transaction(Transaction)
    /// One request of several in a transaction: what fails is taken back without the others.
    case part(Transaction)

    /// Settings of an earlier request of the same transaction may still hold.
    var isShared: Bool { if case .part = self { true } else { false } }

    func pipeline(_ statements: [Statement]) async throws -> [QueryResult] {
        switch self {
        case .pool(let database): try await database.pipeline(statements)
        case .transaction(let tx), .part(let tx): try await tx.pipeline(statements)
        }
    }

    /// Runs `body` so that what it throws undoes what it did.
    func undoable<Value: Sendable>(
        isolation: IsolationLevel, _ body: @Sendable (Transaction) async throws -> Value
    ) async throws -> Value {
        switch self {
        case .pool(let database): try await database.transaction(isolation: isolation, body)
        case .transaction(let tx): try await body(tx)
        case .part(let tx): try await tx.savepoint(body)
        }
    }
}
