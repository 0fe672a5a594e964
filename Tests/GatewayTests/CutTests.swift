import Foundation
import Gateway
import Postgres
import TestSupport
import Testing
import Web

/// A connection that breaks again and again, with changes going on meanwhile.
@Suite struct CutTests {
    @Test func `a client that is cut a hundred times is told every change once`() async throws {
        try await Served.run { served in
            let subject = UUID().uuidString.lowercased()
            let token = try served.token([
                "role": "authenticated", "sub": .string(subject),
                "exp": .integer(Int(Date().timeIntervalSince1970) + 900),
            ])
            let count = 600
            let seed = UInt64.random(in: .min ... .max)
            let (joined, whenJoined) = AsyncStream.makeStream(of: Void.self)
            async let read = blocking { try Self.follow(served.port, token, count, seed) { whenJoined.yield() } }
            // What was committed before the first join is not asked for.
            for await _ in joined { break }
            for number in 0..<count {
                try await served.database.run(
                    "insert into notebooks (id, owner) values (\(Int64(number)), \(subject)::uuid)")
                try await Task.sleep(for: .milliseconds(5))
            }
            let (told, cuts, gaps) = try await read
            #expect(cuts >= 100, "seed \(seed)")
            #expect(gaps == 0, "seed \(seed)")
            #expect(told == Array(0..<count), "seed \(seed)")
        }
    }

    /// Connects, reads a few changes, is cut in the middle of what comes, and comes back with the last id it saw.
    private static func follow(
        _ port: Int, _ token: String, _ count: Int, _ seed: UInt64, _ onJoined: () -> Void
    ) throws -> (told: [Int], cuts: Int, gaps: Int) {
        var random = SplitMix(state: seed)
        var (told, cuts, gaps) = ([Int](), 0, 0)
        var last: String?
        let deadline = ContinuousClock.now + .seconds(120)
        while told.count < count, ContinuousClock.now < deadline {
            let client = try SocketClient(port: port, target: "/realtime/v1/websocket?apikey=\(token)")
            var config: [JSON.Member] = [
                .init("postgres_changes", [["event": "INSERT", "schema": "public", "table": "notebooks"]])
            ]
            if let last { config.append(.init("since", .string(last))) }
            // Not waiting for the answer: a cut may come before it.
            client.push("realtime:books", "phx_join", ["config": .object(config)])
            if last == nil {
                guard client.message("phx_reply")?["payload"]?["status"] == "ok" else { continue }
                onJoined()
                // Until there is an id to come back with, a cut would lose what it cannot name.
                guard let first = client.message("postgres_changes")?["payload"]?["data"] else { continue }
                last = first["id"]?.string
                told.append(Int(first["record"]?["id"]?.integer ?? -1))
            }
            for _ in 0..<(random.next() % 8) {
                guard told.count < count, let message = client.message("postgres_changes", "system") else { break }
                if message["event"] == "system" {
                    if message["payload"]?["message"]?.string?.hasPrefix("gap") == true { gaps += 1 }
                    continue
                }
                let data = message["payload"]?["data"]
                last = data?["id"]?.string ?? last
                told.append(Int(data?["record"]?["id"]?.integer ?? -1))
            }
            client.close()
            cuts += 1
        }
        return (told, cuts, gaps)
    }
}
