import Foundation
import Gateway
import TestSupport
import Testing
import Tokens
import Web

@Suite struct ServerTests {
    // group: operations
    @Test func `tokens decide who asks, and bad ones are refused`() async throws {
        try await Served.run { served in
            let key = try served.key("authenticated")
            let good = try await ask(served.port, "GET", "/rest/v1/rpc/who", ["apikey": key])
            #expect(good.status == 200 && good.body == "\"authenticated\"")
            let bearer = try await ask(
                served.port, "GET", "/rest/v1/rpc/who",
                ["apikey": key, "Authorization": "Bearer \(try served.key("anon"))"])
            #expect(bearer.body == "\"anon\"")
            #expect(try await ask(served.port, "GET", "/rest/v1/rpc/who").status == 401)
            for bad in ["x", "a.b.c", key + "x", String(key.dropLast(4))] {
                let refused = try await ask(served.port, "GET", "/rest/v1/rpc/who", ["Authorization": "Bearer \(bad)"])
                #expect(refused.status == 401 && refused.body.contains("PGRST301"), "\(refused)")
            }
            let old = try served.token(["role": "anon", "exp": 1_000_000_000])
            let expired = try await ask(served.port, "GET", "/rest/v1/rpc/who", ["apikey": old])
            #expect(expired.status == 401 && expired.body.contains("JWT expired"))
            // An expiry that is text must not make a token eternal (CVE-2026-54238).
            let text = try served.token(["role": "anon", "exp": "9999999999"])
            #expect(try await ask(served.port, "GET", "/rest/v1/rpc/who", ["apikey": text]).status == 401)
            // A role that the server may not become.
            let superuser = try served.token(["role": "nobody_at_all"])
            let stranger = try await ask(served.port, "GET", "/rest/v1/rpc/who", ["apikey": superuser])
            #expect(stranger.status == 401, "\(stranger)")
            // To PostgreSQL this role is whoever connected.
            let none = try served.token(["role": "none"])
            #expect(try await ask(served.port, "GET", "/rest/v1/rpc/who", ["apikey": none]).status == 401)
        }
    }

    @Test func `pipelined requests are answered in order on one connection`() async throws {
        try await Served.run { served in
            let key = try served.key("authenticated")
            let text = (1...5).map { id in
                "GET /rest/v1/films?select=id&id=eq.\(id) HTTP/1.1\r\nHost: x\r\napikey: \(key)\r\n\r\n"
            }.joined()
            let answer = try await blocking {
                let client = try RawClient(port: served.port)
                client.send(text)
                return client.receive { $0.contains("[{\"id\":5}]") }
            }
            let places = (1...5).map { answer.range(of: "[{\"id\":\($0)}]")?.lowerBound }
            #expect(!places.contains(nil))
            #expect(places.compactMap { $0 } == places.compactMap { $0 }.sorted())
        }
    }

    @Test func `bodies are compressed for those who take it, and carry the same bytes`() async throws {
        try await Served.run { served in
            let key = try served.key("authenticated")
            let plain = try await ask(served.port, "GET", "/rest/v1/films", ["apikey": key])
            #expect(!plain.head.contains("gzip"))
            let packed = try await ask(
                served.port, "GET", "/rest/v1/films", ["apikey": key, "Accept-Encoding": "gzip"])
            #expect(packed.head.lowercased().contains("content-encoding: gzip"))
            #expect(packed.head.lowercased().contains("vary: accept-encoding"))
        }
    }

    @Test func `what is too large is refused`() async throws {
        try await Served.run({ $0.limits.bodyBytesMax = 1000 }) { served in
            let key = try served.key("authenticated")
            let body = "{\"id\":1,\"name\":\"" + String(repeating: "x", count: 2000) + "\"}"
            #expect(try await ask(served.port, "POST", "/rest/v1/directors", ["apikey": key], body: body).status == 413)
            let target = "/rest/v1/films?title=eq." + String(repeating: "x", count: 70_000)
            #expect([400, 414, 431, 0].contains(try await ask(served.port, "GET", target, ["apikey": key]).status))
            let header = try await ask(
                served.port, "GET", "/rest/v1/films", ["apikey": key, "X-Long": String(repeating: "x", count: 40_000)])
            #expect(header.status == 400 || header.status == 431)
        }
    }

    @Test func `a connection that never says what it wants is ended`() async throws {
        try await Served.run({ $0.limits.requestTimeMax = .seconds(2) }) { served in
            let answer = try await blocking {
                let client = try RawClient(port: served.port)
                client.send("GET /rest/v1/films HT")
                return (text: client.receive(), isEnded: client.isEnded)
            }
            #expect(answer.text.isEmpty && answer.isEnded)
            let alive = try await ask(served.port, "GET", "/rest/v1/rpc/who", ["apikey": try served.key("anon")])
            #expect(alive.status == 200)
        }
    }

    @Test func `other origins' pages get no say unless they are named`() async throws {
        try await Served.run({ $0.origins = ["https://banque.example"] }) { served in
            let key = try served.key("anon")
            let stranger = try await ask(
                served.port, "GET", "/rest/v1/rpc/who", ["apikey": key, "Origin": "https://evil.example"])
            #expect(!stranger.head.contains("Access-Control-Allow-Origin"))
            let friend = try await ask(
                served.port, "GET", "/rest/v1/rpc/who", ["apikey": key, "Origin": "https://banque.example"])
            #expect(friend.head.contains("Access-Control-Allow-Origin: https://banque.example"))
            let preflight = try await ask(
                served.port, "OPTIONS", "/rest/v1/films",
                ["Origin": "https://banque.example", "Access-Control-Request-Method": "GET"])
            #expect(preflight.status == 204 && preflight.head.contains("https://banque.example"))
        }
    }

    @Test func `every answer names its request and forbids guessing its type`() async throws {
        try await Served.run { served in
            let answer = try await ask(served.port, "GET", "/nowhere", ["X-Request-Id": "abc-1"])
            #expect(answer.status == 404 && answer.head.contains("X-Request-Id: abc-1"))
            #expect(answer.head.contains("nosniff") && answer.head.contains("default-src 'none'"))
            let evil = try await ask(served.port, "GET", "/nowhere", ["X-Request-Id": "a b<script>"])
            #expect(!evil.head.contains("<script>"))
        }
    }

    @Test func `the admin port tells life, readiness and figures`() async throws {
        try await Served.run { served in
            _ = try await ask(served.port, "GET", "/rest/v1/rpc/who", ["apikey": try served.key("anon")])
            #expect(try await ask(served.adminPort, "GET", "/live").body == "alive\n")
            #expect(try await ask(served.adminPort, "GET", "/ready").body == "ready\n")
            let metrics = try await ask(served.adminPort, "GET", "/metrics").body
            let route = #"mount="/rest/v1",route="/rpc/who",method="GET""#
            #expect(metrics.contains("digitalbank_http_requests_total{\(route),status=\"200\"} 1"))
            #expect(metrics.contains("_bucket{\(route),le=\"+Inf\"} 1"))
        }
    }

    @Test func `the access log has a line for each request and no token in it`() async throws {
        let path = FileManager.default.temporaryDirectory.path + "/access-\(UInt64.random(in: .min ... .max)).jsonl"
        defer { try? FileManager.default.removeItem(atPath: path) }
        let key = Once()
        try await Served.run({ $0.accessLog = path }) { served in
            let token = try served.key("anon")
            key.value = token
            _ = try await ask(served.port, "GET", "/rest/v1/films?select=id&title=eq.secret", ["apikey": token])
        }
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let line = try JSONReader.read(text.split(separator: "\n").map(String.init)[0])
        #expect(line["path"]?.string == "/films" && line["status"]?.integer == 200 && line["role"]?.string == "anon")
        #expect(!text.contains(key.value) && !text.contains("secret"))
    }

    @Test func `bytes that are no HTTP end one connection and nothing else`() async throws {
        let seed = UInt64.random(in: .min ... .max)
        try await Served.run { served in
            var random = Seeded(state: seed)
            for _ in 0..<60 {
                var bytes = Array("GET /rest/v1/films?select=id HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8)
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                let sent = bytes
                try await blocking { try RawClient(port: served.port).send(sent) }
            }
            let alive = try await ask(served.port, "GET", "/rest/v1/rpc/who", ["apikey": try served.key("anon")])
            #expect(alive.status == 200, "seed \(seed)")
        }
    }
}

private final class Once: @unchecked Sendable {
    // SAFETY: written by the test's body before it ends, read after.
    var value = ""

    @Test func `a body that stalls, or trickles, is cut`() async throws {
        try await Served.run {
            $0.limits.requestTimeMax = .seconds(1)
        } _: { served in
            let key = try served.key("service_role")
            let head =
                "POST /rest/v1/directors HTTP/1.1\r\nHost: x\r\napikey: \(key)\r\nContent-Type: application/json\r\n"
                + "Content-Length: 1000\r\n\r\n"
            let ended = try await blocking {
                let stalling = try RawClient(port: served.port)
                stalling.send(head + "{")
                _ = stalling.receive()
                let trickling = try RawClient(port: served.port)
                trickling.send(head)
                for _ in 0..<12 {
                    trickling.send(" ")
                    usleep(200_000)
                }
                _ = trickling.receive()
                return [stalling.isEnded, trickling.isEnded]
            }
            #expect(ended == [true, true])
            #expect(try await ask(served.adminPort, "GET", "/live").status == 200)
        }
    }
}

/// SplitMix64.
struct Seeded: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
