import Postgres
import PostgresServer
import TestSupport
import Testing

private let shop = TestTemplate("shop") { database in
    try await database.run("create table articles as select 'bread' as name")
}

private let plainShop = TestTemplate("plain_shop", owner: .plain) { database in
    try await database.run("create table articles as select current_user::text as name")
}

/// What the tests of every target stand on.
@Suite struct TestSupportTests {
    @Test func `a fresh database answers and keeps what it is told`() async throws {
        try await withTestDatabase { database in
            try await database.run("create table notes (text text)")
            try await database.run("insert into notes values (\("hello"))")
            #expect(try await database.one("select text from notes", as: String.self) == "hello")
        }
    }

    @Test func `twenty copies of a template at once are apart from each other`() async throws {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 1...20 {
                group.addTask {
                    try await withTestDatabase(shop) { database in
                        try await database.run("insert into articles values (\("\(number)"))")
                        return try await database.one("select count(*) from articles", as: Int.self)
                    }
                }
            }
            for try await count in group { #expect(count == 2) }
        }
    }

    @Test func `a plain owner is no superuser and owns its database`() async throws {
        try await withTestDatabase(plainShop) { database in
            let isSuperuser = try await database.one(
                "select rolsuper from pg_roles where rolname = current_user", as: Bool.self)
            #expect(!isSuperuser)
            #expect(try await database.one("select name from articles", as: String.self) == TestOwner.plainName)
            let owner: Statement =
                "select pg_get_userbyid(datdba)::text from pg_database where datname = current_database()"
            #expect(try await database.one(owner, as: String.self) == TestOwner.plainName)
        }
    }

    @Test func `a database is dropped after its test, also when the test fails`() async throws {
        struct Failure: Error {}
        var name = ""
        do {
            name = try await withTestDatabase { try await $0.one("select current_database()::text", as: String.self) }
            try await withTestDatabase { _ in throw Failure() }
        } catch is Failure {}
        let cluster = try await TestCluster.shared()
        let found = name
        let count = try await cluster.withSuperuser {
            try await $0.one("select count(*) from pg_database where datname = \(found)", as: Int.self)
        }
        #expect(count == 0)
    }
}
