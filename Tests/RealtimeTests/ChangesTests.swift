import Postgres
import Realtime
import TestSupport
import Testing
import Web

@Suite struct ChangesTests {
    static let all: JSON = ["event": "*", "schema": "public", "table": "accounts"]

    @Test(arguments: ProtocolVersion.allCases)
    func `each follower gets the rows that its policy shows, whole and typed`(version: ProtocolVersion) async throws {
        try await Stage.run { stage in
            let alice = try await stage.follower(Stage.actor("alice"), [Self.all], version)
            let bob = try await stage.follower(Stage.actor("bob"), [Self.all], version)
            try await stage.database.run(
                """
                insert into accounts values (1, 'alice', 12.50, 'é"', 'hidden', '{"a": [1]}', '{x,y}', '2026-01-02 03:04:05+00'),
                    (2, 'bob', 3, null, 's', null, null, null)
                """)
            try await alice.waitForChange(1)
            try await bob.waitForChange(2)
            #expect(alice.changedIDs == [1])
            #expect(bob.changedIDs == [2])
            let data = try #require(alice.changes.first)
            #expect(data["type"] == "INSERT" && data["schema"] == "public" && data["table"] == "accounts")
            #expect(data["errors"] == .null)
            let record = try #require(data["record"])
            #expect(
                record.text
                    == #"{"id":1,"owner":"alice","balance":12.50,"note":"é\"","meta":{"a": [1]},"tags":["x","y"],"seen_at":"2026-01-02T03:04:05+00:00"}"#
                    .replacing(#"{"a": [1]}"#, with: #"{"a":[1]}"#))
            #expect(data["columns"]?.array?.first?.text == #"{"name":"id","type":"int4"}"#)
            #expect(ChangeID(data["id"]?.string ?? "") != nil)
            let message = try #require(alice.messages("postgres_changes").first)
            #expect(message.reference == .null)
            #expect(message.payload["ids"]?.array?.count == 1)
        }
    }

    @Test func `the join answers the subscriptions in order, with numbers that are not zero`() async throws {
        try await Stage.run { stage in
            let client = try stage.client(Stage.actor("alice"))
            let asked: [JSON] = [
                ["event": "INSERT", "schema": "public", "table": "accounts", "filter": "balance=gt.1"],
                ["event": "*", "schema": "public"], ["event": "DELETE", "schema": "public", "table": "keyed"],
            ]
            let reply = try #require(await client.join("realtime:x", ["postgres_changes": .array(asked)]))
            let answered = try #require(reply["response"]?["postgres_changes"]?.array)
            #expect(answered.count == 3)
            for (entry, wanted) in zip(answered, asked) {
                #expect((entry["id"]?.integer ?? 0) > 0)
                for name in ["event", "schema", "table", "filter"] { #expect(entry[name] == wanted[name]) }
            }
            #expect(client.messages.map(\.event).prefix(2) == ["phx_reply", "system"])
            #expect(client.messages("system").first?.payload["status"] == "ok")
        }
    }

    @Test func `updates and deletes are judged on the rows as they were`() async throws {
        try await Stage.run { stage in
            try await stage.database.run("insert into accounts values (1, 'alice', 1), (2, 'alice', 1), (3, 'bob', 1)")
            let alice = try await stage.follower(Stage.actor("alice"), [Self.all])
            let bob = try await stage.follower(Stage.actor("bob"), [Self.all])
            // Given to bob: alice sees nothing of it, and bob nothing of how it was.
            try await stage.database.run("update accounts set owner = 'bob', note = 'new' where id = 1")
            try await stage.database.run("update accounts set balance = 2 where id = 2")
            try await stage.database.run("delete from accounts where id = 2")
            try await stage.database.run("delete from accounts where id = 3")
            try await eventually { alice.changes.count >= 2 && bob.changes.count >= 2 }
            #expect(alice.changes.map { $0["type"]?.string } == ["UPDATE", "DELETE"])
            #expect(alice.changes[0]["old_record"]?["balance"]?.text == "1.00")
            #expect(alice.changes[0]["record"]?["balance"]?.text == "2.00")
            #expect(alice.changes[1]["old_record"]?["id"] == 2)
            #expect(alice.changes[1]["record"] == nil)
            #expect(bob.changes.map { $0["type"]?.string } == ["UPDATE", "DELETE"])
            #expect(bob.changes[0]["record"]?["note"] == "new")
            #expect(bob.changes[0]["old_record"]?.members?.isEmpty == true)
            #expect(bob.changes[1]["old_record"]?["id"] == 3)
        }
    }

    @Test func `a delete known by its key goes only to those whose policy needs no more`() async throws {
        try await Stage.run { stage in
            try await stage.database.run("insert into keyed values (1, 'alice'), (2, 'alice')")
            try await stage.database.run("insert into bykey values (1), (200), (3)")
            let entries: [JSON] = [
                ["event": "*", "schema": "public", "table": "keyed"],
                ["event": "*", "schema": "public", "table": "bykey"],
            ]
            let alice = try await stage.follower(Stage.actor("alice"), entries)
            try await stage.database.run("delete from keyed where id = 1")
            try await stage.database.run("delete from bykey where id < 300")
            try await stage.database.run("insert into keyed values (9, 'alice')")
            try await alice.waitForChange(9)
            #expect(alice.changes.map { $0["table"]?.string } == ["bykey", "bykey", "keyed"])
            #expect(alice.changedIDs == [1, 3, 9])
        }
    }

    @Test(arguments: [
        ("balance=eq.5", [5]), ("balance=neq.5", [1, 9]), ("balance=gt.4", [5, 9]), ("balance=gte.5", [5, 9]),
        ("balance=lt.5", [1]), ("balance=lte.5", [1, 5]), ("balance=in.(1,9)", [1, 9]),
        ("balance=not.in.(1,9)", [5]), ("note=like.n%5", [5]), ("note=ilike.N5", [5]), ("note=match.^n[59]$", [5, 9]),
        ("note=is.null", [1]), ("note=not.is.null", [5, 9]), ("note=isdistinct.n5", [1, 9]),
        ("balance=gt.1,note=eq.n5", [5]), ("note=in.(\"n5\",\"a,b\")", [5]), ("id=not.eq.5,balance=lt.9", [1]),
    ])
    func `a filter passes what it says`(filter: String, expected: [Int64]) async throws {
        try await Stage.run { stage in
            let entry: JSON = ["event": "INSERT", "schema": "public", "table": "accounts", "filter": .string(filter)]
            let client = try stage.client(Stage.actor("alice"))
            _ = await client.join("realtime:filtered", ["postgres_changes": [entry]])
            _ = await client.join("realtime:all", ["postgres_changes": [Self.all]])
            try await stage.database.run(
                "insert into accounts (id, owner, balance, note) values (1, 'alice', 1, null), (5, 'alice', 5, 'n5'), (9, 'alice', 9, 'n9')"
            )
            try await eventually {
                client.messages.contains { $0.topic == "realtime:all" && $0.payload["data"]?["record"]?["id"] == 9 }
            }
            let found = client.messages("postgres_changes").filter { $0.topic == "realtime:filtered" }
                .compactMap { $0.payload["data"]?["record"]?["id"]?.integer }
            #expect(found == expected)
        }
    }

    static let refusals: [(JSON, String)] = [
        (["event": "*", "schema": "public", "table": "nope"], "UnableToSubscribe"),
        (["event": "*", "schema": "public", "table": "unpublished"], "UnableToSubscribe"),
        (["event": "*", "schema": "public", "table": "open_table"], "Unauthorized"),
        (["event": "*", "schema": "public", "table": "accounts", "filter": "secret=eq.x"], "Unauthorized"),
        (["event": "*", "schema": "public", "table": "accounts", "select": ["secret"]], "Unauthorized"),
        (["event": "*", "schema": "public", "table": "accounts", "filter": "balance=eq.abc"], "InvalidFilter"),
        (["event": "*", "schema": "public", "table": "accounts", "filter": "balance"], "InvalidFilter"),
        (["event": "*", "schema": "public", "table": "accounts", "filter": "balance=zz.1"], "InvalidFilter"),
        (["event": "*", "schema": "public", "filter": "balance=eq.1"], "InvalidFilter"),
        (["event": "SELECT", "schema": "public", "table": "accounts"], "InvalidJoinPayload"),
        (["event": "*", "schema": "public", "table": "accounts", "filter": "id\" or \"id=eq.1"], "Unauthorized"),
        (["event": "*", "schema": "public", "table": "accounts", "filter": "note=match.["], "InvalidFilter"),
    ]

    @Test func `a subscription that could never deliver is refused with a reason`() async throws {
        try await Stage.run { stage in
            let client = try stage.client(Stage.actor("alice"))
            for (entry, code) in Self.refusals {
                let reply = await client.join("realtime:x", ["postgres_changes": [entry]])
                #expect(reply?["status"] == "error", "\(entry.text)")
                #expect(reply?["response"]?["reason"]?.string?.hasPrefix(code + ": ") == true, "\(reply?.text ?? "")")
            }
        }
    }

    @Test func `only the columns asked for and the key are sent, and never one without the right`() async throws {
        try await Stage.run { stage in
            let entry: JSON = ["event": "*", "schema": "public", "table": "accounts", "select": ["balance"]]
            let alice = try await stage.follower(Stage.actor("alice"), [entry])
            let all = try await stage.follower(Stage.actor("alice"), [["event": "*", "schema": "public"]])
            try await stage.database.run("insert into accounts (id, owner, secret) values (1, 'alice', 'sésame')")
            try await alice.waitForChange(1)
            try await all.waitForChange(1)
            #expect(alice.changes[0]["record"]?.text == #"{"id":1,"balance":0.00}"#)
            #expect(!all.frames.contains { if case .text(let text) = $0 { text.contains("sésame") } else { false } })
        }
    }

    @Test func `a large value that an update left alone is there all the same`() async throws {
        try await Stage.run { stage in
            let big = String(repeating: "b", count: 20_000)
            try await stage.database.run("alter table accounts replica identity default")
            try await stage.database.run("insert into accounts (id, owner, note) values (1, 'alice', \(big))")
            let alice = try await stage.follower(Stage.actor("alice"), [Self.all])
            try await stage.database.run("update accounts set balance = 7 where id = 1")
            try await alice.waitForChange(1)
            #expect(alice.changes[0]["record"]?["note"]?.string == big)
        }
    }

    @Test func `a policy that fails shows nothing, says so, and stops nobody else`() async throws {
        try await Stage.run { stage in
            let fragile: JSON = ["event": "*", "schema": "public", "table": "fragile"]
            let alice = try await stage.follower(Stage.actor("alice"), [fragile, Self.all])
            try await stage.database.run("insert into fragile values (1, 0)")
            try await stage.database.run("insert into accounts values (2, 'alice')")
            try await alice.waitForChange(2)
            #expect(alice.changedIDs == [2])
            #expect(alice.messages("system").contains { $0.payload["status"] == "error" })
        }
    }

    @Test func `a filter that fails on a row ends its own subscription, not those of others`() async throws {
        try await Stage.run { stage in
            // A pattern that ends in its escape character: an error only once a value gets that far.
            let entry: JSON = ["event": "*", "schema": "public", "table": "accounts", "filter": #"note=like.a\"#]
            let failing = try await stage.follower(Stage.actor("alice"), [entry])
            let alice = try await stage.follower(Stage.actor("alice"), [Self.all])
            for id in 1...3 {
                try await stage.database.run("insert into accounts (id, owner, note) values (\(id), 'alice', 'abc')")
            }
            try await alice.waitForChange(3)
            #expect(alice.changedIDs == [1, 2, 3])
            #expect(failing.changes.isEmpty)
            #expect(failing.messages("system").filter { $0.payload["status"] == "error" }.count == 1)
        }
    }

    @Test func `a table without row level security is served to trusted roles and when it is named`() async throws {
        var settings = RealtimeSettings()
        settings.openTables = ["public.open_table"]
        let entry: JSON = ["event": "*", "schema": "public", "table": "open_table"]
        try await Stage.run(settings) { stage in
            let anyone = try await stage.follower(Stage.actor("alice"), [entry])
            try await stage.database.run("insert into open_table values (1)")
            try await anyone.waitForChange(1)
        }
        try await Stage.run { stage in
            let trusted = try await stage.follower(Stage.service, [entry])
            let broad = try await stage.follower(Stage.actor("alice"), [["event": "*", "schema": "*"]])
            try await stage.database.run("insert into open_table values (1)")
            try await stage.database.run("insert into accounts values (2, 'alice')")
            try await trusted.waitForChange(1)
            try await broad.waitForChange(2)
            #expect(broad.changedIDs == [2])
        }
    }

    @Test func `a policy that changes counts for the next rows`() async throws {
        try await Stage.run { stage in
            let alice = try await stage.follower(
                Stage.actor("alice"), [Self.all, ["event": "*", "schema": "public", "table": "keyed"]])
            try await stage.database.run("insert into accounts values (1, 'alice')")
            try await alice.waitForChange(1)
            try await stage.database.run("alter policy own on accounts using (owner = 'nobody')")
            try await stage.database.run("insert into accounts values (2, 'alice')")
            try await stage.database.run("insert into keyed values (9, 'alice')")
            try await alice.waitForChange(9)
            #expect(alice.changedIDs == [1, 9])
        }
    }

    @Test func `a table altered on the way keeps its followers`() async throws {
        try await Stage.run { stage in
            let alice = try await stage.follower(Stage.actor("alice"), [Self.all])
            try await stage.database.run("insert into accounts values (1, 'alice')")
            try await stage.database.run("alter table accounts add added int default 5, drop note")
            try await stage.database.run("grant select (added) on accounts to authenticated")
            try await stage.database.run("insert into accounts (id, owner) values (2, 'alice')")
            try await alice.waitForChange(2)
            #expect(alice.changes.last?["record"]?["added"] == 5)
        }
    }
}
