import Foundation
import PostgresServer
import TestSupport
import Testing

@Suite struct ToolRunTests {
    @Test func `a tool's output and status come back`() async throws {
        let run = try await ToolRun.run("/bin/sh", ["-c", "echo out; echo err >&2; exit 3"])
        #expect(run.status == 3)
        #expect(run.outputText == "out\n")
        #expect(run.errorText == "err\n")
        #expect(throws: ServerError.self) { try run.checked("sh") }
    }

    @Test func `a megabyte on both streams does not block the tool`() async throws {
        let run = try await ToolRun.run(
            "/bin/sh", ["-c", "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2"])
        #expect(run.status == 0)
        #expect(run.output.count == 1_000_000)
        #expect(run.errorOutput.count == 1_000_000)
    }

    @Test func `a tool that is too slow is stopped with its children`() async throws {
        let error = await #expect(throws: ServerError.self) {
            try await ToolRun.run("/bin/sh", ["-c", "sleep 600 & sleep 600"], timeMax: .milliseconds(200))
        }
        #expect(error?.code == "program_too_slow")
    }

    @Test func `cancelling the task ends the tool`() async throws {
        try await withTemporaryDirectory { folder in
            let mark = folder + "/started"
            let task = Task {
                try await ToolRun.run("/bin/sh", ["-c", "echo $$ > '\(mark)'; exec sleep 600"])
            }
            while FileManager.default.contents(atPath: mark)?.isEmpty ?? true {
                try await Task.sleep(for: .milliseconds(5))
            }
            let text = String(decoding: FileManager.default.contents(atPath: mark) ?? Data(), as: UTF8.self)
            let identifier = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(!FileManager.default.fileExists(atPath: "/proc/\(identifier)"))
        }
    }

    @Test func `output goes to a file and input comes from one`() async throws {
        try await withTemporaryDirectory { folder in
            try Data("bonjour\n".utf8).write(to: URL(filePath: folder + "/in"))
            let run = try await ToolRun.run(
                "/bin/cat", inputFile: folder + "/in", outputFile: folder + "/out")
            #expect(run.status == 0)
            #expect(run.output.isEmpty)
            #expect(FileManager.default.contents(atPath: folder + "/out") == Data("bonjour\n".utf8))
        }
    }

    @Test func `a tool sees its environment and nothing of ours`() async throws {
        setenv("SECRET_OF_THE_TEST", "ours", 1)
        defer { unsetenv("SECRET_OF_THE_TEST") }
        let run = try await ToolRun.run("/usr/bin/env", environment: ["PGUSER": "anna"])
        let lines = Set(run.outputText.split(separator: "\n").map(String.init))
        #expect(lines.contains("PGUSER=anna"))
        #expect(!run.outputText.contains("ours"))
    }

    @Test func `a tool inherits no open file`() async throws {
        let descriptor = open("/dev/null", O_RDONLY)
        defer { close(descriptor) }
        let run = try await ToolRun.run("/bin/ls", ["/proc/self/fd"])
        // 3 is the folder that ls itself reads.
        #expect(run.outputText == "0\n1\n2\n3\n")
    }

    @Test func `as root, the server's user is another one`() async throws {
        let run = try await ToolRun.run("/usr/bin/id", ["-u"], asServerUser: true)
        #expect(run.outputText != "0\n")
    }

    @Test func `a program that is not there is an error`() async throws {
        let error = await #expect(throws: ServerError.self) { try await ToolRun.run("/nowhere/tool") }
        #expect(error?.code == "program_not_started")
    }
}
