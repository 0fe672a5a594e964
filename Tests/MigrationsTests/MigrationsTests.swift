import Postgres
import TestSupport
import Testing

@testable import Migrations

@Suite struct MigrationsTests {
    private let notes = MigrationSet(
        owner: "notes",
        migrations: [
            Migration(number: 2, name: "rows", sql: "insert into notes values ('a');"),
            Migration(number: 1, name: "notes", sql: "create table notes (text text);"),
        ])

    private func extended(_ sql: String) -> MigrationSet {
        MigrationSet(
            owner: "notes", migrations: notes.migrations + [Migration(number: 3, name: "third", sql: sql)])
    }

    @Test func `migrations run once, in order, and say what ran`() async throws {
        try await withTestDatabase { database in
            let first = try await Migrator(database).apply([notes])
            #expect(first.applied.map(\.migration.number) == [1, 2])
            let second = try await Migrator(database).apply([notes])
            #expect(second.applied.isEmpty)
            #expect(second.alreadyAppliedCount == 2)
            #expect(try await database.one("select count(*) from notes", as: Int.self) == 1)
        }
    }

    @Test func `later files run on a database that has the earlier ones`() async throws {
        try await withTestDatabase { database in
            try await Migrator(database).apply([notes])
            let report = try await Migrator(database).apply([extended("insert into notes values ('b');")])
            #expect(report.applied.map(\.migration.fileName) == ["0003_third.sql"])
            #expect(try await database.one("select count(*) from notes", as: Int.self) == 2)
        }
    }

    @Test func `what would run is told without running it`() async throws {
        try await withTestDatabase { database in
            let migrator = Migrator(database)
            #expect(try await migrator.pending([notes]).map(\.migration.number) == [1, 2])
            let untouched = try await database.one("select to_regnamespace('meta') is null", as: Bool.self)
            #expect(untouched)
            try await migrator.apply([notes])
            #expect(try await migrator.pending([extended("select 1;")]).map(\.migration.fileName) == ["0003_third.sql"])
            let edited = MigrationSet(owner: "notes", migrations: [Migration(number: 1, name: "notes", sql: "")])
            await #expect(throws: MigrationError.self) { try await migrator.pending([edited]) }
        }
    }

    @Test func `what ran is in meta.migrations`() async throws {
        try await withTestDatabase { database in
            try await Migrator(database).apply([notes])
            let rows = try await database.all(
                """
                select owner || number || name from meta.migrations
                where duration_ms >= 0 and applied_at <= clock_timestamp() and checksum ~ '^[0-9a-f]{64}$' order by number
                """, as: String.self)
            #expect(rows == ["notes1notes", "notes2rows"])
        }
    }

    @Test func `an edited migration is refused by its file name, and nothing runs`() async throws {
        try await withTestDatabase { database in
            try await Migrator(database).apply([notes])
            let edited = MigrationSet(
                owner: "notes",
                migrations: [
                    Migration(number: 1, name: "notes", sql: "create table notes (text text); "), notes.migrations[1],
                    Migration(number: 3, name: "third", sql: "create table third ();"),
                ])
            let error = await #expect(throws: MigrationError.self) { try await Migrator(database).apply([edited]) }
            #expect(error?.code == "migration_edited")
            #expect(error?.message.contains("0001_notes.sql") == true)
            let third = try await database.one("select to_regclass('third') is null", as: Bool.self)
            #expect(third)
        }
    }

    @Test func `a database that is ahead of the program is refused`() async throws {
        try await withTestDatabase { database in
            try await Migrator(database).apply([extended("select 1;")])
            let error = await #expect(throws: MigrationError.self) { try await Migrator(database).apply([notes]) }
            #expect(error?.code == "migration_unknown")
            let version = try await database.one("select count(*) from meta.migrations", as: Int.self)
            #expect(version == 3)
        }
    }

    @Test(arguments: [[1, 3], [2], [1, 1], [0, 1]])
    func `numbers with a gap or a repetition are refused before anything runs`(numbers: [Int]) async throws {
        let set = MigrationSet(
            owner: "notes", migrations: numbers.map { Migration(number: $0, name: "m", sql: "select 1;") })
        try await withTestDatabase { database in
            let error = await #expect(throws: MigrationError.self) { try await Migrator(database).apply([set]) }
            #expect(error?.code == "migrations_not_contiguous")
            let untouched = try await database.one("select to_regnamespace('meta') is null", as: Bool.self)
            #expect(untouched)
        }
    }

    @Test func `a migration that fails half-way leaves nothing, and those before it stay`() async throws {
        try await withTestDatabase { database in
            let error = await #expect(throws: MigrationError.self) {
                try await Migrator(database).apply([extended("create table half (); select 1/0;")])
            }
            #expect(error?.code == "migration_failed")
            #expect(error?.message.contains("0003_third.sql failed: division by zero") == true)
            let state = try await database.one(
                "select to_regclass('half') is null and (select count(*) from meta.migrations) = 2", as: Bool.self)
            #expect(state)
            let report = try await Migrator(database).apply([extended("create table half ();")])
            #expect(report.applied.map(\.migration.number) == [3])
        }
    }

    @Test(arguments: ["commit;", "rollback;", "create table kept (); commit; begin;"])
    func `a migration that ends its transaction is refused`(sql: String) async throws {
        try await withTestDatabase { database in
            let error = await #expect(throws: MigrationError.self) {
                try await Migrator(database).apply([extended(sql)])
            }
            #expect(error?.code == "migration_ends_transaction")
            let count = try await database.one("select count(*) from meta.migrations", as: Int.self)
            #expect(count == 2)
        }
    }

    @Test func `ten migrators at once apply each migration once`() async throws {
        try await withTestDatabase { database in
            let applied = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 1...10 {
                    group.addTask {
                        let own = Database(database.configuration)
                        let report = try await Migrator(own).apply([notes])
                        await own.close()
                        return report.applied.count
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(applied == 2)
            #expect(try await database.one("select count(*) from notes", as: Int.self) == 1)
        }
    }

    @Test func `sets run in the order given and keep apart numbers`() async throws {
        let readers = MigrationSet(
            owner: "readers",
            migrations: [Migration(number: 1, name: "readers", sql: "create view readers as select text from notes;")])
        try await withTestDatabase { database in
            let report = try await Migrator(database).apply([notes, readers])
            #expect(report.applied.map(\.owner) == ["notes", "notes", "readers"])
        }
    }

    @Test func `the lock is given back after a failure`() async throws {
        try await withTestDatabase { database in
            await #expect(throws: MigrationError.self) { try await Migrator(database).apply([extended("nonsense;")]) }
            let report = try await Migrator(database).apply([notes])
            #expect(report.alreadyAppliedCount == 2)
        }
    }

    @Test func `an owner who is no superuser migrates: schema, role, pgcrypto`() async throws {
        let name = TestCluster.freshName("reader")
        let set = MigrationSet(
            owner: "plain",
            migrations: [
                Migration(
                    number: 1, name: "all",
                    sql: """
                        create extension if not exists pgcrypto;
                        create schema vault;
                        create table vault.keys (id uuid primary key default gen_random_uuid(), hash bytea);
                        create role \(name) nologin;
                        grant usage on schema vault to \(name);
                        insert into vault.keys (hash) values (digest('a', 'sha256'));
                        """)
            ])
        try await withTestDatabase(owner: .plain) { database in
            try await Migrator(database).apply([set])
            #expect(try await database.one("select count(*) from vault.keys", as: Int.self) == 1)
        }
        try await TestCluster.runAsSuperuser("drop role \(identifier: name)")
    }
}
