import Postgres
import TestSupport
import Testing

@Suite struct `Prepared statements` {
    @Test func `a text is prepared when it comes a second time and the least recently used leaves`() async throws {
        try await withTestDatabase(connectionsMax: 1, adjust: { $0.preparedStatementsMax = 8 }) { database in
            for round in 0..<3 {
                for number in 0..<6 {
                    _ = try await database.run(Statement(unchecked: "select \(number) as round"))
                    #expect(round >= 0)
                }
            }
            try await expect(Self.countPrepared, on: database, gives: [6])
            for number in 100..<160 {
                for _ in 0..<2 { try await database.run(Statement(unchecked: "select \(number)")) }
            }
            let kept = try await database.one(Self.countPrepared, as: Int.self)
            #expect((1...8).contains(kept))
            // Texts used once cost the server nothing.
            for number in 1000..<1100 { try await database.run(Statement(unchecked: "select \(number)")) }
            let after = try await database.one(Self.countPrepared, as: Int.self)
            #expect(after <= 8)
        }
    }

    @Test func `nothing is prepared when the bound is zero`() async throws {
        try await withTestDatabase(connectionsMax: 1, adjust: { $0.preparedStatementsMax = 0 }) { database in
            for _ in 0..<5 { try await expect("select 1", on: database, gives: [1]) }
            try await expect(Self.countPrepared, on: database, gives: [0])
        }
    }

    @Test func `a table that changes under a prepared statement is read with its new shape`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            try await database.run("create table things (id bigint)")
            try await database.run("insert into things values (1)")
            for _ in 0..<3 { try await database.run("select * from things") }
            try await database.run("alter table things add column name text default 'x'")
            let columns = try await withThrowingTaskGroup { group in
                for _ in 0..<20 { group.addTask { try await database.run("select * from things").columnNames } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(columns == Array(repeating: ["id", "name"], count: 20))
        }
    }

    @Test func `a session whose prepared statements were discarded goes on`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            for _ in 0..<3 { try await expect("select 1", on: database, gives: [1]) }
            try await database.withConnection { connection in try await connection.run("deallocate all") }
            let seen = try await withThrowingTaskGroup { group in
                for _ in 0..<20 { group.addTask { try await database.one("select 1", as: Int.self) } }
                return try await group.reduce(0, +)
            }
            #expect(seen == 20)
        }
    }

    @Test func `a wrong statement repeated in one burst fails each time with its own error`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            let states = await withTaskGroup { group in
                for _ in 0..<50 {
                    group.addTask {
                        await Result { try await database.run("select * from nowhere") }.failure as? PostgresError
                    }
                }
                return await group.reduce(into: []) { $0.append($1?.sqlState) }
            }
            #expect(states == Array(repeating: "42P01", count: 50))
        }
    }

    @Test func `plans of different scopes are kept apart`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            for scope in ["anon", "authenticated"] {
                for _ in 0..<3 {
                    var statement: Statement = "select 1"
                    statement.planScope = scope
                    try await expect(statement, on: database, gives: [1])
                }
            }
            try await expect(
                "select count(*) from pg_prepared_statements where statement = 'select 1'", on: database, gives: [2])
        }
    }

    @Test func `a flight sees the settings made in it, and nobody after it does`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            for round in 0..<4 {
                let answers = try await database.pipeline([
                    "select set_config('role', 'pg_monitor', true), set_config('request.sub', \("client \(round)"), true)",
                    "select current_user || ' ' || current_setting('request.sub')",
                ])
                #expect(try answers[1].first?.decode(0, as: String.self) == "pg_monitor client \(round)")
                try await expect("select current_user <> 'pg_monitor'", on: database, gives: [true])
            }
        }
    }

    private static let countPrepared: Statement = "select count(*) from pg_prepared_statements where name like 'db\\_%'"
}
