import Postgres
import TestSupport
import Testing

@Suite struct `Cancellation` {
    @Test func `cancelling the task stops the statement in the server`() async throws {
        try await withTestDatabase(connectionsMax: 2) { database in
            // Watched over another pool: a question of this one may be put behind the statement, which is not over yet.
            try await withTestDatabase(sameAs: database) { watcher in
                let task = Task { try await database.run("select pg_sleep(600)") }
                try await expectEventually { try await sleepers(in: watcher) == 1 }
                task.cancel()
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.kind == .cancelled)
                try await expectEventually { try await sleepers(in: watcher) == 0 }
            }
        }
    }

    @Test func `neighbours behind a cancelled statement on the same connection are not hit`() async throws {
        try await withTestDatabase(connectionsMax: 1) { database in
            for _ in 0..<20 {
                let slow = Task { try await database.run("select pg_sleep(600)") }
                let neighbours = (0..<30).map { number in
                    Task { try await database.one("select \(number) from pg_sleep(0.001)", as: Int.self) }
                }
                try await Task.sleep(for: .milliseconds(5))
                slow.cancel()
                let error = await #expect(throws: PostgresError.self) { try await slow.value }
                #expect(error?.kind == .cancelled)
                for (number, neighbour) in neighbours.enumerated() {
                    let seen = try await neighbour.value
                    #expect(seen == number)
                }
            }
        }
    }

    @Test func `a statement still queued is dropped without reaching the server`() async throws {
        try await withTestDatabase(connectionsMax: 1, adjust: { $0.pipelineDepthMax = 1 }) { database in
            try await database.run("create table things (id bigint)")
            let slow = Task { try await database.run("select pg_sleep(600)") }
            try await Task.sleep(for: .milliseconds(50))
            let queued = (0..<20).map { number in
                Task { try await database.run("insert into things values (\(number))") }
            }
            try await Task.sleep(for: .milliseconds(20))
            for task in queued { task.cancel() }
            for task in queued {
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.kind == .cancelled)
            }
            slow.cancel()
            await #expect(throws: PostgresError.self) { try await slow.value }
            try await expect("select count(*) from things", on: database, gives: [0])
        }
    }

    @Test func `a task cancelled before it starts sends nothing`() async throws {
        try await withTestDatabase { database in
            try await database.run("create table things (id bigint)")
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                try await database.run("insert into things values (1)")
            }
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.kind == .cancelled)
            try await expect("select count(*) from things", on: database, gives: [0])
        }
    }

    @Test func `a cancelled transaction is rolled back and its locks are gone`() async throws {
        try await withTestDatabase(connectionsMax: 2) { database in
            try await database.run("create table things (id bigint primary key)")
            let task = Task {
                try await database.transaction { tx in
                    try await tx.run("insert into things values (1)")
                    try await tx.run("select pg_sleep(600)")
                }
            }
            try await expectEventually { try await sleepers(in: database) == 1 }
            task.cancel()
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.kind == .cancelled)
            try await database.run("insert into things values (1)")
            try await database.transaction { tx in try await tx.run("insert into things values (2)") }
            try await expect("select id from things order by id", on: database, gives: [1, 2])
        }
    }

    @Test func `a cancelled copy leaves no row and a usable connection`() async throws {
        try await withTestDatabase(connectionsMax: 2) { database in
            try await database.run("create table things (id bigint)")
            try await database.withConnection { connection in
                let endless = AsyncStream<[UInt8]> {
                    try? await Task.sleep(for: .milliseconds(1))
                    return Array("1\n".utf8)
                }
                let task = Task { try await connection.copyIn("copy things from stdin", from: endless) }
                try await Task.sleep(for: .milliseconds(100))
                task.cancel()
                let error = await #expect(throws: PostgresError.self) { try await task.value }
                #expect(error?.kind == .cancelled)
                try await expect("select count(*) from things", on: connection, gives: [0])
            }
        }
    }

    @Test func `a statement that takes too long fails with its own kind and changes nothing`() async throws {
        try await withTestDatabase(connectionsMax: 1, adjust: { $0.statementTimeout = .milliseconds(100) }) {
            database in
            try await database.run("create table things (id bigint)")
            let error = await #expect(throws: PostgresError.self) {
                try await database.run("insert into things select 1 from pg_sleep(60)")
            }
            #expect(error?.kind == .statementTimeout)
            #expect(error?.sqlState == "57014")
            try await expect("select count(*) from things", on: database, gives: [0])
            // A session setting of a caller does not remove the time-out for the next one.
            try await database.withConnection { connection in try await connection.run("set statement_timeout to 0") }
            try await expect("show statement_timeout", on: database, gives: ["100ms"])
        }
    }

    private func sleepers(in database: Database) async throws -> Int {
        try await database.one(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
            as: Int.self)
    }
}
