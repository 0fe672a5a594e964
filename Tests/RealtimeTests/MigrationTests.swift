import Migrations
import Postgres
import Realtime
import TestSupport
import Testing
import Web

@Suite struct MigrationTests {
    @Test func `the schema is made by an owner who is no superuser, and closed to everybody`() async throws {
        try await withTestDatabase { database in
            // Roles are the cluster's: a superuser makes them and lets the owner become them.
            _ = try await Migrator(database).apply([try RealtimeMigrations.set()])
        }
        try await TestCluster.runAsSuperuser(
            "grant anon, authenticated, service_role to \(identifier: TestOwner.plainName)")
        try await withTestDatabase(owner: .plain) { database in
            _ = try await Migrator(database).apply([try RealtimeMigrations.set()])
            #expect(try await Migrator(database).apply([try RealtimeMigrations.set()]).applied.isEmpty)
            let open = try await database.one(
                """
                select count(*) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
                where n.nspname = 'realtime' and has_function_privilege('anon', p.oid, 'execute') and p.proname <> 'topic'
                """, as: Int.self)
            #expect(open == 0)
            let entered = try await database.one(
                "select has_schema_privilege('public', 'realtime', 'usage')", as: Bool.self)
            #expect(!entered)
        }
    }

    @Test func `a role that may not replicate is told so`() async throws {
        try await withTestDatabase { database in
            _ = try await Migrator(database).apply([try RealtimeMigrations.set()])
        }
        try await TestCluster.runAsSuperuser(
            "grant anon, authenticated, service_role to \(identifier: TestOwner.plainName)")
        try await withTestDatabase(owner: .plain) { database in
            let hub = Stage.hub(database, RealtimeSettings())
            let error = await #expect(throws: RealtimeError.self) { try await hub.run() }
            #expect(error?.code == "realtime_no_replication")
        }
    }

    @Test func `a database without the schema is told so`() async throws {
        try await withTestDatabase { database in
            let hub = Stage.hub(database, RealtimeSettings())
            let error = await #expect(throws: RealtimeError.self) { try await hub.run() }
            #expect(error?.code == "realtime_not_migrated")
        }
    }

    @Test func `days get their partition, and old ones go`() async throws {
        try await withTestDatabase(accounts) { database in
            try await database.run("select realtime.maintain(2, 3)")
            try await database.run("select realtime.send('{}', 'e', 't')")
            let counts = try await database.one(
                """
                select (select count(*) from pg_inherits where inhparent = 'realtime.messages'::regclass)
                    || ' ' || (select count(*) from realtime.messages_default)
                    || ' ' || (select count(*) from realtime.messages)
                """, as: String.self)
            #expect(counts == "4 0 1")
            try await database.run(
                "create table realtime.messages_2001_01_01 partition of realtime.messages for values from ('2001-01-01') to ('2001-01-02')"
            )
            try await database.run("select realtime.maintain(2, 3)")
            let old = try await database.one(
                "select to_regclass('realtime.messages_2001_01_01') is null", as: Bool.self)
            #expect(old)
        }
    }

    @Test func `broadcast_changes refuses what is no change of a row`() async throws {
        try await withTestDatabase(accounts) { database in
            for call: Statement in [
                "select realtime.broadcast_changes('t', 'e', 'INSERT', 'a', 'b', null::accounts, null::accounts, 'STATEMENT')",
                "select realtime.broadcast_changes('t', 'e', 'TRUNCATE', 'a', 'b', null::accounts, null::accounts)",
            ] {
                let error = await #expect(throws: PostgresError.self) { try await database.run(call) }
                #expect(error?.sqlState == "P0001")
            }
        }
    }
}
