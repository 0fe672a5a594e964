internal import Cryptography
internal import Foundation
internal import Postgres
internal import Vault

/// The SQL of wrapped keys that are carried from one state of the bank into an older one.
struct CarriedKeysStore: Sendable {
    let database: any SQLExecutor

    /// Live keys in order, behind `last`.
    func live(after last: WrappedKey?, limit: Int) async throws -> [WrappedKey] {
        let floor = last?.clientID ?? UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        return try await database.all(
            """
            select client_id, version, kek_id, wrapped from vault.data_keys
            where destroyed_at is null and (client_id, version) > (\(floor), \(last?.version ?? 0))
            order by client_id, version limit \(limit)
            """, as: WrappedKey.self)
    }

    /// Live keys that none of the key-encryption keys opens.
    func closed(but held: [String]) async throws -> Int64 {
        try await database.one(
            """
            select count(*) from vault.data_keys
            where destroyed_at is null and kek_id <> all (\(SQLArray(held))::text[])
            """, as: Int64.self)
    }

    func kekIDs() async throws -> [String] {
        try await database.all(
            "select distinct kek_id from vault.data_keys where destroyed_at is null order by 1", as: String.self)
    }

    /// Puts the carried wrapping in place of one that nobody opens. Returns how many were replaced.
    func adopt(_ keys: [WrappedKey], but held: [String]) async throws -> Int {
        try await database.execute(
            """
            update vault.data_keys d
            set wrapped = decode(n.wrapped, 'hex'), kek_id = n.kek_id, rewrapped_at = clock_timestamp()
            from unnest(\(SQLArray(keys.map(\.clientID.uuidString)))::text[],
                \(SQLArray(keys.map { Int64($0.version) }))::bigint[], \(SQLArray(keys.map(\.kekID)))::text[],
                \(SQLArray(keys.map { String($0.bytes.hex) }))::text[]) as n (client_id, version, kek_id, wrapped)
            where d.client_id = n.client_id::uuid and d.version = n.version and d.destroyed_at is null
                and d.kek_id <> all (\(SQLArray(held))::text[])
            """)
    }
}
