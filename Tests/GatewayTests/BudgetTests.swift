import Foundation
import Gateway
import HTTPTypes
import Synchronization
import TestSupport
import Testing
import Web

/// What all connections together may make the server hold.
@Suite struct BudgetTests {
    @Test func `bodies have room for so many bytes together, and are asked to come again`() async throws {
        try await Served.run({ $0.limits.bodyBytesInAllMax = 1_000 }) { served in
            let key = try served.key("service_role")
            func insert(_ id: Int, _ count: Int) async throws -> (status: Int, head: String) {
                let body = "{\"id\":\(id),\"name\":\"\(String(repeating: "x", count: count))\"}"
                let answer = try await ask(
                    served.port, "POST", "/rest/v1/directors", ["apikey": key, "Content-Type": "application/json"],
                    body: body)
                return (answer.status, answer.head)
            }
            let refused = try await insert(50, 2_000)
            #expect(refused.status == 503 && refused.head.lowercased().contains("retry-after: 1"))
            // What was taken is given back, by answers and by refusals.
            for id in 51...54 { #expect(try await insert(id, 600).status == 201) }
        }
    }

    @Test func `a mount takes no more than it can read`() async throws {
        try await Served.run { served in
            let key = try served.key("anon")
            let body = "{\"email\":\"a@bank.example\",\"password\":\"\(String(repeating: "x", count: 2 << 20))\"}"
            for path in ["/auth/v1/signup", "/realtime/v1/api/broadcast"] {
                let answer = try await ask(
                    served.port, "POST", path, ["apikey": key, "Content-Type": "application/json"], body: body)
                #expect(answer.status == 413 && answer.body.contains("body_too_large"), "\(path): \(answer.body)")
            }
        }
    }

    @Test func `no more connections are taken than there may be`() async throws {
        let answered = Answered()
        let probe = Mount("/probe", needsToken: false) { _, _ in
            answered.count.wrappingAdd(1, ordering: .relaxed)
            return ApiResponse.json("{}")
        }
        try await Served.run({ $0.limits.connectionsMax = 2 }, mounts: [probe]) { served in
            let (early, late) = try await blocking {
                let idle = try (0..<2).map { _ in try RawClient(port: served.port) }
                // They are there before the third asks.
                for client in idle { client.send("GET /probe HT") }
                usleep(300_000)
                let third = try RawClient(port: served.port)
                third.send("GET /probe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                usleep(700_000)
                let early = answered.count.load(ordering: .relaxed)
                for client in idle { client.close() }
                return (early, third.receive())
            }
            #expect(early == 0)
            #expect(late.hasPrefix("HTTP/1.1 200"), "\(late)")
        }
    }

    private final class Answered: Sendable {
        let count = Atomic<Int>(0)
    }

    @Test func `a client that takes no byte of its answer is cut`() async throws {
        let size = 40_000_000
        let long = Mount("/long", needsToken: false) { _, _ in
            ApiResponse.json(String(repeating: "x", count: size))
        }
        try await Served.run({ $0.limits.idleTimeMax = .seconds(1) }, mounts: [long]) { served in
            let (count, isEnded) = try await blocking {
                let silent = try RawClient(port: served.port)
                silent.send("GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
                sleep(6)
                let count = silent.receiveBytes { $0.count >= size }.count
                return (count, silent.isEnded)
            }
            #expect(isEnded && count < size)
        }
    }
}
