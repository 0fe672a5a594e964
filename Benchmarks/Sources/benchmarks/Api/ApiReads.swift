import Foundation
import Synchronization

/// Reads through the whole API: HTTP, token, row level security, JSON.
struct ApiReads: Benchmark {
    let name = "api-reads"
    let title = "Reads through the API"
    let explanation = """
        `digitalbank serve` as it is shipped, 1,000 signed-in clients drawn at random, each asking for what row level security
        lets them see; wrk with 64 connections on the same machine. The statement is the last 20 postings of an account; its
        yardstick is the same SQL run by pgbench as the owner, without row level security. FastAPI (uvicorn, asyncpg, one worker)
        does the same one-row read, with the account's owner in its `where`.
        """

    func run(_ context: Context) async throws -> [Row] {
        let bank = try await ApiBank.start(context)
        do {
            let rows = try await measure(context, bank)
            await bank.stop()
            return rows
        } catch {
            await bank.stop()
            throw error
        }
    }

    private func measure(_ context: Context, _ bank: ApiBank) async throws -> [Row] {
        let (one, twenty) = try requests(context, bank)
        let yardstick = try await context.yardstick()
        let costs = Costs()
        let script = try statement(context)
        let peer = try await FastAPI.start(context, bank)
        defer { peer.stop() }
        let seconds = context.seconds
        let peerLoad = try Wrk(context, "fastapi", peer.requests(bank))
        var rows = try await context.alternate([
            Side(what: "pgbench -S -M prepared -c 8") { try await context.pgbenchRate(yardstick, ["-S"]) },
            Side(what: "one row by its key, row level security on", bar: .atLeast(0.5)) {
                let before = bank.cpuSeconds()
                let rate = try await one.rate(port: bank.port, connections: 64, seconds: seconds)
                let cost = (bank.cpuSeconds() - before) / (rate * Double(seconds)) * 1e6
                costs.add(cost)
                return rate
            },
        ])
        // The slice that warms up does not count.
        let measured = Array(costs.all.dropFirst())
        var cost = Row(what: "CPU of the server a request", values: measured, unit: "µs")
        if (measured.median ?? 0) > 60 { cost.failure = "more than 60 µs" }
        rows.append(cost)
        rows += try await context.alternate([
            Side(what: "20 postings: the SQL alone, pgbench -M prepared -c 8") {
                try await context.pgbenchRate(ApiBank.name, ["-f", script])
            },
            Side(what: "20 postings through the API", bar: .atLeast(0.6)) {
                try await twenty.rate(port: bank.port, connections: 64, seconds: seconds)
            },
        ])
        rows += try await context.alternate([
            Side(what: "FastAPI with asyncpg, one row") {
                try await peerLoad.rate(port: peer.port, connections: 64, seconds: seconds)
            },
            Side(what: "one row through the API, beside it", bar: .atLeast(4)) {
                try await one.rate(port: bank.port, connections: 64, seconds: seconds)
            },
        ])
        return rows + (try await latencies(context, bank, rows[1].values.median ?? 1000))
    }

    /// At shares of what a closed loop reached.
    private func latencies(_ context: Context, _ bank: ApiBank, _ most: Double) async throws -> [Row] {
        var rows: [Row] = []
        for share in [0.5, 0.7, 0.9] {
            let clients = bank.clients
            let loop = try await OpenLoop.run(port: bank.port, rate: most * share, seconds: Double(context.seconds)) {
                random in
                let client = clients[Int.random(in: 0..<clients.count, using: &random)]
                return Self.one(bank, client)
            }
            for (name, value) in [("p50", loop.p50), ("p99", loop.p99), ("p99.9", loop.p999)] {
                var row = Row(
                    what: "open loop at \(Int(share * 100)) % (\(Int(loop.rate)) /s): \(name)", values: [value],
                    unit: "ms")
                if loop.errors > 0 { row.failure = "\(loop.errors) errors" }
                rows.append(row)
            }
        }
        return rows
    }

    private static func one(_ bank: ApiBank, _ client: ApiBank.Client) -> [UInt8] {
        bank.request(
            "GET", "/rest/v1/comptes?select=id,type,devise,solde_minor&id=eq.\(client.account)", of: client)
    }

    /// Each answer is looked at once before it is asked for by the thousand.
    private func requests(_ context: Context, _ bank: ApiBank) throws -> (Wrk, Wrk) {
        let one = bank.clients.map { Self.one(bank, $0) }
        let twenty = bank.clients.map { client in
            bank.request(
                "GET",
                "/rest/v1/ecritures?select=numero,montant_minor,solde_apres_minor,booked_at&compte_id=eq.\(client.account)"
                    + "&order=numero.desc&limit=20", of: client)
        }
        let connection = try LoadConnection(port: bank.port)
        for (index, client) in bank.clients.enumerated() {
            let single = try connection.exchange(one[index])
            let text = String(decoding: single.body, as: UTF8.self)
            guard single.status == 200, text.hasPrefix("[{\"id\":\(client.account),") else {
                throw BenchmarkError(description: "a client does not see the account: \(single.status) \(text)")
            }
            let many = try connection.exchange(twenty[index])
            let count = String(decoding: many.body, as: UTF8.self).split(separator: "numero").count - 1
            guard many.status == 200, count == 20 else {
                throw BenchmarkError(description: "a statement has \(count) postings, not 20: \(many.status)")
            }
        }
        return (try Wrk(context, "one", one), try Wrk(context, "twenty", twenty))
    }

    private func statement(_ context: Context) throws -> String {
        try context.script(
            "statement",
            """
            \\set c random(0, \(ApiBank.clientCount - 1))
            \\set a 5 * :c + 1
            select coalesce(json_agg(t), '[]') from (
                select numero, montant_minor, solde_apres_minor, booked_at from ecritures
                where compte_id = :a order by numero desc limit 20
            ) t;
            """)
    }
}

/// CPU time of the server a request, slice by slice.
final class Costs: Sendable {
    private let values = Mutex<[Double]>([])

    var all: [Double] { values.withLock { $0 } }

    func add(_ value: Double) { values.withLock { $0.append(value) } }
}
