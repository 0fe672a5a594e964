import Foundation
import Postgres
import TestSupport
import Testing

@Suite struct `Statements` {
    @Test func `values are bound and rows are decoded`() async throws {
        try await withTestDatabase { database in
            let row = try #require(
                try await database.run(
                    "select \(1) + \(41) as sum, \("d'accord; drop table x --") as text, \(nil as Int?) as nothing, \(true) as yes"
                ).first)
            #expect(try row.decode("sum", as: Int.self) == 42)
            #expect(try row.decode("text", as: String.self) == "d'accord; drop table x --")
            #expect(try row.decodeIfPresent("nothing", as: Int.self) == nil)
            #expect(try row.decode("yes", as: Bool.self))
            #expect(throws: PostgresError.self) { try row.decode("nothing", as: Int.self) }
            #expect(throws: PostgresError.self) { try row.decode("missing", as: Int.self) }
        }
    }

    @Test func `an error in one statement leaves its neighbours on the same connection alone`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            try await database.run("create table things (id bigint primary key)")
            let outcomes = await withTaskGroup { group in
                for id in 0..<200 {
                    group.addTask {
                        do {
                            // Every third one divides by zero after its insert, in the same implicit transaction.
                            try await database.pipeline([
                                "insert into things values (\(id))", "select 1 / \(id % 3)",
                            ])
                            return (id, nil as String?)
                        } catch { return (id, (error as? PostgresError)?.sqlState) }
                    }
                }
                return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
            }
            for id in 0..<200 { #expect(outcomes[id] == (id % 3 == 0 ? .some("22012") : .some(nil))) }
            let kept = try await database.all("select id from things order by id", as: Int.self)
            #expect(kept == (0..<200).filter { $0 % 3 != 0 })
        }
    }

    @Test func `server errors keep their SQLSTATE and every field`() async throws {
        try await withTestDatabase { database in
            try await database.run("create table things (id bigint constraint things_positive check (id > 0))")
            let error = await #expect(throws: PostgresError.self) {
                try await database.run("insert into things values (\(-1))")
            }
            #expect(error?.kind == .server)
            #expect(error?.sqlState == "23514")
            #expect(error?.constraint == "things_positive")
            #expect(error?.table == "things")
            #expect(error?.schema == "public")
            #expect(error?.severity == "ERROR")
            #expect(error?.code == "postgres_23514")
            let position = await #expect(throws: PostgresError.self) { try await database.run("select * from nowhere") }
            #expect(position?.position == 15)
        }
    }

    @Test func `ten thousand concurrent statements share eight connections`() async throws {
        try await withTestDatabase(connectionsMax: 8, waitMax: .seconds(300)) { database in
            let total = try await withThrowingTaskGroup { group in
                for number in 0..<10_000 {
                    group.addTask { try await database.one("select \(number) * 2", as: Int.self) == number * 2 ? 1 : 0 }
                }
                return try await group.reduce(0, +)
            }
            #expect(total == 10_000)
            let sessions = try await database.one(
                "select count(*) from pg_stat_activity where datname = current_database()", as: Int.self)
            #expect((1...8).contains(sessions))
        }
    }

    @Test(arguments: ["begin", "SET role x", "/* hm */ start transaction", "-- x\nlisten a", "discard all"])
    func `a statement that would change the session of others is refused`(sql: String) async throws {
        try await withTestDatabase { database in
            let error = await #expect(throws: PostgresError.self) { try await database.run(Statement(unchecked: sql)) }
            #expect(error?.kind == .misuse)
            try await expect("select 1", on: database, gives: [1])
        }
    }
}

@Suite struct `Transactions` {
    @Test func `a transaction commits when its body returns and rolls back when it throws`() async throws {
        struct Refused: Error {}
        try await withTestDatabase { database in
            try await database.run("create table things (id bigint primary key)")
            let given = try await database.transaction { tx in
                try await tx.run("insert into things values (1)")
                return try await tx.one("select count(*) from things", as: Int.self)
            }
            #expect(given == 1)
            await #expect(throws: Refused.self) {
                try await database.transaction { tx in
                    try await tx.run("insert into things values (2)")
                    throw Refused()
                }
            }
            try await expect("select id from things", on: database, gives: [1])
        }
    }

    @Test func `a refused statement never leaves an aborted transaction in the pool`() async throws {
        try await withTestDatabase(connectionsMax: 2) { database in
            for _ in 0..<5 {
                await #expect(throws: PostgresError.self) {
                    try await database.transaction { tx in try await tx.run("select 1 / 0") }
                }
                await #expect(throws: PostgresError.self) {
                    try await database.withConnection { connection in
                        try await connection.run("begin")
                        try await connection.run("select 1 / 0")
                    }
                }
            }
            for _ in 0..<20 { try await expect("select 1", on: database, gives: [1]) }
            let open = try await database.one(
                "select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%'",
                as: Int.self)
            #expect(open == 0)
        }
    }

    @Test func `a body that ignores an error is told that nothing was committed`() async throws {
        try await withTestDatabase { database in
            try await database.run("create table things (id bigint primary key)")
            let error = await #expect(throws: PostgresError.self) {
                try await database.transaction { tx in
                    try await tx.run("insert into things values (1)")
                    _ = try? await tx.run("select 1 / 0")
                }
            }
            #expect(error?.sqlState == "25P02")
            try await expect("select count(*) from things", on: database, gives: [0])
        }
    }

    @Test func `a savepoint undoes its own part only`() async throws {
        try await withTestDatabase { database in
            try await database.run("create table things (id bigint primary key)")
            try await database.transaction { tx in
                try await tx.run("insert into things values (1)")
                await #expect(throws: PostgresError.self) {
                    try await tx.savepoint { inner in
                        try await inner.run("insert into things values (2)")
                        try await inner.run("insert into things values (1)")
                    }
                }
                try await tx.savepoint { inner in try await inner.run("insert into things values (3)") }
            }
            try await expect("select id from things order by 1", on: database, gives: [1, 3])
        }
    }

    @Test func `the isolation level asked for is the one in force`() async throws {
        try await withTestDatabase { database in
            let level = try await database.transaction(isolation: .serializable) { tx in
                try await tx.one("show transaction_isolation", as: String.self)
            }
            #expect(level == "serializable")
        }
    }

    @Test func `a lent connection comes back as it was`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            try await database.withConnection { connection in
                try await connection.run("set search_path to nowhere")
                try await connection.run("create temporary table mine (id int)")
                try await connection.run("select pg_advisory_lock(7)")
                try await connection.run("set role pg_monitor")
            }
            let path = try await database.one("show search_path", as: String.self)
            #expect(path == "\"$user\", public")
            try await expect("select current_user <> 'pg_monitor'", on: database, gives: [true])
            try await expect("select to_regclass('pg_temp.mine') is null", on: database, gives: [true])
            try await expect(
                "select count(*) from pg_locks join pg_database d on d.oid = database and datname = current_database() where locktype = 'advisory'",
                on: database, gives: [0])
        }
    }

    @Test func `a copy or a script may be the first thing in a transaction`() async throws {
        try await withTestDatabase { database in
            try await database.run("create table things (id bigint primary key)")
            await #expect(throws: PostgresError.self) {
                try await database.transaction { tx in
                    try await tx.connection.runScript("insert into things values (1); insert into things values (2)")
                    try await tx.run("select 1 / 0")
                }
            }
            try await expect("select count(*) from things", on: database, gives: [0])
        }
    }
}
