import Postgres
import TestSupport
import Testing

@Suite struct ReplicationTests {
    /// A database with a publication of everything and a slot, which is gone before the database is.
    private func withSlot(
        _ schema: String,
        _ body: @Sendable (Database, DatabaseConfiguration, ReplicationStream.Options) async throws -> Void
    ) async throws {
        try await withTestDatabase { database in
            let slot = TestCluster.freshName("slot")
            try await database.withConnection { try await $0.runScript(schema) }
            try await database.run("create publication everything for all tables")
            try await database.run("select pg_create_logical_replication_slot(\(slot), 'pgoutput')")
            var options = ReplicationStream.Options(slot: slot, publications: ["everything"])
            options.statusInterval = .milliseconds(50)
            let result: Result<Void, any Error>
            do {
                result = .success(try await body(database, database.configuration, options))
            } catch {
                result = .failure(error)
            }
            try await Self.drop(slot, in: database)
            try result.get()
        }
    }

    /// A connection that was just closed may hold the slot a moment longer.
    private static func drop(_ slot: String, in database: Database) async throws {
        while true {
            do {
                try await database.run("select pg_drop_replication_slot(\(slot))")
                return
            } catch let error as PostgresError where error.sqlState == "55006" {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    private func changes(_ count: Int, from stream: ReplicationStream) async throws -> [ReplicationMessage] {
        var found: [ReplicationMessage] = []
        while found.count(where: \.isChange) < count {
            let some = try await stream.next(upTo: 1000)
            if some.isEmpty { return found }
            found += some
        }
        return found
    }

    @Test func `inserts, updates, deletes and truncates arrive decoded and in order`() async throws {
        let schema = """
            create table t (id int primary key, word text, big text);
            alter table t alter big set storage external;
            create table f (id int, word text);
            alter table f replica identity full;
            """
        try await withSlot(schema) { database, configuration, options in
            let stream = try await ReplicationStream.start(configuration, options)
            defer { stream.close() }
            let big = String(repeating: "x", count: 10_000)
            try await database.run("insert into t values (1, 'é', \(big))")
            try await database.run("update t set word = null where id = 1")
            try await database.run("update t set id = 2 where id = 1")
            try await database.run("delete from t where id = 2")
            try await database.run("insert into f values (1, 'a')")
            try await database.run("update f set word = 'b'")
            try await database.run("delete from f")
            try await database.run("truncate t")
            let messages = try await changes(8, from: stream)
            let found = messages.filter(\.isChange)
            try #require(found.count == 8)
            guard case .insert(_, let inserted) = found[0], case .update(_, nil, let updated) = found[1],
                case .update(_, .key(let key), _) = found[2], case .delete(_, .key(let deleted)) = found[3],
                case .update(_, .full(let before), let after) = found[5], case .delete(_, .full(let last)) = found[6],
                case .truncate(let ids) = found[7]
            else {
                Issue.record("other messages: \(found)")
                return
            }
            #expect(inserted.values == [.text("1"), .text("é"), .text(big)])
            #expect(updated.values == [.text("1"), .null, .unchanged])
            #expect(key.values == [.text("1"), .null, .null])
            #expect(deleted.values == [.text("2"), .null, .null])
            #expect(before.values == [.text("1"), .text("a")])
            #expect(after.values == [.text("1"), .text("b")])
            #expect(last.values == after.values)
            #expect(ids.count == 1)
            let relations = messages.compactMap { if case .relation(let found) = $0 { found } else { nil } }
            #expect(relations.first?.name == "t" && relations.first?.schema == "public")
            #expect(relations.first?.columns.map(\.isKey) == [true, false, false])
            #expect(relations.first { $0.name == "f" }?.identity == .full)
        }
    }

    @Test func `a new stream goes on behind what was confirmed, and repeats what was not`() async throws {
        try await withSlot("create table t (id int primary key)") { database, configuration, options in
            let first = try await ReplicationStream.start(configuration, options)
            try await database.run("insert into t values (1)")
            try await database.run("insert into t values (2)")
            let messages = try await changes(2, from: first)
            let commit = messages.compactMap { if case .commit(let mark) = $0 { mark.endPosition } else { nil } }[0]
            first.confirm(upTo: commit)
            while try await confirmed(options.slot, database) < commit {
                try await Task.sleep(for: .milliseconds(10))
            }
            first.close()
            let second = try await restarted(configuration, options)
            defer { second.close() }
            try await database.run("insert into t values (3)")
            let found = try await changes(2, from: second).compactMap { message in
                if case .insert(_, let row) = message { row.values } else { nil }
            }
            #expect(found == [[.text("2")], [.text("3")]])
        }
    }

    @Test func `a reader that stands still holds the server back, and loses nothing`() async throws {
        try await withSlot("create table t (id int primary key, word text)") { database, configuration, options in
            var options = options
            options.bufferedBytesMax = 10_000
            let stream = try await ReplicationStream.start(configuration, options)
            defer { stream.close() }
            try await database.run("insert into t select i, repeat('w', 100) from generate_series(1, 5000) i")
            try await Task.sleep(for: .milliseconds(200))
            var ids: [String] = []
            while ids.count < 5000 {
                for message in try await stream.next(upTo: 77) {
                    if case .insert(_, let row) = message, case .text(let id) = row.values[0] { ids.append(id) }
                }
            }
            #expect(ids == (1...5000).map(String.init))
        }
    }

    @Test func `an idle log moves on`() async throws {
        try await withSlot("create table t (id int primary key)") { database, configuration, options in
            let stream = try await ReplicationStream.start(configuration, options)
            defer { stream.close() }
            for try await message in stream {
                guard case .progress(let position) = message else { continue }
                stream.confirm(upTo: position)
                break
            }
        }
    }

    @Test func `a slot that is missing, or in use, is said`() async throws {
        try await withSlot("create table t (id int primary key)") { _, configuration, options in
            var wrong = options
            wrong.slot = "no_such_slot"
            let missing = await #expect(throws: PostgresError.self) {
                _ = try await ReplicationStream.start(configuration, wrong)
            }
            #expect(missing?.sqlState == "42704")
            let stream = try await ReplicationStream.start(configuration, options)
            defer { stream.close() }
            let busy = await #expect(throws: PostgresError.self) {
                _ = try await ReplicationStream.start(configuration, options)
            }
            #expect(busy?.sqlState == "55006")
        }
    }

    @Test func `a connection that is cut ends the stream with an error`() async throws {
        try await withSlot("create table t (id int primary key)") { database, configuration, options in
            let stream = try await ReplicationStream.start(configuration, options)
            try await database.run(
                "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = \(options.slot)")
            let error = await #expect(throws: PostgresError.self) { for try await _ in stream {} }
            #expect(error?.kind == .connectionLost)
        }
    }

    @Test func `a cancelled reader ends`() async throws {
        try await withSlot("create table t (id int primary key)") { _, configuration, options in
            let stream = try await ReplicationStream.start(configuration, options)
            let reader = Task { for try await _ in stream {} }
            try await Task.sleep(for: .milliseconds(50))
            reader.cancel()
            _ = await reader.result
        }
    }

    @Test func `positions are read and printed as PostgreSQL does`() {
        #expect(LogPosition("16/B374D848")?.rawValue == 0x16_B374_D848)
        #expect(LogPosition("16/B374D848")?.description == "16/B374D848")
        for bad in ["", "16", "16/", "/16", "16/+1", "1/2/3", "16/123456789"] { #expect(LogPosition(bad) == nil) }
    }

    private func confirmed(_ slot: String, _ database: Database) async throws -> LogPosition {
        let text = try await database.one(
            "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = \(slot)", as: String.self)
        return LogPosition(text) ?? LogPosition(0)
    }

    private func restarted(
        _ configuration: DatabaseConfiguration, _ options: ReplicationStream.Options
    ) async throws -> ReplicationStream {
        while true {
            do {
                return try await ReplicationStream.start(configuration, options)
            } catch let error as PostgresError where error.sqlState == "55006" {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}

extension ReplicationMessage {
    fileprivate var isChange: Bool {
        switch self {
        case .insert, .update, .delete, .truncate: true
        case .begin, .commit, .relation, .progress: false
        }
    }
}
