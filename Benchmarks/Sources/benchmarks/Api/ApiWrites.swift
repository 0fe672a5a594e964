import Foundation

/// Inserts through the API, each a durable commit.
struct ApiWrites: Benchmark {
    let name = "api-writes"
    let title = "Inserts through the API"
    let explanation = """
        One row by `POST /rest/v1/notes` under row level security, wrk with 64 connections; the yardstick is the same insert by
        pgbench as the owner. Each is a commit that is flushed to disk.
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
        let load = try Wrk(
            context, "insert",
            bank.clients.map { bank.request("POST", "/rest/v1/notes", of: $0, body: #"{"texte":"un mot"}"#) })
        let user = bank.clients[0].user
        let script = try context.script(
            "insert", "insert into notes (auteur, texte) values ('\(user)', 'un mot');")
        return try await context.alternate([
            Side(what: "the same insert by pgbench -M prepared -c 8") {
                try await context.pgbenchRate(ApiBank.name, ["-f", script])
            },
            Side(what: "inserts through the API", bar: .atLeast(0.5)) {
                try await load.rate(port: bank.port, connections: 64, seconds: context.seconds)
            },
        ])
    }
}
