internal import Postgres

/// The SQL that ties an account of Auth to a client of the bank.
struct UsersStore: Sendable {
    let database: any SQLExecutor

    /// The client's number when there is such a client, tied to the account from now on.
    func tie(client number: Int64, to user: String) async throws -> Int64? {
        try await database.first(
            "update public.clients set utilisateur_id = \(user)::uuid where numero = \(number) returning numero",
            as: Int64.self)
    }

    func exists(client number: Int64) async throws -> Bool {
        try await database.first("select numero from public.clients where numero = \(number)", as: Int64.self) != nil
    }
}
