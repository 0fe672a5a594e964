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

    /// The helper program beside this test's own, which makes and starts a cluster.
    private func startOwner(_ directory: String, _ mode: String) throws -> (Process, server: Int32) {
        let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        let process = Process()
        process.executableURL = own.deletingLastPathComponent().appending(path: "cluster-owner")
        process.arguments = [directory, mode]
        let output = Pipe()
        process.standardOutput = output
        process.standardInput = Pipe()
        try process.run()
        let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
        return (process, try #require(Int32(line.trimmingCharacters(in: .whitespacesAndNewlines))))
    }
}
