import Postgres
import Realtime
import TestSupport
import Testing
import Web

@Suite struct FanOutTests {
    /// Prints how long one change takes to reach a thousand followers; asserts only that it reaches them.
    @Test(arguments: [true, false])
    func `a change reaches a thousand followers`(isOneUser: Bool) async throws {
        try await Stage.run { stage in
            // In the first case all are one client's; in the other each has claims of its own, and one of them the row.
            var clients: [Client] = []
            for index in 0..<1000 {
                let name = isOneUser || index == 999 ? "alice" : "client\(index)"
                clients.append(try await stage.follower(Stage.actor(name), [ChangesTests.all]))
            }
            let clock = ContinuousClock()
            var times: [Duration] = []
            for id in 1...(isLongRun ? 100 : 10) {
                let start = clock.now
                try await stage.database.run("insert into accounts values (\(id), 'alice')")
                try await eventually {
                    isOneUser
                        ? clients.allSatisfy { $0.frames.count >= id + 2 } : (clients.last?.frames.count ?? 0) >= id + 2
                }
                times.append(clock.now - start)
            }
            times.sort()
            print(
                "1,000 followers, \(isOneUser ? "one group" : "1,000 groups"): median \(times[times.count / 2]), worst \(times[times.count - 1])"
            )
            if !isOneUser { #expect(clients[..<999].allSatisfy { $0.changes.isEmpty }) }
        }
    }

    /// Prints how many changes a second are read, judged and sent to one follower.
    @Test func `many changes pass`() async throws {
        try await Stage.run { stage in
            let count: Int64 = isLongRun ? 200_000 : 10_000
            let alice = try await stage.follower(Stage.actor("alice"), [ChangesTests.all])
            let start = ContinuousClock.now
            try await stage.database.run(
                "insert into accounts select i, 'alice', i, 'note ' || i from generate_series(1, \(count)) i")
            let written = ContinuousClock.now
            try await eventually { alice.frames.count >= Int(count) + 2 }
            let end = ContinuousClock.now
            print("\(count) changes: written in \(written - start), delivered in \(end - start)")
            #expect(alice.changedIDs == Array(1...count))
        }
    }
}
