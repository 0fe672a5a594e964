import Migrations
import Postgres
import TestSupport
import Testing

@Test func `migrations run once, in order, and say what ran`() async throws {
    try await withTestDatabase { database in
        let set = MigrationSet(
            owner: "notes",
            migrations: [
                Migration(number: 2, name: "rows", sql: "insert into notes values ('a');"),
                Migration(number: 1, name: "notes", sql: "create table notes (text text);"),
            ])
        let first = try await Migrator(database).apply([set])
        #expect(first.applied.map(\.migration.number) == [1, 2])
        let second = try await Migrator(database).apply([set])
        #expect(second.applied.isEmpty)
        #expect(second.alreadyAppliedCount == 2)
        #expect(try await database.one("select count(*) from notes", as: Int.self) == 1)
    }
}
