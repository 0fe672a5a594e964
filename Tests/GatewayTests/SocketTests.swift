import Foundation
import Gateway
import Postgres
import Realtime
import Synchronization
import TestSupport
import Testing
import Web

@Suite struct SocketTests {
    private static let path = "/realtime/v1/websocket"

    private func withSocket(
        _ role: String = "anon", more: String = "",
        _ body: @escaping @Sendable (Served, SocketClient) throws -> Void
    ) async throws {
        try await Served.run { served in
            let key = try served.key(role)
            try await blocking {
                let client = try SocketClient(port: served.port, target: "\(Self.path)?apikey=\(key)\(more)")
                try #require(client.isOpen, "\(client.head)")
                try body(served, client)
            }
        }
    }

    @Test func `a socket opens with a key, answers heartbeats and carries broadcasts`() async throws {
        try await withSocket(more: "&vsn=1.0.0") { _, client in
            // From RFC 6455, section 1.3.
            #expect(client.head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="))
            client.push("phoenix", "heartbeat", [:])
            #expect(client.message("phx_reply")?["payload"]?["status"] == "ok")
            #expect(client.join("realtime:room", ["broadcast": ["self": true]])?["status"] == "ok")
            client.push("realtime:room", "broadcast", ["type": "broadcast", "event": "hi", "payload": ["n": 1]])
            #expect(client.message("broadcast")?["payload"]?["payload"] == ["n": 1])
        }
    }

    @Test func `a socket that is open when its address is banned is closed, others are not`() async throws {
        let banned = Mutex<Set<String>>([])
        let isBanned: @Sendable (String) -> Bool = { address in banned.withLock { $0.contains(address) } }
        try await Served.run({
            $0.isBanned = isBanned
            $0.trustedProxies = TrustedProxies(["127.0.0.0/8"]) ?? .none
        }) { served in
            let target = "\(Self.path)?apikey=\(try served.key("anon"))&vsn=1.0.0"
            try await blocking {
                let his = try SocketClient(
                    port: served.port, target: target, headers: ["X-Forwarded-For": "203.0.113.7"])
                let other = try SocketClient(
                    port: served.port, target: target, headers: ["X-Forwarded-For": "203.0.113.8"])
                try #require(his.isOpen && other.isOpen)
                his.push("phoenix", "heartbeat", [:])
                #expect(his.message("phx_reply") != nil)
                banned.withLock { _ = $0.insert("203.0.113.7") }
                let frame = try #require(his.next())
                #expect(frame.closeCode == 1008 && frame.text.contains("banned"), "\(frame.text)")
                #expect(his.next() == nil && his.raw.isEnded)
                other.push("phoenix", "heartbeat", [:])
                #expect(other.message("phx_reply") != nil)
                let again = try SocketClient(
                    port: served.port, target: target, headers: ["X-Forwarded-For": "203.0.113.7"])
                #expect(!again.isOpen)
            }
        }
    }

    @Test func `a bad key is refused before the socket, and without a socket there is nothing`() async throws {
        try await Served.run { served in
            try await blocking {
                for key in ["", "x.y.z"] {
                    let client = try SocketClient(port: served.port, target: "\(Self.path)?apikey=\(key)")
                    #expect(client.head.hasPrefix("HTTP/1.1 401"), "\(client.head)")
                }
            }
            let key = try served.key("anon")
            let plain = try await ask(served.port, "GET", Self.path, ["apikey": key])
            #expect(plain.status == 404)
        }
    }

    @Test func `an unknown protocol version is refused with a reason`() async throws {
        try await withSocket(more: "&vsn=9") { _, client in
            let frame = try #require(client.next())
            #expect(frame.closeCode == 1002 && frame.text.contains("2.0.0"))
            #expect(client.next() == nil && client.raw.isEnded)
        }
    }

    @Test(arguments: [
        (SocketClient.frame(1, Array("{}".utf8), isMasked: false), 1002),
        (SocketClient.frame(1, [0xFF, 0xFE]), 1007),
        (SocketClient.frame(3, []), 1002),
        (SocketClient.frame(1, Array("not json".utf8)), 1008),
        (SocketClient.frame(2, [1, 2, 3]), 1008),
    ])
    func `what breaks the protocol ends the socket with its code`(bytes: [UInt8], code: Int) async throws {
        try await withSocket { served, client in
            client.raw.send(bytes)
            #expect(client.next()?.closeCode == code)
            #expect(client.next() == nil && client.raw.isEnded)
            let other = try SocketClient(port: served.port, target: "\(Self.path)?apikey=\(try served.key("anon"))")
            other.push("phoenix", "heartbeat", [:])
            #expect(other.message("phx_reply") != nil)
        }
    }

    @Test func `a frame that says it is larger than the limit ends the socket before it is there`() async throws {
        try await withSocket { _, client in
            client.raw.send([0x81, 0xFF, 0, 0, 0, 0, 0x7F, 0, 0, 0, 1, 2, 3, 4])
            while let frame = client.next() { #expect(frame.opcode == 8) }
            #expect(client.raw.isEnded)
        }
    }

    @Test func `a message in pieces is one message, and pings between them are answered`() async throws {
        try await withSocket { _, client in
            let text = Array(#"{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"7"}"#.utf8)
            client.raw.send(SocketClient.frame(1, Array(text[..<10]), isFinal: false))
            client.raw.send(SocketClient.frame(9, Array("how".utf8)))
            client.raw.send(SocketClient.frame(0, Array(text[10..<20]), isFinal: false))
            client.raw.send(SocketClient.frame(0, Array(text[20...])))
            let frames = [client.next(), client.next()].compactMap { $0 }
            #expect(frames.contains { $0.opcode == 10 && $0.text == "how" })
            #expect(frames.contains { $0.json["ref"] == "7" })
            client.send(8, [0x03, 0xE8])
            #expect(client.next()?.closeCode == 1000)
        }
    }

    @Test func `changes reach the socket of the row's owner`() async throws {
        try await Served.run { served in
            let subjects = (0..<2).map { _ in UUID().uuidString.lowercased() }
            let keys = try subjects.map {
                try served.token([
                    "role": "authenticated", "sub": .string($0),
                    "exp": .integer(Int(Date().timeIntervalSince1970) + 600),
                ])
            }
            let clients = try await blocking {
                try keys.map { key in
                    let client = try SocketClient(port: served.port, target: "\(Self.path)?apikey=\(key)")
                    let asked: JSON = [
                        "postgres_changes": [["event": "*", "schema": "public", "table": "notebooks"]]
                    ]
                    let reply = client.join("realtime:books", asked)
                    #expect(reply?["status"] == "ok", "\(reply?.text ?? "nothing")")
                    return Unchecked(client)
                }
            }
            for (index, subject) in subjects.enumerated() {
                try await served.database.run(
                    "insert into notebooks (id, owner, pages) values (\(Int64(index)), \(subject)::uuid, 5)")
            }
            for (index, client) in clients.enumerated() {
                let change = try await blocking { client.value.message("postgres_changes") }
                #expect(change?["payload"]?["data"]?["record"]?["id"] == .integer(index))
            }
        }
    }

    @Test func `a client that does not read is cut, and others are told all`() async throws {
        try await Served.run { served in
            let target = "\(Self.path)?apikey=\(try served.key("anon"))"
            let (slow, quick) = try await blocking {
                let clients = try (0..<2).map { _ in try SocketClient(port: served.port, target: target) }
                for client in clients { #expect(client.join("realtime:room", [:])?["status"] == "ok") }
                return (Unchecked(clients[0]), Unchecked(clients[1]))
            }
            let words = String(repeating: "x", count: 500_000)
            let count = 40
            async let heard = blocking {
                (0..<count).count { _ in quick.value.message("broadcast") != nil }
            }
            for number in 0..<count {
                let body: JSON = [
                    "messages": [
                        ["topic": "room", "event": "e", "payload": ["n": .integer(number), "w": .string(words)]]
                    ]
                ]
                let answer = try await ask(
                    served.port, "POST", "/realtime/v1/api/broadcast",
                    ["apikey": try served.key("service_role"), "Content-Type": "application/json"], body: body.text)
                #expect(answer.status == 202)
                // As fast as the one that reads can read.
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(try await heard == count)
            try await eventually { served.hub.figures.sessions == 1 }
            slow.value.close()
        }
    }

    @Test func `the end of a session closes its channels on open sockets`() async throws {
        try await Served.run { served in
            let service = try served.key("service_role")
            let email = "s\(UInt64.random(in: .min ... .max))@example.com"
            let account: JSON = ["email": .string(email), "password": "un mot de passe assez long"]
            _ = try await ask(
                served.port, "POST", "/auth/v1/admin/users",
                ["Authorization": "Bearer \(service)", "Content-Type": "application/json"],
                body: JSON.object((account.members ?? []) + [.init("email_confirm", true)]).text)
            let signedIn = try await ask(
                served.port, "POST", "/auth/v1/token?grant_type=password", ["Content-Type": "application/json"],
                body: account.text)
            let token = try #require(try JSONReader.read(signedIn.body)["access_token"]?.string)
            let key = try served.key("anon")
            let client = try await blocking {
                let client = try SocketClient(port: served.port, target: "\(Self.path)?apikey=\(key)")
                #expect(client.join("realtime:room", [:], token: token)?["status"] == "ok")
                return Unchecked(client)
            }
            let left = try await ask(
                served.port, "POST", "/auth/v1/logout", ["Authorization": "Bearer \(token)"])
            #expect(left.status == 204)
            let told = try await blocking { client.value.message("phx_close") }
            #expect(told?["topic"] == "realtime:room")
            let again = try await blocking { client.value.join("realtime:room", [:], token: token) }
            #expect(again?["status"] == "error")
        }
    }

    @Test func `figures of Realtime are among the metrics`() async throws {
        try await withSocket { served, client in
            #expect(client.join("realtime:room", [:])?["status"] == "ok")
            let admin = try RawClient(port: served.adminPort)
            admin.send("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let text = admin.receive()
            #expect(text.contains("\ndigitalbank_realtime_sockets 1\n"))
            #expect(text.contains("\ndigitalbank_realtime_channels 1\n"))
            #expect(text.contains("\n# TYPE digitalbank_realtime_slot_lag_bytes gauge\n"))
        }
    }
}

/// Hands a value that is used by one thread at a time from one to the next.
struct Unchecked<Value>: @unchecked Sendable {
    // SAFETY: the tests hand it on, and never use it from two threads at once.
    let value: Value

    init(_ value: Value) { self.value = value }
}
