import Postgres
import Realtime
import TestSupport
import Testing
import Web

@Suite struct ResumeTests {
    static func lastID(_ client: Client) -> String? { client.changes.last?["id"]?.string }

    @Test func `who comes back with the last id gets what was missed, once, in order, and nothing hidden`() async throws
    {
        try await Stage.run { stage in
            let first = try await stage.follower(Stage.actor("alice"), [ChangesTests.all])
            try await stage.database.run("insert into accounts values (1, 'alice')")
            try await first.waitForChange(1)
            let last = try #require(Self.lastID(first))
            first.session.closed()
            for id in 2...6 {
                try await stage.database.run("insert into accounts values (\(id), \(id % 2 == 0 ? "alice" : "bob"))")
            }
            let watch = try await stage.follower(Stage.actor("alice"), [ChangesTests.all], since: last)
            try await stage.database.run("insert into accounts values (8, 'alice')")
            try await watch.waitForChange(8)
            #expect(watch.changedIDs == [2, 4, 6, 8])
            #expect(!watch.messages("system").contains { $0.payload["gap"] != nil })
        }
    }

    @Test func `a cut inside a transaction resumes inside it`() async throws {
        try await Stage.run { stage in
            let first = try await stage.follower(Stage.actor("alice"), [ChangesTests.all])
            try await stage.database.run("insert into accounts select i, 'alice' from generate_series(1, 10) i")
            try await first.waitForChange(10)
            let middle = try #require(first.changes[4]["id"]?.string)
            let second = try await stage.follower(Stage.actor("alice"), [ChangesTests.all], since: middle)
            try await second.waitForChange(10)
            #expect(second.changedIDs == [6, 7, 8, 9, 10])
        }
    }

    @Test func `what left the log is announced as a gap`() async throws {
        var settings = RealtimeSettings()
        settings.limits.logChangesMax = 3
        try await Stage.run(settings) { stage in
            let first = try await stage.follower(Stage.actor("alice"), [ChangesTests.all])
            try await stage.database.run("insert into accounts values (1, 'alice')")
            try await first.waitForChange(1)
            let last = try #require(Self.lastID(first))
            try await stage.database.run("insert into accounts select i, 'alice' from generate_series(2, 10) i")
            try await first.waitForChange(10)
            let second = try await stage.follower(Stage.actor("alice"), [ChangesTests.all], since: last)
            #expect(second.messages("system").contains { $0.payload["gap"]?["until"]?.string == Self.lastID(first) })
            try await stage.database.run("insert into accounts values (11, 'alice')")
            try await second.waitForChange(11)
            #expect(second.changedIDs == [11])
            let bad = try stage.client(Stage.actor("alice"))
            #expect(await bad.join("realtime:x", ["since": "yesterday"])?["status"] == "error")
        }
    }

    @Test func `a change is never missed between the join's answer and the first read`() async throws {
        try await Stage.run { stage in
            // A writer without pause; each follower reads the table after its join and must be told everything behind it.
            let writer = Task {
                var id = 0
                while !Task.isCancelled {
                    id += 1
                    try await stage.database.run("insert into accounts values (\(id), 'alice')")
                }
            }
            for _ in 0..<20 {
                let client = try await stage.follower(Stage.actor("alice"), [ChangesTests.all])
                let known = try await stage.database.one("select coalesce(max(id), 0) from accounts", as: Int64.self)
                try await client.waitForChange(known + 3)
                let ids = client.changedIDs
                let first = try #require(ids.first)
                #expect(first <= known + 1)
                #expect(ids == Array(first...(first + Int64(ids.count) - 1)))
                client.session.closed()
            }
            writer.cancel()
            _ = await writer.result
        }
    }

    @Test func `a server whose connection is cut repeats nothing and loses nothing`() async throws {
        try await Stage.run { stage in
            let client = try await stage.follower(Stage.actor("alice"), [ChangesTests.all])
            for id in 1...30 {
                try await stage.database.run("insert into accounts values (\(id), 'alice')")
                if id % 10 == 0 {
                    try await stage.database.run(
                        "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = \(stage.settings.slot)"
                    )
                }
            }
            try await client.waitForChange(30)
            #expect(client.changedIDs == Array(1...30))
        }
    }

    @Test func `changes outlive a restart of the hub`() async throws {
        try await Stage.run { stage in
            let before = try await stage.follower(Stage.actor("alice"), [ChangesTests.all])
            try await stage.database.run("insert into accounts values (1, 'alice'), (2, 'alice')")
            try await before.waitForChange(2)
            let last = try #require(before.changes.first?["id"]?.string)
            try await withSecondHub(stage) { hub in
                try await stage.database.run("insert into accounts values (3, 'alice')")
                let client = try Client(hub, Stage.actor("alice"), .one, capacity: .max)
                _ = await client.join(
                    "realtime:x", ["postgres_changes": [ChangesTests.all], "since": .string(last)])
                try await client.waitForChange(3)
                #expect(client.changedIDs == [2, 3])
                #expect(!client.messages("system").contains { $0.payload["gap"] != nil })
                // Without an id only what comes from now on.
                let fresh = try Client(hub, Stage.actor("alice"), .one, capacity: .max)
                _ = await fresh.join("realtime:x", ["postgres_changes": [ChangesTests.all]])
                try await stage.database.run("insert into accounts values (4, 'alice')")
                try await fresh.waitForChange(4)
                #expect(fresh.changedIDs == [4])
            }
        }
    }

    private func withSecondHub(
        _ stage: Stage, _ body: @Sendable (RealtimeHub) async throws -> Void
    ) async throws {
        await stage.stop()
        let hub = Stage.hub(stage.database, stage.settings)
        let running = Task { try await hub.run() }
        let result: Result<Void, any Error>
        do { result = .success(try await body(hub)) } catch { result = .failure(error) }
        running.cancel()
        _ = await running.result
        try result.get()
    }

    @Test func `a slot that was dropped is made again and the gap is told`() async throws {
        try await Stage.run { stage in
            let client = try await stage.follower(Stage.actor("alice"), [ChangesTests.all])
            try await stage.database.withConnection { connection in
                while true {
                    do {
                        try await connection.run(
                            """
                            select pg_terminate_backend(active_pid) from pg_replication_slots
                            where slot_name = \(stage.settings.slot) and active_pid is not null
                            """)
                        try await connection.run(
                            """
                            select pg_drop_replication_slot(slot_name) from pg_replication_slots
                            where slot_name = \(stage.settings.slot)
                            """)
                        return
                    } catch let error as PostgresError where error.sqlState == "55006" {}
                }
            }
            try await eventually { client.messages("system").contains { $0.payload["gap"] != nil } }
            try await stage.database.run("insert into accounts values (1, 'alice')")
            try await client.waitForChange(1)
        }
    }

    @Test func `the slot lets the log go when nothing of ours is in it`() async throws {
        var settings = RealtimeSettings()
        settings.limits.logChangesMax = 1
        settings.limits.slotBytesKept = 0
        try await Stage.run(settings) { stage in
            try await stage.database.run("create table noise (t text)")
            try await stage.database.run("insert into noise select repeat('n', 1000) from generate_series(1, 5000)")
            let mark = try await stage.database.one("select pg_current_wal_lsn()::text", as: String.self)
            try await eventually("the slot's progress") {
                try await stage.database.one(
                    """
                    select confirmed_flush_lsn >= \(mark)::pg_lsn from pg_replication_slots
                    where slot_name = \(stage.settings.slot)
                    """, as: Bool.self)
            }
        }
    }
}
