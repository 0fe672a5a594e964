internal import Postgres

/// The SQL of password hashes.
struct PasswordStore: Sendable {
    let database: any SQLExecutor

    func hash(_ blinded: String, cost: Int) async throws -> String {
        try await database.one("select crypt(\(blinded), gen_salt('bf', \(Int32(cost))))", as: String.self)
    }

    /// With the salt and the cost of `hash`.
    func hash(_ blinded: String, like hash: String) async throws -> String {
        try await database.one("select crypt(\(blinded), \(hash))", as: String.self)
    }
}
