import Foundation
import PostgresServer

/// What the same read costs in Python: FastAPI, uvicorn with uvloop and httptools, asyncpg with prepared statements.
struct FastAPI: Sendable {
    let port: Int
    private let process: Int32

    private static let source = """
        import os
        from contextlib import asynccontextmanager

        import asyncpg
        from fastapi import FastAPI, Header


        @asynccontextmanager
        async def life(app):
            app.state.pool = await asyncpg.create_pool(
                host=os.environ["PGHOST"], port=5432, user=os.environ["PGUSER"], password=os.environ["PGPASSWORD"],
                database=os.environ["PGDATABASE"], min_size=8, max_size=8)
            yield
            await app.state.pool.close()


        app = FastAPI(lifespan=life)


        @app.get("/comptes/{id}")
        async def compte(id: int, user: str = Header()):
            row = await app.state.pool.fetchrow(
                "select k.id, k.type, k.devise, k.solde_minor from comptes k join clients c on c.id = k.client_id "
                "where k.id = $1 and c.utilisateur_id = $2::uuid", id, user)
            return [dict(row)] if row else []
        """

    static func start(_ context: Context, _ bank: ApiBank) async throws -> FastAPI {
        let venv = FileManager.default.currentDirectoryPath + "/.build/fastapi-venv"
        if !FileManager.default.isExecutableFile(atPath: venv + "/bin/uvicorn") {
            say("preparing fastapi")
            let made = try await ToolRun.run(
                "/bin/bash",
                [
                    "-c",
                    "python3 -m venv '\(venv)' && '\(venv)/bin/pip' -q install fastapi==0.121.3 'uvicorn[standard]==0.38.0' "
                        + "asyncpg==0.31.0",
                ])
            guard made.status == 0 else { throw BenchmarkError(description: "no FastAPI: \(made.errorText)") }
        }
        try Data(source.utf8).write(to: URL(filePath: context.folder + "/peer.py"))
        let cluster = try await context.cluster()
        let port = bank.port == 18_977 ? 18_978 : 18_977
        let started = try DetachedProcess.start(
            [
                "/usr/bin/env", "PGHOST=\(cluster.socketDirectory)", "PGUSER=\(cluster.options.superuser)",
                "PGPASSWORD=\(cluster.superuserPassword)", "PGDATABASE=\(ApiBank.name)", venv + "/bin/uvicorn",
                "--app-dir", context.folder, "--port", String(port), "--no-access-log", "--log-level", "warning",
                "peer:app",
            ], log: context.folder + "/peer.log")
        let peer = FastAPI(port: port, process: started.identifier)
        for _ in 0..<300 {
            if let connection = try? LoadConnection(port: port), let request = peer.requests(bank).first,
                let answer = try? connection.exchange(request), answer.status == 200, answer.body.count > 10
            {
                return peer
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        peer.stop()
        throw BenchmarkError(description: "FastAPI did not start: see \(context.folder)/peer.log")
    }

    func requests(_ bank: ApiBank) -> [[UInt8]] {
        bank.clients.map {
            Array("GET /comptes/\($0.account) HTTP/1.1\r\nHost: x\r\nuser: \($0.user)\r\n\r\n".utf8)
        }
    }

    func stop() { DetachedProcess.stop(process) }
}
