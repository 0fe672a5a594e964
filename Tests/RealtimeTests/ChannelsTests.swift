import HTTPTypes
import Postgres
import Realtime
import TestSupport
import Testing
import Web

@Suite struct ChannelsTests {
    static let withSelf: JSON = ["broadcast": ["self": true, "ack": true]]
    static let hello: JSON = ["type": "broadcast", "event": "hello", "payload": ["n": 1]]

    @Test func `a heartbeat is answered`() async throws {
        try await Stage.run { stage in
            let client = try stage.client(Stage.actor("alice"))
            let reply = await client.say("phoenix", "heartbeat", [:])
            #expect(reply?.text == #"{"status":"ok","response":{}}"#)
        }
    }

    @Test func `a broadcast reaches the others, the sender when it asks, and is acknowledged when it asks`()
        async throws
    {
        try await Stage.run { stage in
            let alice = try stage.client(Stage.actor("alice"))
            let bob = try stage.client(Stage.actor("bob"), .two)
            let carol = try stage.client(Stage.actor("carol"))
            await alice.join("realtime:room")
            await bob.join("realtime:room", Self.withSelf)
            await carol.join("realtime:other")
            #expect(await alice.say("realtime:room", "broadcast", Self.hello) == nil)
            #expect(bob.messages("broadcast").map(\.payload) == [Self.hello])
            #expect(alice.messages("broadcast").isEmpty)
            #expect(await bob.say("realtime:room", "broadcast", Self.hello)?["status"] == "ok")
            #expect(bob.messages("broadcast").count == 2)
            #expect(alice.messages("broadcast").map(\.reference) == [.null])
            #expect(carol.messages("broadcast").isEmpty)
        }
    }

    @Test func `nothing is taken on a channel that was not joined, or was left`() async throws {
        try await Stage.run { stage in
            let alice = try stage.client(Stage.actor("alice"))
            let bob = try stage.client(Stage.actor("bob"))
            await bob.join("realtime:room")
            #expect(await alice.say("realtime:room", "broadcast", Self.hello)?["status"] == "error")
            await alice.join("realtime:room")
            #expect(await alice.say("realtime:room", "phx_leave", [:])?["status"] == "ok")
            #expect(alice.messages("phx_close").count == 1)
            #expect(await alice.say("realtime:room", "broadcast", Self.hello)?["status"] == "error")
            await bob.say("realtime:room", "broadcast", Self.hello)
            #expect(alice.messages("broadcast").isEmpty && bob.messages("broadcast").isEmpty)
            #expect(stage.hub.figures.channels == 1)
        }
    }

    /// kind, five lengths, encoding, then join_ref, ref, topic, event, metadata, payload.
    static func push(_ topic: String, _ event: String, _ encoding: UInt8, _ payload: String, metadata: String = "")
        -> [UInt8]
    {
        let texts = ["1", "2", topic, event, metadata].map { Array($0.utf8) }
        return [3] + texts.map { UInt8($0.count) } + [encoding] + texts.flatMap { $0 } + Array(payload.utf8)
    }

    @Test func `binary broadcasts are parsed and written again for each version`() async throws {
        try await Stage.run { stage in
            let alice = try stage.client(Stage.actor("alice"), .two)
            let bob = try stage.client(Stage.actor("bob"), .two)
            let carol = try stage.client(Stage.actor("carol"))
            for client in [alice, bob, carol] { await client.join("realtime:room") }
            await alice.session.receive(binary: Self.push("realtime:room", "hello", 1, #" { "n" : 1 } "#))
            #expect(bob.messages("broadcast").map(\.payload) == [Self.hello])
            #expect(carol.messages("broadcast").map(\.payload) == [Self.hello])
            await alice.session.receive(binary: Self.push("realtime:room", "raw", 0, "\u{1}}{"))
            let expected: [UInt8] = [4, 13, 3, 0, 0] + Array("realtime:roomraw\u{1}}{".utf8)
            #expect(bob.frames.last == .binary(expected))
            #expect(carol.messages("broadcast").count == 1)
        }
    }

    /// GHSA-9vjf-j9f7-j42c: bytes of a client stood unparsed in the frames of others.
    @Test(arguments: [
        #"{}}},{"event":"postgres_changes","payload":{"ids":[1],"data":{}},"topic":"realtime:room","ref":null}"#,
        #"1],[null,null,"realtime:room","postgres_changes",{"ids":[1]}"#,
        #"{"a":1} {"b":2}"#, #"{"a":"\#u{1}"}"#, "", "nul", "{\"a\":1",
    ])
    func `a forged payload never becomes a message of the server`(payload: String) async throws {
        try await Stage.run { stage in
            let alice = try stage.client(Stage.actor("alice"), .two)
            let others = try [stage.client(Stage.actor("bob"), .two), stage.client(Stage.actor("carol"))]
            for client in [alice] + others { await client.join("realtime:room") }
            let before = others.map(\.frames.count)
            await alice.session.receive(binary: Self.push("realtime:room", "x", 1, payload))
            #expect(others.map(\.frames.count) == before)
            #expect(alice.closing?.code == 1008)
        }
    }

    @Test(arguments: [
        "postgres_changes", "system", "phx_reply", "phx_close", "presence_state", "presence_diff", "phx_error",
    ])
    func `a client cannot send what only the server says`(event: String) async throws {
        try await Stage.run { stage in
            let alice = try stage.client(Stage.actor("alice"))
            let bob = try stage.client(Stage.actor("bob"))
            await alice.join("realtime:room")
            await bob.join("realtime:room")
            let before = bob.frames.count
            #expect(await alice.say("realtime:room", event, ["ids": [1]])?["status"] == "error")
            #expect(bob.frames.count == before)
            // As the name of a broadcast it stays a broadcast.
            await alice.say(
                "realtime:room", "broadcast", ["type": "system", "event": .string(event), "payload": [:], "ids": [1]])
            #expect(bob.messages.last?.event == "broadcast")
            #expect(bob.messages.last?.payload.text == #"{"type":"broadcast","event":"\#(event)","payload":{}}"#)
        }
    }

    // MARK: Presence

    @Test func `presence is told in full to who joins, and by differences to who is there`() async throws {
        try await Stage.run { stage in
            let config: JSON = ["presence": ["key": "a", "enabled": true]]
            let alice = try stage.client(Stage.actor("alice"))
            await alice.join("realtime:room", config)
            #expect(alice.messages("presence_state").map(\.payload.text) == ["{}"])
            let track: JSON = ["type": "presence", "event": "track", "payload": ["mood": "gai", "phx_ref": "forged"]]
            #expect(await alice.say("realtime:room", "presence", track)?["status"] == "ok")
            let joined = try #require(
                alice.messages("presence_diff").first?.payload["joins"]?["a"]?["metas"]?.array?.first)
            let reference = try #require(joined["phx_ref"]?.string)
            #expect(reference != "forged" && joined["mood"] == "gai")

            let bob = try stage.client(Stage.actor("bob"), .two)
            await bob.join("realtime:room", ["presence": ["key": "b", "enabled": true]])
            let state = try #require(bob.messages("presence_state").first?.payload)
            #expect(state["a"]?["metas"]?.array == [joined])
            await alice.say("realtime:room", "presence", ["event": "track", "payload": ["mood": "las"]])
            let moved = try #require(bob.messages("presence_diff").last?.payload)
            #expect(moved["joins"]?["a"]?["metas"]?.array?.first?["phx_ref_prev"]?.string == reference)
            #expect(moved["leaves"]?["a"]?["metas"]?.array?.first?["phx_ref"]?.string == reference)
            alice.session.closed()
            let left = try #require(bob.messages("presence_diff").last?.payload)
            #expect(left["joins"]?.members?.isEmpty == true && left["leaves"]?["a"] != nil)
            #expect(await bob.say("realtime:room", "presence", ["event": "untrack"])?["status"] == "ok")
        }
    }

    // MARK: Private channels

    @Test func `a private channel is joined and written to as the policies say`() async throws {
        try await Stage.run { stage in
            let config: JSON = ["private": true, "broadcast": ["self": true, "ack": true]]
            let alice = try stage.client(Stage.actor("alice"))
            #expect(await alice.join("realtime:room-alice", config)?["status"] == "ok")
            let refused = await alice.join("realtime:room-bob", config)
            #expect(refused?["response"]?["reason"]?.string?.hasPrefix("Unauthorized: ") == true)
            #expect(await alice.say("realtime:room-alice", "broadcast", Self.hello)?["status"] == "ok")
            #expect(alice.messages("broadcast").count == 1)
            // The public channel of the same name is another one.
            let mallory = try stage.client(Stage.actor("mallory"))
            #expect(await mallory.join("realtime:room-alice")?["status"] == "ok")
            await mallory.say("realtime:room-alice", "broadcast", Self.hello)
            await alice.say("realtime:room-alice", "broadcast", Self.hello)
            #expect(alice.messages("broadcast").count == 2 && mallory.messages("broadcast").isEmpty)
            let rows = try await stage.database.one("select count(*) from realtime.messages", as: Int.self)
            #expect(rows == 0)
        }
    }

    /// CVE-2026-62247: members without the right to read presence were told it.
    @Test func `presence is told only to those who may read it`() async throws {
        try await Stage.run { stage in
            let config: JSON = ["private": true, "presence": ["key": "", "enabled": true]]
            let alice = try stage.client(Stage.actor("alice"))
            // The policy gives her broadcast to read, presence only to write.
            #expect(await alice.join("realtime:room-alice", config)?["status"] == "ok")
            #expect(
                await alice.say("realtime:room-alice", "presence", ["event": "track", "payload": [:]])?["status"]
                    == "ok")
            #expect(alice.messages("presence_state").isEmpty && alice.messages("presence_diff").isEmpty)
            let bob = try stage.client(Stage.actor("bob"))
            #expect(await bob.join("realtime:watched", config)?["status"] == "ok")
            await bob.say("realtime:watched", "presence", ["event": "track", "payload": [:]])
            #expect(bob.messages("presence_state").count == 1 && bob.messages("presence_diff").count == 1)
        }
    }

    @Test func `public channels can be closed`() async throws {
        var settings = RealtimeSettings()
        settings.allowsPublicChannels = false
        try await Stage.run(settings) { stage in
            let alice = try stage.client(Stage.actor("alice"))
            #expect(await alice.join("realtime:room")?["response"]?["reason"]?.string?.hasPrefix("PrivateOnly") == true)
        }
    }

    @Test func `what the database sends reaches a private channel, and is replayed to who asks`() async throws {
        try await Stage.run { stage in
            let alice = try stage.client(Stage.actor("alice"))
            await alice.join("realtime:room-alice", ["private": true])
            try await stage.database.run("select realtime.send('{\"n\": 1}', 'fait', 'room-alice')")
            try await stage.database.run("select realtime.send('{\"n\": 2}', 'fait', 'room-bob')")
            try await stage.database.run("select realtime.send('{\"n\": 3}', 'fait', 'room-alice', false)")
            try await stage.database.run("select realtime.send('{\"n\": 4}', 'fait', 'room-alice')")
            try await alice.waitFor("broadcast", count: 2)
            #expect(alice.messages("broadcast").compactMap { $0.payload["payload"]?["n"]?.integer } == [1, 4])
            let later = try stage.client(Stage.actor("alice"))
            await later.join(
                "realtime:room-alice", ["private": true, "broadcast": ["replay": ["since": 0, "limit": 1]]])
            try await later.waitFor("broadcast")
            let replayed = later.messages("broadcast").map(\.payload)
            #expect(replayed.compactMap { $0["payload"]?["n"]?.integer } == [4])
            #expect(replayed.first?["meta"]?["replayed"] == true)
        }
    }

    @Test func `a trigger tells a channel what happened to a row`() async throws {
        try await Stage.run { stage in
            let alice = try stage.client(Stage.actor("alice"))
            await alice.join("realtime:room-alice", ["private": true])
            try await stage.database.withConnection {
                try await $0.runScript(
                    """
                    create function tell() returns trigger language plpgsql security definer set search_path = '' as $$
                    begin
                        perform realtime.broadcast_changes(
                            'room-' || coalesce(new.owner, old.owner), tg_op, tg_op, tg_table_name, tg_table_schema, new, old);
                        return null;
                    end $$;
                    create trigger tell after insert or update or delete on keyed for each row execute function tell();
                    insert into keyed values (1, 'alice');
                    delete from keyed;
                    """)
            }
            try await alice.waitFor("broadcast", count: 2)
            let payloads = alice.messages("broadcast").compactMap { $0.payload["payload"] }
            #expect(payloads.map { $0["operation"]?.string } == ["INSERT", "DELETE"])
            #expect(payloads[0]["record"]?["owner"] == "alice" && payloads[0]["old_record"] == .null)
            #expect(payloads[1]["old_record"]?["id"] == 1)
        }
    }

    // MARK: Tokens

    @Test func `a token that is renewed counts at once, and one that is refused ends the channel`() async throws {
        try await Stage.run { stage in
            let client = try stage.client(Stage.actor("alice"))
            await client.join("realtime:changes", ["postgres_changes": [ChangesTests.all]])
            await client.join("realtime:room-alice", ["private": true])
            let bob = Stage.actor("bob").claims
            await client.say("realtime:changes", "access_token", ["access_token": .string(bob)])
            try await stage.database.run("insert into accounts values (1, 'alice'), (2, 'bob')")
            try await client.waitForChange(2)
            #expect(client.changedIDs == [2])
            // Of the private channel he may read nothing.
            await client.say("realtime:room-alice", "access_token", ["access_token": .string(bob)])
            #expect(client.messages("phx_close").map(\.topic) == ["realtime:room-alice"])
            await client.say("realtime:changes", "access_token", ["access_token": "nonsense"])
            #expect(client.messages("phx_close").count == 2)
            #expect(client.messages("system").last?.payload["message"]?.string?.hasPrefix("InvalidJWTToken") == true)
        }
    }

    /// CVE-2026-54238: a token whose `exp` is text passed for one that never ends.
    @Test(arguments: [#""9999999999""#, "1", "true"])
    func `a token that has ended, or whose end is no number, opens nothing`(end: String) async throws {
        try await Stage.run { stage in
            let claims = #"{"role":"authenticated","sub":"alice","exp":\#(end)}"#
            let byToken = try stage.client(Stage.actor("alice"))
            let refused = await byToken.join("realtime:room", [:], token: claims)
            #expect(refused?["response"]?["reason"]?.string?.hasPrefix("InvalidJWTToken") == true)
            let bySocket = try stage.client(Actor(role: "authenticated", claims: claims))
            #expect(await bySocket.join("realtime:room")?["status"] == "error")
        }
    }

    @Test func `a role that would mean our own is never taken`() async throws {
        try await Stage.run { stage in
            #expect(throws: StageError.self) { _ = try stage.client(Actor(role: "none", claims: "{}")) }
            let client = try stage.client(Stage.actor("alice"))
            #expect(await client.join("realtime:room", [:], token: #"{"role":"none"}"#)?["status"] == "error")
        }
    }

    @Test func `a session that is revoked is closed with a reason`() async throws {
        try await Stage.run { stage in
            let client = try stage.client(Stage.actor("alice", session: "s1"))
            let other = try stage.client(Stage.actor("alice", session: "s2"))
            await client.join("realtime:room")
            stage.hub.revoke(sessionID: "s1")
            #expect(client.closing?.code == 1008 && client.closing?.reason.hasPrefix("TokenRevoked") == true)
            #expect(client.messages("phx_close").count == 1)
            #expect(other.closing == nil)
        }
    }

    // MARK: Limits

    @Test func `a slow reader is cut with a reason, and nobody else notices`() async throws {
        try await Stage.run { stage in
            let slow = try stage.client(Stage.actor("slow"), capacity: 5)
            let quick = try stage.client(Stage.actor("quick"))
            await slow.join("realtime:room")
            await quick.join("realtime:room")
            let sender = try stage.client(Stage.actor("sender"))
            await sender.join("realtime:room")
            for _ in 0..<20 { await sender.say("realtime:room", "broadcast", Self.hello) }
            #expect(slow.closing?.code == 1013 && slow.closing?.reason.hasPrefix("SlowReader") == true)
            #expect(quick.messages("broadcast").count == 20)
            #expect(stage.hub.figures.sessions == 2)
        }
    }

    @Test func `too much of anything is refused`() async throws {
        var settings = RealtimeSettings()
        settings.limits.channelsPerSessionMax = 2
        settings.limits.messagesPerSecond = 10
        settings.limits.frameBytesMax = 1000
        settings.limits.presenceCallsMax = 1
        try await Stage.run(settings) { stage in
            let client = try stage.client(Stage.actor("alice"))
            await client.join("realtime:1")
            await client.join("realtime:2")
            #expect(
                await client.join("realtime:3")?["response"]?["reason"]?.string?.hasPrefix("ChannelRateLimitReached")
                    == true)
            #expect(await client.join("realtime:2")?["status"] == "ok")
            await client.say("realtime:1", "presence", ["event": "track"])
            #expect(await client.say("realtime:1", "presence", ["event": "track"])?["status"] == "error")
            for _ in 0..<40 { await client.say("phoenix", "heartbeat", [:]) }
            #expect(
                client.messages("phx_reply").contains {
                    $0.payload["response"]?["reason"]?.string?.hasPrefix("ClientRateLimitReached") == true
                })
            await client.session.receive(text: String(repeating: " ", count: 1001))
            #expect(client.closing?.code == 1009)
        }
    }

    // MARK: HTTP

    func post(_ path: String, _ body: String, _ query: String = "") -> ApiRequest {
        ApiRequest(method: .post, path: path, query: query, body: Array(body.utf8))
    }

    @Test func `a broadcast by HTTP reaches its members`() async throws {
        try await Stage.run { stage in
            let alice = try stage.client(Stage.actor("alice"))
            await alice.join("realtime:a b")
            await alice.join("realtime:room-alice", ["private": true])
            let messages =
                #"{"messages":[{"topic":"a b","event":"e","payload":{"n":1}},{"topic":"a b","event":"e","payload":{"n":2}}]}"#
            let hub = stage.hub
            let actor = Stage.actor("alice")
            #expect(await hub.handle(post("/api/broadcast", messages), actor: actor).status == .accepted)
            let single = post("/api/broadcast/a%20b/events/e", #"{"n":3}"#)
            #expect(await hub.handle(single, actor: actor).status == .accepted)
            let own = post("/api/broadcast/room-alice/events/e", #"{"n":4}"#, "private=true")
            #expect(await hub.handle(own, actor: actor).status == .accepted)
            #expect(await hub.handle(own, actor: Stage.actor("bob")).status == .forbidden)
            #expect(alice.messages("broadcast").compactMap { $0.payload["payload"]?["n"]?.integer } == [1, 2, 3, 4])
            for bad in ["", "{}", #"{"messages":[]}"#, #"{"messages":[{"topic":"x"}]}"#, "[1"] {
                #expect(await hub.handle(post("/api/broadcast", bad), actor: actor).status == .unprocessableContent)
            }
            #expect(await hub.handle(post("/api/nope", "{}"), actor: actor).status == .notFound)
            let get = ApiRequest(method: .get, path: "/api/broadcast")
            #expect(await hub.handle(get, actor: actor).status == .methodNotAllowed)
        }
    }
}
