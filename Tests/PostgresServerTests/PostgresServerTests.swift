import Postgres
import TestSupport
import Testing

@Test func `a fresh database answers and keeps what it is told`() async throws {
    try await withTestDatabase { database in
        try await database.run("create table notes (text text)")
        try await database.run("insert into notes values (\("hello"))")
        #expect(try await database.one("select text from notes", as: String.self) == "hello")
    }
}
