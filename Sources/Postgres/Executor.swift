/// Anything that runs statements: the pool, one connection, an open transaction.
public protocol SQLExecutor: Sendable {
    @discardableResult
    func run(_ statement: Statement) async throws -> QueryResult

    /// Several statements in one round trip: outside of a transaction they are one, all or nothing.
    @discardableResult
    func pipeline(_ statements: [Statement]) async throws -> [QueryResult]
}

extension SQLExecutor {
    public func all<Element: RowDecodable>(_ statement: Statement, as type: Element.Type) async throws -> [Element] {
        try await run(statement).map { try Element(row: $0) }
    }

    /// The first row, or nil when there is none.
    public func first<Element: RowDecodable>(_ statement: Statement, as type: Element.Type) async throws -> Element? {
        guard let row = try await run(statement).first else { return nil }
        return try Element(row: row)
    }

    /// The first row; an error when there is none.
    public func one<Element: RowDecodable>(_ statement: Statement, as type: Element.Type) async throws -> Element {
        guard let element = try await first(statement, as: type) else {
            throw PostgresError(kind: .decoding, message: "the statement returned no row where one is expected")
        }
        return element
    }

    /// Rows changed.
    @discardableResult
    public func execute(_ statement: Statement) async throws -> Int { try await run(statement).affectedRowCount }
}
