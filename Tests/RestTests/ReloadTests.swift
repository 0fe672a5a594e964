import Foundation
import HTTPTypes
import Migrations
import Postgres
import Rest
import TestSupport
import Testing
import Web

@Suite struct ReloadTests {
    // group: schema cache
    private func watching(
        _ cinema: Cinema, heartbeat: Duration = .seconds(15), _ body: (SchemaCache) async throws -> Void
    ) async throws {
        let cache = SchemaCache(database: cinema.database, schemas: ["public"], heartbeat: heartbeat)
        let running = Task { try await cache.run() }
        try await eventually { cache.isLoaded }
        do { try await body(cache) } catch {
            running.cancel()
            throw error
        }
        running.cancel()
        _ = await running.result
    }

    private func eventually(_ isSo: () async throws -> Bool) async throws {
        for _ in 0..<600 {
            if try await isSo() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        Issue.record("it did not happen within 30 seconds")
    }

    @Test func `a changed schema announces itself, and many changes are few reloads`() async throws {
        try await Cinema.kept { cinema in
            let isAnnounced = try await cinema.cache.isAnnounced()
            #expect(isAnnounced)
            try await watching(cinema) { cache in
                // The first connection to listen may hear of the template's own making.
                try await Task.sleep(for: .milliseconds(400))
                let before = cache.generation
                for number in 0..<30 {
                    try await cinema.database.run("create table \(identifier: "t\(number)") (id int)")
                }
                try await eventually { cache.generation > before }
                try await Task.sleep(for: .milliseconds(400))
                let after = cache.generation
                #expect(after - before <= 10, "\(after - before) reloads for 30 changes")
                try await cinema.database.run("drop table t1")
                try await eventually { cache.generation > after }
            }
        }
    }

    @Test func `temporary tables are nobody's news`() async throws {
        try await Cinema.kept { cinema in
            try await watching(cinema) { cache in
                try await Task.sleep(for: .milliseconds(400))
                let before = cache.generation
                try await cinema.database.withConnection { connection in
                    try await connection.runScript("create temporary table passing (id int); drop table passing;")
                }
                try await Task.sleep(for: .milliseconds(500))
                #expect(cache.generation == before)
            }
        }
    }

    @Test func `a listening connection that is killed comes back and reloads`() async throws {
        try await Cinema.kept { cinema in
            try await watching(cinema) { cache in
                for _ in 0..<3 {
                    let before = cache.generation
                    let killed = try await cinema.database.one(
                        """
                        select count(pg_terminate_backend(pid)) from pg_stat_activity
                        where datname = current_database() and query ilike 'listen%' and pid <> pg_backend_pid()
                        """, as: Int.self)
                    #expect(killed >= 1)
                    try await eventually { cache.generation > before }
                }
                let before = cache.generation
                try await cinema.database.run("notify pgrst, 'reload schema'")
                try await eventually { cache.generation > before }
            }
        }
    }

    @Test func `a connection that no longer listens is found by its heartbeat`() async throws {
        try await Cinema.kept { cinema in
            try await watching(cinema, heartbeat: .milliseconds(100)) { cache in
                // Heartbeats go round without a reload.
                try await Task.sleep(for: .milliseconds(600))
                let before = cache.generation
                try await Task.sleep(for: .milliseconds(600))
                #expect(cache.generation == before)
                try await cinema.database.run("notify pgrst, 'reload schema'")
                try await eventually { cache.generation > before }
            }
        }
    }

    @Test func `a listening connection that has gone silent is given up`() async throws {
        try await Cinema.kept { cinema in
            try await watching(cinema, heartbeat: .milliseconds(200)) { cache in
                let listener = try await cinema.database.one(
                    """
                    select pid::bigint from pg_stat_activity
                    where datname = current_database() and query ilike 'listen%'
                    """, as: Int.self)
                let before = cache.generation
                // Stopped, not killed: its socket stays open and says nothing.
                try #require(kill(Int32(listener), SIGSTOP) == 0)
                defer { kill(Int32(listener), SIGCONT) }
                try await eventually { cache.generation > before }
            }
        }
    }

    @Test func `where event triggers are not allowed the migration still stands`() async throws {
        try await withTestDatabase(owner: .plain) { database in
            try await Migrator(database).apply([try RestMigrations.set()])
            let cache = SchemaCache(database: database, schemas: ["public"])
            let isAnnounced = try await cache.isAnnounced()
            #expect(!isAnnounced)
        }
    }
}
