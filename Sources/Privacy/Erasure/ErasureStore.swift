internal import Cryptography
internal import Foundation
internal import Postgres

/// The SQL of erasures.
struct ErasureStore: Sendable {
    let database: any SQLExecutor

    struct Obstacle: Sendable, RowDecodable {
        let code, detail: String

        init(row: Row) throws {
            code = try row.decode(0)
            detail = try row.decode(1)
        }
    }

    func obstacles(_ client: UUID) async throws -> [Obstacle] {
        try await database.all("select code, detail from privacy.erasure_obstacles(\(client))", as: Obstacle.self)
    }

    func archive(_ client: UUID, until: String) async throws {
        try await database.run("select privacy.archive_client(\(client), \(until)::text::date, 'CMF L.561-12')")
    }

    func destroy(_ client: UUID) async throws -> Int64 {
        try await database.one("select privacy.destroy_client(\(client))::bigint", as: Int64.self)
    }

    /// Writes the ledger's entry with the hashes that the database computes itself.
    func note(_ client: UUID, stage: String, until: String) async throws -> String {
        try await database.value(
            "select privacy.note_erasure(\(client), \(stage), \(until)::text::date)::text", as: String.self)
    }

    /// Holds and endings of the client wait for each other until the transaction ends.
    func lock(_ client: UUID) async throws { try await database.run("select privacy.lock_client(\(client))") }

    /// What stands against destroying the keys of an archived client.
    func destructionObstacles(_ client: UUID) async throws -> [Obstacle] {
        try await database.all(
            "select code, detail from privacy.destruction_obstacles(\(client))", as: Obstacle.self)
    }

    /// When the last account was closed, nil while one is open; and whether nobody noted or stated the day of one of them.
    func closedOn(_ client: UUID) async throws -> (at: Int64, isDerived: Bool)? {
        try await database.run("select privacy.note_closings()")
        return try await database.run(
            """
            select extract(epoch from closed_on::timestamp at time zone 'Europe/Paris')::bigint, is_derived
            from privacy.departed where client_id = \(client)
            """
        ).first.map { (try $0.decode(0), try $0.decode(1)) }
    }

    func isDestroyed(_ client: UUID) async throws -> Bool {
        try await database.one(
            """
            select exists (select from privacy.erasure_ledger
                where stage = 'destroyed' and subject_hash = privacy.keyed('id:' || \(client)::uuid::text))
            """, as: Bool.self)
    }

    /// Whose keys were destroyed within the last hour: longer than any process keeps one.
    func forgottenLately() async throws -> [UUID] {
        try await database.run(
            "select distinct client_id from vault.data_keys where destroyed_at > clock_timestamp() - interval '1 hour'"
        ).map { try $0.decode(0) }
    }

    func isErased(_ client: UUID) async throws -> Bool {
        try await database.one("select privacy.is_erased(\(client))", as: Bool.self)
    }

    func entries() async throws -> [ErasureEntry] {
        try await database.run(
            """
            select entry::text, stage, encode(subject_hash, 'hex'), encode(number_hash, 'hex'), hold_until::text,
                (extract(epoch from decided_at) * 1000000)::bigint, coalesce(encode(origin_hash, 'hex'), ''),
                coalesce(number_mark, 0)
            from privacy.erasure_ledger order by decided_at, entry
            """
        ).map {
            ErasureEntry(
                entry: try $0.decode(0), stage: try $0.decode(1), subject: try $0.decode(2), number: try $0.decode(3),
                holdUntil: try $0.decode(4), decidedAt: try $0.decode(5), origin: try $0.decode(6),
                numberMark: try $0.decode(7))
        }
    }

    func add(_ entries: [ErasureEntry]) async throws -> Int {
        try await database.execute(
            """
            insert into privacy.erasure_ledger
                (entry, stage, subject_hash, number_hash, hold_until, decided_at, origin_hash, number_mark)
            select entry::uuid, stage, decode(subject, 'hex'), decode(number, 'hex'), hold::date, to_timestamp(decided / 1e6),
                decode(nullif(origin, ''), 'hex'), nullif(mark, 0)
            from unnest(\(SQLArray(entries.map(\.entry)))::text[], \(SQLArray(entries.map(\.stage)))::text[],
                \(SQLArray(entries.map(\.subject)))::text[], \(SQLArray(entries.map(\.number)))::text[],
                \(SQLArray(entries.map(\.holdUntil)))::text[], \(SQLArray(entries.map(\.decidedAt)))::bigint[],
                \(SQLArray(entries.map(\.origin)))::text[], \(SQLArray(entries.map(\.numberMark)))::bigint[])
                n (entry, stage, subject, number, hold, decided, origin, mark)
            on conflict do nothing
            """)
    }

    func replay() async throws -> [(UUID, String)] {
        try await database.run("select client, stage from privacy.replay_erasures()").map {
            (try $0.decode(0), try $0.decode(1))
        }
    }

    /// Puts the key of the hashes where SQL finds it, when it is not there. By COPY, whose data no log repeats.
    static func provide(_ key: [UInt8], _ database: Database) async throws {
        let probe = ErasureLedgerFile.keyed("probe", key: key)
        let isThere = try await database.one(
            "select coalesce(privacy.keyed('probe') = \(probe), false)", as: Bool.self)
        guard !isThere else { return }
        let line = Array("\\\\x\(key.hex)\n".utf8)
        try await database.withConnection { connection in
            try await connection.transaction { tx in
                try await tx.run("delete from privacy.erasure_key")
                try await tx.connection.copyIn("copy privacy.erasure_key (octets) from stdin") { try $0.write(line) }
            }
        }
    }

    func hold(_ client: UUID, kind: String, reason: String, until: String?, by name: String) async throws -> UUID {
        try await database.value(
            """
            insert into privacy.holds (client_id, kind, reason, until, placed_by)
            values (\(client), \(kind), \(reason), \(until)::text::date, \(name)) returning id
            """, as: UUID.self)
    }

    func liftHold(_ id: UUID, by name: String) async throws -> Bool {
        try await database.execute(
            """
            update privacy.holds set lifted_by = \(name), lifted_at = clock_timestamp() where id = \(id) and lifted_at is null
            """) == 1
    }
}
