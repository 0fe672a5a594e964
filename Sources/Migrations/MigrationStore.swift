internal import Postgres

/// A row of `meta.migrations`.
struct AppliedMigration: RowDecodable {
    let number: Int
    let name: String
    let checksum: String

    init(row: Row) throws {
        number = try row.decode("number")
        name = try row.decode("name")
        checksum = try row.decode("checksum")
    }
}

/// The SQL of migrations, on the one connection that holds the lock.
struct MigrationStore: Sendable {
    let connection: Connection

    /// `digitalb` in ASCII: one lock for all migrators of a database.
    static let lockKey: Int64 = 0x6469_6769_7461_6c62

    func locked<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        try await connection.run("select pg_advisory_lock(\(Self.lockKey))")
        do {
            let value = try await body()
            try await connection.run("select pg_advisory_unlock(\(Self.lockKey))")
            return value
        } catch {
            // The pool closes a connection whose body threw, which gives the lock back.
            throw error
        }
    }

    var isPrepared: Bool {
        get async throws {
            try await connection.one("select to_regclass('meta.migrations') is not null", as: Bool.self)
        }
    }

    func prepare() async throws {
        guard try await !isPrepared else { return }
        try await connection.runScript(
            """
            create schema if not exists meta;
            create table meta.migrations (
                owner text not null,
                number integer not null,
                name text not null,
                checksum text not null,
                applied_at timestamptz not null default clock_timestamp(),
                duration_ms bigint not null,
                constraint migrations_pkey primary key (owner, number),
                constraint migrations_numero_positif check (number > 0)
            );
            """)
    }

    func applied(owner: String) async throws -> [AppliedMigration] {
        try await connection.all(
            "select number, name, checksum from meta.migrations where owner = \(owner) order by number",
            as: AppliedMigration.self)
    }

    /// SHA-256 of each file in hex, made by the server: no library needed for it.
    func checksums(of migrations: [Migration]) async throws -> [String] {
        try await connection.all(
            """
            select encode(sha256(convert_to(sql, 'UTF8')), 'hex')
            from unnest(\(SQLArray(migrations.map(\.sql)))::text[]) with ordinality as files (sql, position)
            order by position
            """, as: String.self)
    }

    /// Runs the file and records it, both or neither.
    func run(_ migration: Migration, checksum: String, owner: String) async throws -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        return try await connection.transaction { tx in
            let before = try await tx.one("select pg_current_xact_id()::text", as: String.self)
            try await tx.connection.runScript(migration.sql)
            let after = try await tx.one("select pg_current_xact_id()::text", as: String.self)
            guard before == after else { throw MigrationError.endsTransaction(owner: owner, migration) }
            let duration = clock.now - start
            let milliseconds =
                duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
            try await tx.run(
                """
                insert into meta.migrations (owner, number, name, checksum, duration_ms)
                values (\(owner), \(migration.number), \(migration.name), \(checksum), \(milliseconds))
                """)
            return duration
        }
    }
}
