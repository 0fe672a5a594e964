import Bank
import Foundation
import Postgres

/// Transfers through the whole API: token, second factor, idempotency, double entry, each a durable commit.
struct ApiTransfers: Benchmark {
    let name = "api-transfers"
    let title = "Transfers through the API"
    let explanation = """
        `POST /bank/v1/transfers` by 1,000 signed-in clients, each order with a key of its own; wrk on the same machine. Orders that
        come in together travel in one lot. Afterwards the whole ledger is verified.
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
        let run = UInt64.random(in: .min ... .max)
        let clients = bank.clients
        let load = try Wrk(
            context, "transfer",
            clients.indices.map { index in
                let (from, to) = (clients[index].account, clients[(index + 7) % clients.count].account)
                return bank.request(
                    "POST", "/bank/v1/transfers", of: clients[index],
                    headers: "Idempotency-Key: \(run)-\(Wrk.counter)\r\n",
                    body:
                        #"{"debit_account":\#(from),"payee":{"account":\#(to)},"amount":{"amount":"0.01","currency":"EUR"}}"#
                )
            })
        let yardstick = try await context.yardstick()
        let rows = try await context.alternate([
            Side(what: "pgbench TPC-B (-s \(context.scale) -c 8 -M prepared)") {
                try await context.pgbenchRate(yardstick, ["-b", "tpcb-like", "-s", String(context.scale)])
            },
            Side(what: "transfers through the API, 8 connections", bar: .atLeast(1.0)) {
                try await load.rate(port: bank.port, connections: 8, seconds: context.seconds)
            },
            Side(what: "transfers through the API, 256 connections", bar: .atLeast(5)) {
                try await load.rate(port: bank.port, connections: 256, seconds: context.seconds)
            },
        ])
        let database = try await context.database(ApiBank.name)
        let findings = try await LedgerStore(database).verify()
        await database.close()
        guard findings.isEmpty else { throw BenchmarkError(description: "the ledger is wrong: \(findings)") }
        return rows
    }
}
