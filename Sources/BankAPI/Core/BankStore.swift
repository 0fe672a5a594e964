internal import Foundation
internal import Postgres
internal import Web

/// Runs the bank's statements as somebody: role and claims are set in the same flight, and gone with it.
struct BankStore: Sendable {
    let database: Database

    /// As the caller, under row level security, reading only.
    func read(_ statement: Statement, as caller: BankCaller) async throws -> QueryResult {
        try await run(statement, Self.settings(caller, isReadOnly: true), scope: "authenticated")
    }

    /// As the caller; the functions of the database decide.
    func write(_ statement: Statement, as caller: BankCaller) async throws -> QueryResult {
        try await run(statement, Self.settings(caller, isReadOnly: false), scope: "authenticated")
    }

    /// As the bank itself, without a user's claims.
    func asBank(_ statement: Statement) async throws -> QueryResult {
        try await run(statement, Self.bankSettings, scope: "service_role")
    }

    /// Several statements as the bank itself; begun again when one met another transaction at the worst moment.
    func transactionAsBank<Value: Sendable>(
        _ body: @escaping @Sendable (Transaction) async throws -> Value
    ) async throws -> Value {
        var attempt = 1
        while true {
            do {
                return try await database.transaction { tx in
                    try await tx.run(Self.bankSettings)
                    return try await body(tx)
                }
            } catch let error as PostgresError where Self.passes(error) && attempt < Self.attemptsMax {
                attempt += 1
            }
        }
    }

    private static let attemptsMax = 5

    /// A conflict of serialisation, or a statement behind one.
    private static func passes(_ error: PostgresError) -> Bool {
        error.sqlState == "40001" || error.sqlState == "25P02"
    }

    private func run(_ statement: Statement, _ settings: Statement, scope: String) async throws -> QueryResult {
        var statement = statement
        statement.planScope = scope
        guard let result = try await database.pipeline([settings, statement]).last else {
            throw PostgresError(kind: .decoding, message: "a flight came back empty")
        }
        return result
    }

    static func settings(_ caller: BankCaller, isReadOnly: Bool) -> Statement {
        guard isReadOnly else {
            return """
                select set_config('role', 'authenticated', true),
                    set_config('request.jwt.claims', \(caller.actor.claims), true)
                """
        }
        return """
            select set_config('role', 'authenticated', true),
                set_config('request.jwt.claims', \(caller.actor.claims), true),
                set_config('transaction_read_only', 'on', true)
            """
    }

    static let bankSettings: Statement = """
        select set_config('role', 'service_role', true), set_config('request.jwt.claims', '', true)
        """
}

/// The bank's own session as an executor: what the batcher of transfers sends its lots through.
struct BankExecutor: SQLExecutor {
    let store: BankStore

    func run(_ statement: Statement) async throws -> QueryResult { try await store.asBank(statement) }

    func pipeline(_ statements: [Statement]) async throws -> [QueryResult] {
        Array(try await store.database.pipeline([BankStore.bankSettings] + statements).dropFirst())
    }
}
