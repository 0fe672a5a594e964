import Postgres
import PostgresServer
import TestSupport
import Testing

/// The bounds of a clean room.
@Suite struct LimitsTests {
    @Test func `a cluster that fills its disk allowance is stopped and says why`() async throws {
        try await withCluster({ $0.limits.diskBytesMax = 100 << 20 }) { cluster in
            #expect(cluster.limitPassed == nil)
            await #expect(throws: PostgresError.self) {
                try await run(
                    "create table filling as select g, repeat(md5(g::text), 30) from generate_series(1, 100000000) g",
                    on: cluster)
            }
            #expect(cluster.limitPassed?.code == "disk_limit_passed")
            try await waitUntilStopped(cluster)
        }
    }

    @Test func `a statement that asks for too much memory fails and the server lives on`() async throws {
        try await withCluster({ $0.limits.memoryBytesMax = 400 << 20 }) { cluster in
            let error = await #expect(throws: PostgresError.self) {
                try await run("select length(repeat('x', 600 * 1024 * 1024))", on: cluster)
            }
            #expect(error?.sqlState == "53200")
            let answer = try await text("select 'alive'", on: cluster)
            #expect(answer == "alive")
        }
    }

    @Test func `a statement that runs too long is cancelled`() async throws {
        try await withCluster({ $0.limits.statementMillisecondsMax = 100 }) { cluster in
            let error = await #expect(throws: PostgresError.self) { try await run("select pg_sleep(600)", on: cluster) }
            #expect(error?.sqlState == "57014")
        }
    }

    private func waitUntilStopped(_ cluster: Cluster) async throws {
        while cluster.isRunning { try await Task.sleep(for: .milliseconds(10)) }
    }
}
