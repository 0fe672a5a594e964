import HTTPTypes
import Postgres
import Realtime
import TestSupport
import Testing
import Web

/// What one client may make the server hold, wait for or repeat.
@Suite struct BoundTests {
    @Test func `a topic written with other bytes is another topic, however alike it looks`() async throws {
        try await Stage.run { stage in
            let alice = try stage.client(Stage.actor("alice"))
            let bob = try stage.client(Stage.actor("bob"))
            let (composed, apart) = ("realtime:caf\u{e9}", "realtime:cafe\u{301}")
            #expect(composed == apart, "to Swift they are one")
            await alice.join(composed)
            await bob.join(apart)
            let before = bob.frames.count
            await alice.say(composed, "broadcast", ["type": "broadcast", "event": "e", "payload": [:]])
            #expect(bob.frames.count == before)
            await alice.join(apart)
            await alice.say(apart, "broadcast", ["type": "broadcast", "event": "e", "payload": [:]])
            #expect(bob.messages("broadcast").count == 1)
        }
    }

    @Test func `what members say of themselves has a size, alone and together`() async throws {
        var settings = RealtimeSettings()
        settings.limits.presenceBytesMax = 1_000
        settings.limits.presenceBytesInAllMax = 1_500
        try await Stage.run(settings) { stage in
            func track(_ client: Client, _ count: Int) async -> JSON? {
                let words = JSON.string(String(repeating: "x", count: count))
                return await client.say(
                    "realtime:room", "presence", ["event": "track", "payload": ["w": words]])?["status"]
            }
            let clients = try (0..<3).map { try stage.client(Stage.actor("c\($0)")) }
            for client in clients { await client.join("realtime:room", ["presence": ["enabled": true]]) }
            #expect(await track(clients[0], 2_000) == "error")
            #expect(await track(clients[0], 900) == "ok")
            #expect(await track(clients[1], 900) == "error")
            #expect(await track(clients[1], 400) == "ok")
            // What went is room again.
            clients[0].session.closed()
            #expect(await track(clients[2], 900) == "ok")
        }
    }

    @Test func `a stored broadcast is passed on once, also when the server repeats what it was not told of`()
        async throws
    {
        try await Stage.run { stage in
            let alice = try stage.client(Stage.actor("alice"))
            await alice.join("realtime:room-alice", ["private": true])
            // A row that is kept for those who come back holds the slot at its place.
            try await stage.database.run("insert into accounts values (1, 'alice')")
            func send(_ name: String) async throws {
                try await stage.database.run(
                    "select realtime.send('{}'::jsonb, \(name), 'room-alice', true)")
            }
            func heard(_ name: String) -> Int {
                alice.messages("broadcast").count { $0.payload["event"]?.string == name }
            }
            try await send("first")
            try await eventually("the first") { heard("first") == 1 }
            let cut = try await stage.database.one(
                """
                select count(pg_terminate_backend(active_pid)) from pg_replication_slots
                where slot_name = \(stage.settings.slot)
                """, as: Int.self)
            #expect(cut == 1)
            try await send("second")
            try await eventually("the second") { heard("second") == 1 }
            #expect(heard("first") == 1)
        }
    }

    private static let followed: JSON = ["event": "*", "schema": "public", "table": "accounts"]

    private static func matching(_ pattern: String) -> JSON {
        ["event": "*", "schema": "public", "table": "accounts", "filter": .string("note=match.\(pattern)")]
    }

    @Test func `filters that take too long hold up nobody, and are told that they are over`() async throws {
        var settings = RealtimeSettings()
        settings.limits.patternTimeMax = .zero
        try await Stage.run(settings) { stage in
            let slow = try await stage.follower(Stage.actor("alice"), (0..<20).map { Self.matching("x{\($0)}y") })
            let other = try await stage.follower(Stage.actor("alice"), [Self.followed])
            try await stage.database.run("insert into accounts (id, owner, note) values (1, 'alice', 'xy')")
            try await other.waitForChange(1)
            try await eventually("the word that it is over") {
                slow.messages("system").contains { $0.payload["status"] == "error" }
            }
            #expect(slow.changes.isEmpty)
        }
    }

    @Test func `filters with patterns deliver what they match`() async throws {
        try await Stage.run { stage in
            let both = try await stage.follower(
                Stage.actor("alice"), [Self.matching("^a.c$"), Self.matching("^zzz$")])
            try await stage.database.run(
                "insert into accounts (id, owner, note) values (1, 'alice', 'abc'), (2, 'alice', 'b'), (3, 'alice', 'axc')"
            )
            try await both.waitForChange(3)
            #expect(both.changedIDs == [1, 3])
        }
    }

    @Test func `a login that ends while somebody joins by it, or refreshes to it, is not let in`() async throws {
        try await Stage.run { stage in
            let alice = try stage.client(Stage.actor("alice"))
            let bob = try stage.client(Stage.actor("bob"))
            await bob.join("realtime:room")
            // The token was looked at before; the word of its end comes while the rights are asked for.
            stage.hub.revoke(sessionID: "s1")
            await alice.join("realtime:room", token: Stage.actor("alice", session: "s1").claims)
            #expect(alice.messages("phx_close").count == 1)
            await alice.join("realtime:other", token: Stage.actor("alice", session: "s2").claims)
            #expect(alice.messages("phx_close").count == 1)
            stage.hub.revoke(sessionID: "s3")
            await alice.say(
                "realtime:other", "access_token",
                ["access_token": .string(Stage.actor("alice", session: "s3").claims)])
            #expect(alice.messages("phx_close").count == 2)
            let before = alice.frames.count
            await bob.say("realtime:room", "broadcast", ["type": "broadcast", "event": "e", "payload": [:]])
            #expect(alice.frames.count == before)
            #expect(throws: StageError.self) { try stage.client(Stage.actor("alice", session: "s1")) }
        }
    }

    @Test func `who sends by HTTP sends no more than who has a socket`() async throws {
        var settings = RealtimeSettings()
        settings.limits.messagesPerSecond = 5
        try await Stage.run(settings) { stage in
            func send(_ actor: Actor, _ count: Int) async -> ApiResponse {
                let message: JSON = ["topic": "room", "event": "e", "payload": [:]]
                let body: JSON = ["messages": .array(Array(repeating: message, count: count))]
                return await stage.hub.handle(
                    ApiRequest(
                        method: .post, path: "/api/broadcast", body: Array(body.text.utf8), remoteAddress: "192.0.2.1"),
                    actor: actor)
            }
            let statuses = await [
                send(Stage.actor("alice"), 8), send(Stage.actor("alice"), 8), send(Stage.actor("bob"), 8),
                send(Stage.service, 100), send(Stage.service, 100),
            ]
            #expect(statuses.map(\.status.code) == [202, 429, 202, 202, 202])
            #expect(statuses[1].fields[.retryAfter] == "1")
        }
    }
}
