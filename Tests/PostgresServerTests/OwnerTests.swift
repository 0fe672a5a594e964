import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing

/// What happens to a cluster when the process that owns it is killed.
@Suite struct OwnerTests {
    @Test func `a throw-away cluster and its files go when its owner is killed`() async throws {
        try await withTemporaryDirectory { folder in
            let (owner, server) = try startOwner(folder + "/cluster", "ends")
            #expect(processExists(server))
            kill(owner.processIdentifier, SIGKILL)
            owner.waitUntilExit()
            while processExists(server) || FileManager.default.fileExists(atPath: folder + "/cluster") {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    @Test func `a cluster that outlives its owner stays up when the owner is killed`() async throws {
        try await withTemporaryDirectory { folder in
            let (owner, server) = try startOwner(folder + "/cluster", "keeps")
            kill(owner.processIdentifier, SIGKILL)
            owner.waitUntilExit()
            let cluster = try Cluster.attach(folder + "/cluster")
            #expect(cluster.status == .running(processIdentifier: server))
            #expect(try await text("select 'still here'", on: cluster) == "still here")
            try await cluster.stop()
            #expect(cluster.status == .stopped)
            #expect(!processExists(server))
        }
    }

    @Test func `the work of a killed owner is taken up where it was committed`() async throws {
        try await withTemporaryDirectory { folder in
            let directory = folder + "/cluster"
            let (owner, first) = try startOwner(directory, "resumes")
            try await run("create table notes as select 'committed' as text", on: try Cluster.attach(directory))
            kill(owner.processIdentifier, SIGKILL)
            // At once, while the first server is still about to end.
            let again = try Cluster.attach(directory)
            try await again.start()
            owner.waitUntilExit()
            #expect(!processExists(first))
            #expect(try await text("select text from notes", on: again) == "committed")
            try await again.destroy()
        }
    }

    /// While initdb runs, between initdb and the server, while the server starts, when it is up.
    @Test func `an owner killed at any moment leaves no process, and the folder can be used again`() async throws {
        var generator = SystemRandomNumberGenerator()
        for round in 0..<(isLongRun ? 60 : 6) {
            try await withTemporaryDirectory { folder in
                let directory = folder + "/cluster"
                let (owner, _) = try launch(directory, "ends")
                let milliseconds = Int.random(in: 0...900, using: &generator)
                try await Task.sleep(for: .milliseconds(milliseconds))
                kill(owner.processIdentifier, SIGKILL)
                owner.waitUntilExit()
                while !processes(naming: directory).isEmpty { try await Task.sleep(for: .milliseconds(10)) }
                if Cluster.exists(in: directory) { return }
                let again = try await Cluster.create(ClusterLifeTests.small(directory))
                try await again.start()
                let answer = try await text("select 'up'", on: again)
                #expect(answer == "up", "round \(round), killed after \(milliseconds) ms")
                try await again.destroy()
            }
        }
    }

    private func startOwner(_ directory: String, _ mode: String) throws -> (Process, server: Int32) {
        let (process, output) = try launch(directory, mode)
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        return (process, try #require(Int32(line.trimmingCharacters(in: .whitespacesAndNewlines))))
    }

    /// The helper program beside this test's own, which makes and starts a cluster and says its process id.
    private func launch(_ directory: String, _ mode: String) throws -> (Process, Pipe) {
        let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        let process = Process()
        process.executableURL = own.deletingLastPathComponent().appending(path: "cluster-owner")
        process.arguments = [directory, mode]
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = Pipe()
        try process.run()
        return (process, output)
    }

    /// The processes of this machine whose command line names `directory`.
    private func processes(naming directory: String) -> [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.filter { $0.allSatisfy(\.isNumber) }.filter { number in
            let bytes = FileManager.default.contents(atPath: "/proc/\(number)/cmdline") ?? Data()
            return String(decoding: bytes, as: UTF8.self).contains(directory)
        }
    }
}
