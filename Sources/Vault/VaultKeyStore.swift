public import Postgres

/// The SQL of `vault.data_keys`.
public struct VaultKeyStore: Sendable {
    private let database: Database

    public init(database: Database) { self.database = database }

    public struct Counts: Sendable {
        public struct OfKEK: Sendable, RowDecodable {
            public let id: String
            public let count: Int64

            public init(row: Row) throws {
                id = try row.decode(0)
                count = try row.decode(1)
            }
        }

        public let live: Int64
        public let destroyed: Int64
        public let byKEK: [OfKEK]
    }

    public func counts() async throws -> Counts {
        let byKEK = try await database.all(
            "select kek_id, count(*) from vault.data_keys where destroyed_at is null group by 1 order by 1",
            as: Counts.OfKEK.self)
        let destroyed = try await database.one(
            "select count(*) from vault.data_keys where destroyed_at is not null", as: Int64.self)
        return Counts(live: byKEK.reduce(0) { $0 + $1.count }, destroyed: destroyed, byKEK: byKEK)
    }
}
