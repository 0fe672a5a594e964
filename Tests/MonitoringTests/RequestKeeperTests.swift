import Migrations
import Postgres
import TestSupport
import Testing

@testable import Monitoring

@Suite("requests in rows of five minutes") struct RequestKeeperTests {
    private static let empty = TestTemplate("kept_requests", owner: .plain) { database in
        try await Migrator(database).apply([try MonitoringMigrations.set()])
    }

    private static func answer(_ metrics: RequestMetrics, _ mount: String, _ status: Int, _ milliseconds: Int) {
        metrics.record(
            mount: mount, path: "/x", method: "GET", status: status, time: .milliseconds(milliseconds), id: "r")
    }

    @Test("what two servers answer is added up, part by part, once; errors are those of ours")
    func added() async throws {
        try await withTestDatabase(Self.empty) { database in
            let (one, two) = (RequestMetrics(), RequestMetrics())
            let keeper = RequestKeeper(database: database, metrics: one)
            let other = RequestKeeper(database: database, metrics: two)
            for _ in 0..<10 { Self.answer(one, "/bank/v1", 200, 3) }
            Self.answer(one, "/bank/v1", 503, 300)
            Self.answer(one, "/auth/v1", 401, 3)
            var seen = try await keeper.write(since: [:])
            seen = try await keeper.write(since: seen)
            Self.answer(one, "/bank/v1", 500, 20_000)
            _ = try await keeper.write(since: seen)
            for _ in 0..<4 { Self.answer(two, "/bank/v1", 200, 3) }
            _ = try await other.write(since: [:])
            // Two rows of a part when the five minutes ended in between.
            let rows = try await database.all(
                """
                select partie || ' ' || sum(requetes) || ' ' || sum(erreurs) || ' ' || sum(paliers[3]) || ' '
                    || sum(paliers[14]) from monitoring.requetes_5min group by partie order by partie
                """, as: String.self)
            #expect(rows == ["/auth/v1 1 0 1 0", "/bank/v1 16 2 14 1"])
        }
    }

    @Test("a server that ends writes what it had not written")
    func lastWords() async throws {
        try await withTestDatabase(Self.empty) { database in
            let metrics = RequestMetrics()
            let keeper = RequestKeeper(database: database, metrics: metrics, every: .seconds(3600))
            let running = Task { try await keeper.run() }
            Self.answer(metrics, "/", 200, 1)
            running.cancel()
            try await running.value
            let sum = try await database.one(
                "select coalesce(sum(requetes), 0)::bigint from monitoring.requetes_5min", as: Int64.self)
            #expect(sum == 1)
        }
    }
}
