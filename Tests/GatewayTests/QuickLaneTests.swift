import Foundation
import Gateway
import HTTPTypes
import Postgres
import Synchronization
import TestSupport
import Testing
import Web

/// Reads that are answered where they are read, beside requests that go the long way.
@Suite struct QuickLaneTests {
    private func get(_ target: String, _ key: String, _ more: String = "") -> String {
        "GET /rest/v1\(target) HTTP/1.1\r\nHost: x\r\napikey: \(key)\r\n\(more)\r\n"
    }

    /// How many answers went the short way so far.
    private func quick(_ served: Served) async throws -> Int {
        let text = try await ask(served.adminPort, "GET", "/metrics").body
        let line = text.split(separator: "\n").first { $0.hasPrefix("digitalbank_http_requests_quick_total ") }
        return try #require(line.flatMap { $0.split(separator: " ").last }.flatMap { Int($0) })
    }

    private func warm(_ served: Served, _ targets: String..., key: String) async throws {
        let text = targets.flatMap { [$0, $0, $0] }.map { get($0, key) }.joined()
        let count = targets.count * 3
        _ = try await blocking {
            let client = try RawClient(port: served.port)
            client.send(text)
            return client.receive { $0.components(separatedBy: "HTTP/1.1 ").count > count && $0.hasSuffix("]") }
        }
    }

    @Test func `short and long ways keep the order of a pipeline`() async throws {
        try await Served.run { served in
            let key = try served.key("authenticated")
            try await warm(served, "/films?select=id&id=eq.1", key: key)
            let before = try await quick(served)
            var random = SystemRandomNumberGenerator()
            var text = get("/films?select=id&id=eq.1", key)
            var expected = ["[{\"id\":1}]"]
            for number in 0..<300 {
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    text +=
                        "POST /rest/v1/rpc/add_them HTTP/1.1\r\nHost: x\r\napikey: \(key)\r\nContent-Type: application/json\r\n"
                        + "Content-Length: \("{\"a\":\(number)}".utf8.count)\r\n\r\n{\"a\":\(number)}"
                    expected.append("\(number + 10)")
                case 1:
                    text += get("/rpc/add_them?a=\(number)", key)
                    expected.append("\(number + 10)")
                default:
                    text += get("/films?select=id&id=eq.\(number % 6 + 1)", key, "X-Request-Id: r\(number)\r\n")
                    expected.append("[{\"id\":\(number % 6 + 1)}]")
                }
            }
            let sent = text
            let answer = try await blocking {
                let client = try RawClient(port: served.port)
                client.send(sent)
                client.endSending()
                return client.receive()
            }
            let bodies = answer.components(separatedBy: "HTTP/1.1 ").dropFirst().map {
                $0.components(separatedBy: "\r\n\r\n").last ?? ""
            }
            #expect(Array(bodies) == expected)
            #expect(try await quick(served) > before)
        }
    }

    @Test func `both ways give the same answer`() async throws {
        try await Served.run { served in
            let key = try served.key("authenticated")
            let targets = [
                "/films?select=id,title&id=eq.2", "/films?title=eq.Ran", "/films?id=eq.99",
                "/films?order=id.desc&limit=2",
                "/films?id=eq.abc", "/films?nothing=eq.1",
            ]
            for target in targets {
                let texts = try await blocking {
                    try (0..<4).map { _ in
                        let client = try RawClient(port: served.port)
                        client.send(get(target, key, "X-Request-Id: same\r\n"))
                        client.endSending()
                        return client.receive()
                    }
                }
                let plain = texts.map { text in
                    text.components(separatedBy: "\r\n").filter { !$0.lowercased().hasPrefix("date:") }
                        .map { $0.lowercased() }.sorted()
                }
                #expect(Set(plain).count == 1, "\(target): \(texts)")
            }
            #expect(try await quick(served) > 0)
        }
    }

    @Test func `a client that has said all still gets its answer`() async throws {
        try await Served.run { served in
            let key = try served.key("authenticated")
            try await warm(served, "/films?select=id&id=eq.1", key: key)
            let before = try await quick(served)
            let answer = try await blocking {
                let client = try RawClient(port: served.port)
                client.send(get("/films?select=id&id=eq.3", key))
                client.endSending()
                return (text: client.receive(), isEnded: client.isEnded)
            }
            #expect(answer.text.hasSuffix("[{\"id\":3}]") && answer.isEnded)
            #expect(try await quick(served) == before + 1)
        }
    }

    @Test func `row level security, refused tokens and new schemas hold on the short way`() async throws {
        try await Served.run { served in
            let one = UUID().uuidString.lowercased()
            let two = UUID().uuidString.lowercased()
            try await served.database.run(
                "insert into notebooks (id, owner, title) values (1, \(one)::uuid, 'a'), (2, \(two)::uuid, 'b')")
            let end = Int(Date().timeIntervalSince1970) + 3600
            let keys = try [one, two].map {
                try served.token(["role": "authenticated", "sub": .string($0), "exp": .integer(end)])
            }
            try await warm(served, "/notebooks?select=title&id=gt.0", key: keys[0])
            let before = try await quick(served)
            let seen = try await blocking {
                try keys.map { key in
                    let client = try RawClient(port: served.port)
                    client.send(get("/notebooks?select=title&id=gt.0", key))
                    client.endSending()
                    return client.receive().components(separatedBy: "\r\n\r\n").last
                }
            }
            #expect(seen == ["[{\"title\":\"a\"}]", "[{\"title\":\"b\"}]"])
            #expect(try await quick(served) == before + 2)
            let refused = try await blocking {
                let client = try RawClient(port: served.port)
                client.send(get("/notebooks?select=title&id=gt.0", keys[0] + "x"))
                client.endSending()
                return client.receive()
            }
            #expect(refused.hasPrefix("HTTP/1.1 401"))
            try await served.database.run("alter table notebooks rename column title to heading")
            try await eventually {
                let text = try await blocking {
                    let client = try RawClient(port: served.port)
                    client.send(get("/notebooks?select=title&id=gt.0", keys[0]))
                    client.endSending()
                    return client.receive()
                }
                return text.hasPrefix("HTTP/1.1 400") && text.contains("42703")
            }
        }
    }

    @Test func `what is inspected on the long way is inspected on the short one, and noted once`() async throws {
        let seen = Seen()
        let looks = { @Sendable (request: ApiRequest) in request.query.contains("union") }
        try await Served.run({ settings in
            settings.inspection = GatewaySettings.Inspection(
                suspects: looks,
                answer: { request in
                    guard looks(request) else { return nil }
                    seen.note(request.id)
                    return .json("{\"code\":\"request_refused\"}", status: .forbidden)
                })
        }) { served in
            let key = try served.key("authenticated")
            try await warm(served, "/films?select=id&title=eq.Ran", key: key)
            let before = try await quick(served)
            let answers = try await blocking {
                try ["Ran", "1%20union%20select"].map { title in
                    let client = try RawClient(port: served.port)
                    client.send(get("/films?select=id&title=eq.\(title)", key, "X-Request-Id: q\(title.count)\r\n"))
                    client.endSending()
                    return client.receive()
                }
            }
            #expect(answers[0].hasSuffix("[{\"id\":4}]"))
            #expect(answers[1].hasPrefix("HTTP/1.1 403") && answers[1].contains("request_refused"))
            #expect(try await quick(served) == before + 1)
            #expect(seen.all == ["q18"])
        }
    }

    private final class Seen: Sendable {
        private let names = Mutex<[String]>([])
        var all: [String] { names.withLock { $0 } }
        func note(_ name: String) { names.withLock { $0.append(name) } }
    }

    @Test func `a client that asks much and reads nothing holds no memory and nobody up`() async throws {
        try await Served.run { served in
            let key = try served.key("authenticated")
            try await warm(served, "/films?select=title,meta,tags&id=gt.0", key: key)
            let flood = String(repeating: get("/films?select=title,meta,tags&id=gt.0", key), count: 500)
            let other = try await blocking {
                let silent = try RawClient(port: served.port, sendTimeMax: 2)
                for _ in 0..<40 { silent.send(flood) }
                let client = try RawClient(port: served.port)
                client.send(get("/films?select=id&id=eq.3", key))
                client.endSending()
                let answer = client.receive()
                silent.close()
                return answer
            }
            #expect(other.hasSuffix("[{\"id\":3}]"))
        }
    }
}
