internal import Postgres

extension SQLExecutor {
    /// The first column of the one row that the statement answers with.
    func value<Value: ColumnDecodable>(_ statement: Statement, as type: Value.Type) async throws -> Value {
        guard let row = try await run(statement).first else {
            throw PrivacyError.request("the row is not there")
        }
        return try row.decode(0)
    }
}
