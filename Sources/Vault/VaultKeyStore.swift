internal import Cryptography
public import Foundation
public import Postgres

/// The SQL of schema `vault`. Data keys travel wrapped only.
public struct VaultKeyStore: Sendable {
    private let database: any SQLExecutor

    public init(database: any SQLExecutor) { self.database = database }

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
        /// Clients with a live key.
        public let clients: Int64
        /// The highest version any client's key has reached; 0 without keys.
        public let versionMax: Int64
    }

    public func counts() async throws -> Counts {
        let byKEK = try await database.all(
            "select kek_id, count(*) from vault.data_keys where destroyed_at is null group by 1 order by 1",
            as: Counts.OfKEK.self)
        let destroyed = try await database.one(
            "select count(*) from vault.data_keys where destroyed_at is not null", as: Int64.self)
        let row = try await database.run(
            """
            select count(distinct client_id) filter (where destroyed_at is null), coalesce(max(version), 0)
            from vault.data_keys
            """)[0]
        return Counts(
            live: byKEK.reduce(0) { $0 + $1.count }, destroyed: destroyed, byKEK: byKEK, clients: try row.decode(0),
            versionMax: try row.decode(1))
    }

    /// Data keys that were wrapped by `kekID` and stand, live or destroyed.
    public func wrapCount(of kekID: String) async throws -> Int64 {
        try await database.one("select count(*) from vault.data_keys where kek_id = \(kekID)", as: Int64.self)
    }

    /// All versions of a client's key, destroyed ones empty; the newest first.
    public func keys(of clientID: UUID) async throws -> [WrappedKey] {
        try await database.all(
            """
            select client_id, version, kek_id, wrapped from vault.data_keys where client_id = \(clientID)
            order by version desc
            """, as: WrappedKey.self)
    }

    /// Adds keys; one that is there already stays as it is. Returns how many were new.
    @discardableResult
    public func add(_ keys: [WrappedKey]) async throws -> Int {
        try await database.execute(
            """
            insert into vault.data_keys (client_id, version, kek_id, wrapped)
            select client_id::uuid, version, kek_id, decode(wrapped, 'hex')
            from unnest(\(SQLArray(keys.map(\.clientID.uuidString)))::text[], \(Self.versions(keys))::bigint[],
                \(SQLArray(keys.map(\.kekID)))::text[], \(SQLArray(keys.map(\.bytes.hex)))::text[])
                as nouvelles (client_id, version, kek_id, wrapped)
            on conflict do nothing
            """)
    }

    /// Keys that are not wrapped by `kekID`, in order, after `last`.
    func keys(notUnder kekID: String, after last: WrappedKey?, limit: Int) async throws -> [WrappedKey] {
        let floor = last?.clientID ?? UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))
        return try await database.all(
            """
            select client_id, version, kek_id, wrapped from vault.data_keys
            where destroyed_at is null and kek_id <> \(kekID) and (client_id, version) > (\(floor), \(last?.version ?? 0))
            order by client_id, version limit \(limit)
            """, as: WrappedKey.self)
    }

    /// Puts the new wrappings in place of the old ones, each only where the old one still stands. Returns how many did.
    func replace(_ old: [WrappedKey], by new: [WrappedKey]) async throws -> Int {
        try await database.execute(
            """
            update vault.data_keys d
            set wrapped = decode(n.wrapped, 'hex'), kek_id = n.kek_id, rewrapped_at = clock_timestamp()
            from unnest(\(SQLArray(old.map(\.clientID.uuidString)))::text[], \(Self.versions(old))::bigint[],
                \(SQLArray(old.map(\.bytes.hex)))::text[], \(SQLArray(new.map(\.kekID)))::text[],
                \(SQLArray(new.map(\.bytes.hex)))::text[]) as n (client_id, version, was, kek_id, wrapped)
            where d.client_id = n.client_id::uuid and d.version = n.version and d.wrapped = decode(n.was, 'hex')
                and d.destroyed_at is null
            """)
    }

    /// Destroys all keys of a client. Returns how many versions were live.
    public func destroy(_ clientID: UUID) async throws -> Int {
        try await database.execute(
            """
            update vault.data_keys set wrapped = '', destroyed_at = clock_timestamp()
            where client_id = \(clientID) and destroyed_at is null
            """)
    }

    /// Removes what an UPDATE left of old row versions: wrapped keys that were destroyed or replaced.
    public func vacuum() async throws { try await database.run("vacuum vault.data_keys") }

    /// Notes a key-encryption key that comes into use, and those in use that were never noted.
    public func noteUse(of kekID: String) async throws {
        try await database.run(
            """
            insert into vault.key_encryption_keys (id)
            select distinct kek_id from vault.data_keys where destroyed_at is null on conflict do nothing
            """)
        try await database.run(
            """
            insert into vault.key_encryption_keys (id) values (\(kekID))
            on conflict (id) do update set retired_at = null where key_encryption_keys.retired_at is not null
            """)
    }

    /// Marks as retired what wraps no key any more.
    public func noteRetired() async throws {
        try await database.run(
            """
            update vault.key_encryption_keys k set retired_at = clock_timestamp()
            where retired_at is null
                and not exists (select from vault.data_keys d where d.kek_id = k.id and d.destroyed_at is null)
            """)
    }

    func isUsed(_ kekID: String) async throws -> Bool {
        try await database.one(
            "select exists (select from vault.data_keys where kek_id = \(kekID) and destroyed_at is null)",
            as: Bool.self)
    }

    /// One rotation at a time: false when another session holds it. Held until the connection is given back.
    static func lockRotation(_ connection: Connection) async throws -> Bool {
        try await connection.one(
            "select pg_try_advisory_lock(hashtextextended('digitalbank/vault/rotation', 0))", as: Bool.self)
    }

    private static func versions(_ keys: [WrappedKey]) -> SQLArray { SQLArray(keys.map { Int64($0.version) }) }
}

extension WrappedKey: RowDecodable {
    public init(row: Row) throws {
        self.init(
            clientID: try row.decode(0), version: try row.decode(1), kekID: try row.decode(2), bytes: try row.decode(3))
    }
}
