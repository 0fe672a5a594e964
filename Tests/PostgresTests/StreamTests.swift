import Foundation
import Postgres
import Synchronization
import TestSupport
import Testing

@Suite struct `Streams` {
    /// 1 GB in the long form, 200 MB in the short one, 1 KB a row.
    static let rowCount = ProcessInfo.processInfo.environment["DIGITALBANK_LONG"] == "1" ? 1_000_000 : 200_000

    @Test func `a large result is read with flat memory`() async throws {
        try await withTestDatabase(connectionsMax: 2) { database in
            let before = try residentMegabytes()
            var peak = before
            var count = 0
            var bytes = 0
            let rows = database.rows("select repeat('x', 1000), n from generate_series(1, \(Self.rowCount)::int) n")
            for try await row in rows {
                count += 1
                row.withBytes(0) { bytes += $0?.count ?? 0 }
                if count % 10_000 == 0 { peak = max(peak, try residentMegabytes()) }
            }
            #expect(count == Self.rowCount)
            #expect(bytes == Self.rowCount * 1000)
            #expect(peak - before < 100, "from \(before) to \(peak) MB")
        }
    }

    @Test func `a loop left early stops the statement and gives the connection back`() async throws {
        try await withTestDatabase(connectionsMax: 2) { database in
            for _ in 0..<10 {
                var sum = 0
                for try await row in database.rows("select generate_series(1, 1000000000)") {
                    sum += try row.decode(0, as: Int.self)
                    if sum > 1000 { break }
                }
                #expect(sum == 1035)
            }
            try await expectEventually {
                try await database.one(
                    "select count(*) = 0 from pg_stat_activity where datname = current_database() and state = 'active' and pid <> pg_backend_pid()",
                    as: Bool.self)
            }
            try await database.withConnection { connection in try await expect("select 1", on: connection, gives: [1]) }
        }
    }

    @Test func `rows of an open transaction are read inside it, and it goes on after an early end`() async throws {
        try await withTestDatabase { database in
            try await database.run("create table things (id bigint)")
            let seen = try await database.transaction { tx in
                try await tx.run("insert into things select generate_series(1, 1000)")
                var seen: [Int] = []
                for try await row in tx.connection.rows("select id from things order by id") {
                    seen.append(try row.decode(0))
                    if seen.count == 600 { break }
                    let busy = await #expect(throws: PostgresError.self) { try await tx.run("select 1") }
                    #expect(busy?.kind == .misuse)
                }
                return seen
            }
            #expect(seen == Array(1...600))
            try await expect("select count(*) from things", on: database, gives: [1000])
        }
    }

    @Test func `an error in the middle of a result is thrown behind the rows before it`() async throws {
        try await withTestDatabase(connectionsMax: 2) { database in
            var count = 0
            let error = await #expect(throws: PostgresError.self) {
                for try await _ in database.rows("select 1 / (50000 - n) from generate_series(1, 100000) n") {
                    count += 1
                }
            }
            #expect(error?.sqlState == "22012")
            #expect(count > 40_000 && count < 50_000)
            try await database.withConnection { connection in try await expect("select 1", on: connection, gives: [1]) }
        }
    }

    @Test func `cancelling the task stops a row by row read`() async throws {
        try await withTestDatabase(connectionsMax: 2) { database in
            let task = Task {
                for try await _ in database.rows("select pg_sleep(600)") {}
            }
            try await expectEventually {
                try await database.one(
                    "select count(*) = 1 from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'",
                    as: Bool.self)
            }
            task.cancel()
            let error = await #expect(throws: PostgresError.self) { try await task.value }
            #expect(error?.kind == .cancelled)
            try await database.withConnection { connection in try await expect("select 1", on: connection, gives: [1]) }
        }
    }

    @Test func `a copy out is an async sequence too`() async throws {
        try await withTestDatabase { database in
            var bytes: [UInt8] = []
            for try await chunk in database.copyOut("copy (select n from generate_series(1, 50000) n) to stdout") {
                bytes += chunk
            }
            let expected = (1...50_000).map { "\($0)\n" }.joined()
            #expect(bytes == Array(expected.utf8))
            let error = await #expect(throws: PostgresError.self) {
                for try await _ in database.copyOut("copy nowhere to stdout") {}
            }
            #expect(error?.sqlState == "42P01")
        }
    }

    @Test func `a producer is not asked for more than the server takes`() async throws {
        try await withTestDatabase { database in
            try await database.withConnection { connection in
                try await connection.runScript(
                    """
                    create table things (line text);
                    create function wait_for_the_test() returns trigger language plpgsql as
                    $$ begin perform pg_advisory_xact_lock(1); return new; end $$;
                    create trigger wait before insert on things for each row execute function wait_for_the_test();
                    """)
            }
            let asked = Counter()
            let chunk = Array((String(repeating: "x", count: 1023) + "\n").utf8)
            let megabyte = Array(repeating: chunk, count: 1024).flatMap { $0 }
            try await database.withConnection { gate in
                try await gate.run("select pg_advisory_lock(1)")
                async let copied = database.withConnection { connection in
                    try await connection.copyIn("copy things from stdin", from: Self.chunks(megabyte, 20, asked))
                }
                // The server waits at the first row: what was asked for is in a socket buffer or waits to go there.
                var before = -1
                while before != asked.value || before == 0 {
                    before = asked.value
                    try await Task.sleep(for: .milliseconds(300))
                }
                #expect((1...3).contains(before))
                try await gate.run("select pg_advisory_unlock(1)")
                #expect(try await copied == 20 * 1024)
            }
            #expect(asked.value == 21)
        }
    }

    private static func chunks(_ chunk: [UInt8], _ count: Int, _ asked: Counter) -> AsyncStream<[UInt8]> {
        AsyncStream { asked.increment() <= count ? chunk : nil }
    }

    private func residentMegabytes() throws -> Int {
        let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")[1]
        return (Int(pages) ?? 0) * 4 / 1024
    }
}

private final class Counter: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    func increment() -> Int {
        count.withLock {
            $0 += 1
            return $0
        }
    }
}
