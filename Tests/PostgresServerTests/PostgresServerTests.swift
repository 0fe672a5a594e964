import Postgres
import PostgresServer
import TestSupport
import Testing

@Test func `a fresh database answers and keeps what it is told`() async throws {
    try await withTestDatabase { database in
        try await database.run("create table notes (text text)")
        try await database.run("insert into notes values (\("hello"))")
        #expect(try await database.one("select text from notes", as: String.self) == "hello")
        #expect(try await database.one("select current_setting('data_checksums')", as: String.self) == "on")
    }
}

@Test func `a tool's output and status come back`() async throws {
    let run = try await ToolRun.run("/bin/sh", ["-c", "echo out; echo err >&2; exit 3"])
    #expect(run.status == 3)
    #expect(run.outputText == "out\n")
    #expect(run.errorText == "err\n")
}
