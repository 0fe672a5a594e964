import Foundation
import Postgres
import TestSupport
import Testing
import Web

@testable import Automation

/// Scenarios that the server's log starts.
@Suite struct FeedTests {
    private static func scenario(_ when: String = "true", on: String = "insert, update, delete") -> String {
        """
        name: journal
        title: {fr: Journal, en: Log}
        trigger:
          changes: public.things
          "on": [\(on)]
          key: kind
          fields: {id: integer, kind: text, amount: money, at: time, flag: boolean, j: object, list: list}
        when: \(when)
        steps:
        \(webhookStep)
        """
    }

    /// A database whose owner may replicate, with a feed's slot gone at the end.
    private func with(
        _ scenarios: [String], _ body: @Sendable (Database, ScenarioLibrary, ChangeFeed, String) async throws -> Void
    ) async throws {
        try await withTestDatabase(automationTemplate) { plain in
            let name = try await plain.one("select current_database()::text", as: String.self)
            let database = Database(try await TestCluster.configuration(database: name))
            try await database.run(
                "alter table public.things add column flag boolean, add column j jsonb, add column list integer[]")
            try await withTemporaryDirectory { folder in
                for (index, text) in scenarios.enumerated() {
                    try Data(text.utf8).write(to: URL(filePath: folder + "/\(index).yml"))
                }
                let library = ScenarioLibrary(folders: [folder])
                try await library.reload(database)
                let feed = ChangeFeed(database: database)
                let slot = try #require(try await feed.prepare(library.active))
                let result: Result<Void, any Error>
                do {
                    result = .success(try await body(database, library, feed, slot))
                } catch {
                    result = .failure(error)
                }
                try await Self.drop(slot, database)
                try result.get()
            }
            await database.close()
        }
    }

    private static func drop(_ slot: String, _ database: Database) async throws {
        for _ in 0..<1200 {
            try await FeedStore(database: database).dropSlot(slot)
            if try await !FeedStore(database: database).hasSlot(slot) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("the slot \(slot) is still read")
    }

    /// Reads until the outbox has so many events from the log, or for ever.
    private static func read(
        _ feed: ChangeFeed, _ slot: String, _ library: ScenarioLibrary, _ database: Database, until count: Int
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                while !Task.isCancelled { try await feed.read(slot) { library.active } }
            }
            for _ in 0..<2400 {
                if try await events(database).count >= count { break }
                try await Task.sleep(for: .milliseconds(50))
            }
            group.cancelAll()
        }
    }

    private static func events(_ database: Database) async throws -> [String] {
        try await database.all(
            """
            select operation || ' ' || payload::text from automation.outbox where source = 'changes:public.things'
            order by id
            """, as: String.self)
    }

    @Test("inserts, updates and deletions come typed as a trigger would write them, in the order of commits")
    func typed() async throws {
        try await with([Self.scenario()]) { database, library, feed, slot in
            try await database.run(
                """
                insert into public.things (id, kind, amount, at, flag, j, list)
                values (1, 'é "a"', 1250, '2026-11-29 02:00:00+00', true, '{"x": [1]}', '{1,2}')
                """)
            try await database.run("update public.things set amount = null, flag = false where id = 1")
            try await database.run("alter table public.things replica identity full")
            try await database.run("update public.things set amount = 7 where id = 1")
            try await database.run("delete from public.things where id = 1")
            // A transaction that is undone tells nothing.
            try? await database.transaction { tx in
                try await tx.run("insert into public.things (id) values (9)")
                throw CancellationError()
            }
            try await Self.read(feed, slot, library, database, until: 4)
            let events = try await Self.events(database)
            try #require(events.count == 4, "\(events)")
            let first = try JSONReader.read(String(events[0].dropFirst("insert ".count)))
            #expect(events[0].hasPrefix("insert ") && first["id"]?.integer == 1 && first["amount"]?.integer == 1250)
            #expect(first["kind"]?.string == "é \"a\"" && first["flag"]?.bool == true)
            #expect(first["j"]?["x"]?.array?.count == 1 && first["list"]?.array?.count == 2)
            #expect(first["at"]?.string?.hasPrefix("2026-11-29T") == true)
            let second = try JSONReader.read(String(events[1].dropFirst("update ".count)))
            #expect(second["amount"]?.isNull == true && second["old"] == nil)
            let third = try JSONReader.read(String(events[2].dropFirst("update ".count)))
            #expect(third["amount"]?.integer == 7 && third["old"]?["amount"]?.isNull == true)
            let fourth = try JSONReader.read(String(events[3].dropFirst("delete ".count)))
            #expect(fourth["id"]?.integer == 1 && fourth["amount"]?.integer == 7)
            let triggers = try await database.one(
                "select count(*) from pg_trigger where tgrelid = 'public.things'::regclass", as: Int64.self)
            #expect(triggers == 0)
        }
    }

    @Test("readers that are cut off at any moment, two at once, take each change once and in order")
    func once() async throws {
        try await with([Self.scenario(on: "insert")]) { database, library, feed, slot in
            let count = isLongRun ? 40_000 : 1_000
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for start in stride(from: 1, through: count, by: 20) {
                        try await database.run(
                            """
                            insert into public.things (id, kind)
                            select g, 'a' from generate_series(\(start), \(start + 19)) g order by g
                            """)
                    }
                    // One that is larger than what is written at once.
                    try await database.run(
                        """
                        insert into public.things (id, kind)
                        select g, 'a' from generate_series(\(count + 1), \(count + 6000)) g order by g
                        """)
                }
                for _ in 0..<2 {
                    group.addTask {
                        while try await Self.events(database).count < count + 6000 {
                            try? await feed.read(slot) { library.active }
                        }
                    }
                }
                group.addTask {
                    while try await Self.events(database).count < count + 6000 {
                        try await Task.sleep(for: .milliseconds(300))
                        try await database.run(
                            """
                            select pg_terminate_backend(active_pid) from pg_replication_slots
                            where slot_name = \(slot) and active_pid is not null
                            """)
                    }
                    // The reader that still waits for a change ends with its connection.
                    for _ in 0..<40 {
                        try await Task.sleep(for: .milliseconds(100))
                        try await database.run(
                            "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = \(slot)"
                        )
                    }
                }
                try await group.waitForAll()
            }
            let ids = try await database.all(
                "select (payload ->> 'id')::int from automation.outbox order by id", as: Int.self)
            #expect(ids == Array(1...(count + 6000)))
        }
    }

    @Test("a change runs its scenario, and without one that follows changes the slot goes")
    func scenario() async throws {
        try await with([Self.scenario("event.kind = 'rouge'", on: "delete")]) { database, library, feed, slot in
            try await database.run("alter table public.things replica identity full")
            try await database.run("insert into public.things (id, kind) values (1, 'rouge'), (2, 'vert')")
            try await database.run("delete from public.things")
            try await Self.read(feed, slot, library, database, until: 2)
            _ = try await Intake(database: database, settings: Bench.settings()).pass(library.active)
            let runs = try await database.all(
                "select event ->> 'operation' || ' ' || (event ->> 'kind') from automation.runs", as: String.self)
            #expect(runs == ["delete rouge"])
            let lag = try await database.one(
                "select value from automation.indicators where name = 'digitalbank_automation_feed_lag_bytes'",
                as: Double.self)
            #expect(lag >= 0)
            #expect(try await feed.prepare([]) == nil)
            #expect(try await !FeedStore(database: database).hasSlot(slot))
            let left = try await database.one(
                "select count(*) from pg_publication where pubname = 'digitalbank_automation'", as: Int64.self)
            #expect(left == 0)
        }
    }

    @Test("an owner who may not replicate is told so, and nothing else stops")
    func notAllowed() async throws {
        try await Bench.with([Self.scenario().replacing(", flag: boolean, j: object, list: list", with: "")]) { bench in
            await #expect(throws: AutomationError.self) {
                _ = try await ChangeFeed(database: bench.database).prepare(bench.engine.library.active)
            }
            try await bench.running {
                try await bench.wait { bench.engine.lastProblem?.contains("may not replicate") == true }
            }
        }
    }
}
