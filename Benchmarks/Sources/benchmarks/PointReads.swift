import Postgres

/// One-row reads through our own client, against pgbench's.
struct PointReads: Benchmark {
    let name = "reads"
    let title = "Pipelined one-row queries"
    let explanation = """
        The same prepared query on the same table: `pgbench -S -M prepared -c 8`, and the `Postgres` target with 8
        connections and 256 callers, each waiting for its row before it asks for the next.
        """

    func run(_ context: Context) async throws -> [Row] {
        let name = try await context.yardstick()
        let database = try await context.database(name)
        let rowCount = 100_000 * context.scale
        let rows = try await context.alternate([
            Side(what: "pgbench -S -M prepared -c 8") { try await context.pgbenchRate(name, ["-S"]) },
            Side(what: "Postgres target, 8 connections, 256 callers", bar: .atLeast(0.7)) {
                try await context.rate(width: 256) { _ in
                    let account = Int32.random(in: 1...Int32(rowCount))
                    _ = try await database.one(
                        "select abalance from pgbench_accounts where aid = \(account)", as: Int32.self)
                }
            },
        ])
        await database.close()
        return rows
    }
}
