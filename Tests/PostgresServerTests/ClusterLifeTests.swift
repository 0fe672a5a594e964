import Foundation
import Postgres
import TestSupport
import Testing

@testable import PostgresServer

/// How clusters start, stop, die and come back.
@Suite struct ClusterLifeTests {
    @Test func `a killed server recovers at the next start and keeps what was committed`() async throws {
        try await withCluster({ $0.isDurable = true }) { cluster in
            try await run("create table notes as select 'kept' as text", on: cluster)
            let first = try #require(identifier(of: cluster))
            kill(first, SIGKILL)
            while processExists(first) { try await Task.sleep(for: .milliseconds(5)) }
            #expect(cluster.status == .crashed)
            try await cluster.start()
            #expect(try await text("select text from notes", on: cluster) == "kept")
            #expect(identifier(of: cluster) != first)
        }
    }

    @Test func `a server killed under load again and again keeps every row that was acknowledged`() async throws {
        try await withCluster({ $0.isDurable = true }) { cluster in
            try await run("create table counted (number bigint primary key)", on: cluster)
            var acknowledged: Int64 = 0
            for round in 1...(isLongRun ? 30 : 3) {
                let server = try #require(identifier(of: cluster))
                let start = acknowledged
                async let killing: Void = {
                    try await Task.sleep(for: .milliseconds(50 * (1 + round % 5)))
                    kill(server, SIGKILL)
                }()
                acknowledged = await lastAcknowledged(from: start, on: cluster)
                try await killing
                try await cluster.start()
                let kept = try await cluster.withSuperuser {
                    try await $0.one("select coalesce(max(number), 0) from counted", as: Int64.self)
                }
                // The last row may be there although its answer was lost.
                #expect((acknowledged...acknowledged + 1).contains(kept))
                acknowledged = kept
            }
            #expect(acknowledged > 0)
        }
    }

    @Test func `a server that is on its way down is waited for and started anew`() async throws {
        try await withCluster({ $0.outlivesOwner = true }) { cluster in
            let first = try #require(identifier(of: cluster))
            let session = try await Connection.connect(cluster.configuration())
            // A smart shutdown waits for the sessions that are there.
            kill(first, SIGTERM)
            while case .running = cluster.status { try await Task.sleep(for: .milliseconds(5)) }
            async let starting: Void = cluster.start()
            try await Task.sleep(for: .milliseconds(200))
            await session.close()
            try await starting
            #expect(identifier(of: cluster) != first)
            #expect(try await text("select 'up'", on: cluster) == "up")
        }
    }

    /// Counts rows in, one transaction each, until the connection breaks.
    private func lastAcknowledged(from start: Int64, on cluster: Cluster) async -> Int64 {
        guard let connection = try? await Connection.connect(cluster.configuration()) else { return start }
        var number = start
        while (try? await connection.run("insert into counted values (\(number + 1))")) != nil { number += 1 }
        await connection.close()
        return number
    }

    @Test func `an immediate stop loses nothing that was committed`() async throws {
        try await withCluster({ $0.isDurable = true }) { cluster in
            try await run("create table notes as select 'kept' as text", on: cluster)
            try await cluster.stop(.immediate)
            try await cluster.start()
            #expect(try await text("select text from notes", on: cluster) == "kept")
        }
    }

    @Test func `a pid file whose number is another server's now is stale`() async throws {
        guard case .running(let other) = try await TestCluster.shared().status else {
            Issue.record("the shared cluster does not run")
            return
        }
        try await withCluster { cluster in
            try await cluster.stop()
            let files = cluster.files
            let lines = "\(other)\n\(files.data)\n1700000000\n5432\n\(files.socket)\n\n  1234  5678\nready   \n"
            try files.write(lines, to: files.postmasterPID, user: try ServerUser.current())
            try files.write("\(other)\n", to: files.socket + "/.s.PGSQL.5432.lock", user: try ServerUser.current())
            #expect(cluster.status == .crashed)
            try await cluster.start()
            #expect(try await text("select 'up'", on: cluster) == "up")
            // And stopping has not touched the other one.
            try await cluster.stop()
            #expect(processExists(other))
        }
    }

    @Test func `a pid file of a dead process is stale`() async throws {
        try await withCluster { cluster in
            try await cluster.stop()
            let dead = try await ToolRun.run("/bin/sh", ["-c", "echo $$"]).outputText
            try cluster.files.write(dead, to: cluster.files.postmasterPID, user: try ServerUser.current())
            try await cluster.start()
            #expect(try await text("select 'up'", on: cluster) == "up")
        }
    }

    @Test func `two clusters side by side do not see each other`() async throws {
        try await withCluster({ $0.port = 0 }) { one in
            try await withCluster({ $0.port = 0 }) { two in
                #expect(one.port != two.port)
                try await one.createDatabase("only_in_one")
                let names = try await text("select string_agg(datname, ',' order by datname) from pg_database", on: two)
                #expect(names == "postgres,template0,template1")
            }
        }
    }

    @Test func `a start of what runs changes nothing`() async throws {
        try await withCluster { cluster in
            let before = identifier(of: cluster)
            async let first: Void = cluster.start()
            async let second: Void = cluster.start()
            _ = try await (first, second)
            #expect(identifier(of: cluster) == before)
        }
    }

    @Test func `a server that outlives its owner is shared between handles`() async throws {
        try await withCluster({ $0.outlivesOwner = true }) { cluster in
            let other = try Cluster.attach(cluster.options.directory)
            async let first: Void = cluster.start()
            async let second: Void = other.start()
            _ = try await (first, second)
            #expect(identifier(of: other) == identifier(of: cluster))
            try await other.stop()
            #expect(cluster.status == .stopped)
        }
    }

    @Test func `a server that dies with its owner is not taken over from a living one`() async throws {
        try await withCluster { cluster in
            let other = try Cluster.attach(cluster.options.directory)
            let error = await #expect(throws: ServerError.self) { try await other.start(timeMax: .milliseconds(200)) }
            #expect(error?.code == "cluster_busy")
            let answer = try await text("select 'untouched'", on: cluster)
            #expect(answer == "untouched")
        }
    }

    @Test func `the server ends with the last handle on it`() async throws {
        try await withTemporaryDirectory { folder in
            var options = Self.small(folder + "/cluster")
            options.isRemovedWithOwner = true
            let identifier = try await startAndForget(options)
            while processExists(identifier) { try await Task.sleep(for: .milliseconds(10)) }
            while FileManager.default.fileExists(atPath: options.directory) {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
    }

    @Test func `a setting that the server refuses is quoted from its log`() async throws {
        try await withCluster { cluster in
            try await cluster.stop()
            var options = cluster.options
            options.settings["work_mem"] = "not a size"
            let files = cluster.files
            let record = ClusterRecord(options: options, socket: files.socket)
            try files.write(try record.text(), to: files.record, user: nil)
            let error = await #expect(throws: ServerError.self) {
                try await Cluster.attach(cluster.options.directory).start()
            }
            #expect(error?.code == "server_not_started")
            #expect(error?.message.contains(#"invalid value for parameter "work_mem""#) == true)
        }
    }

    private func startAndForget(_ options: Cluster.Options) async throws -> Int32 {
        let cluster = try await Cluster.create(options)
        try await cluster.start()
        return try #require(identifier(of: cluster))
    }
}

extension ClusterLifeTests {
    static func small(_ directory: String) -> Cluster.Options {
        var options = Cluster.Options(directory: directory)
        options.isDurable = false
        options.settings = ["shared_buffers": "16MB", "max_connections": "20"]
        return options
    }
}

/// A running cluster for `body`, small and thrown away, changed by `change`.
func withCluster(
    _ change: (inout Cluster.Options) -> Void = { _ in }, in folder: String? = nil,
    _ body: (Cluster) async throws -> Void
) async throws {
    try await withTemporaryDirectory { temporary in
        var options = ClusterLifeTests.small((folder ?? temporary) + "/cluster")
        change(&options)
        let cluster = try await Cluster.create(options)
        try await cluster.start()
        do {
            try await body(cluster)
        } catch {
            try? await cluster.destroy()
            throw error
        }
        try await cluster.destroy()
    }
}

func run(_ statement: Statement, on cluster: Cluster) async throws {
    try await cluster.withSuperuser { try await $0.run(statement) }
}

func text(_ statement: Statement, on cluster: Cluster) async throws -> String {
    try await cluster.withSuperuser { try await $0.one(statement, as: String.self) }
}

func identifier(of cluster: Cluster) -> Int32? {
    if case .running(let identifier) = cluster.status { identifier } else { nil }
}

/// Whether a process of that number runs; one that has ended and was not waited for does not.
func processExists(_ identifier: Int32) -> Bool {
    guard let bytes = FileManager.default.contents(atPath: "/proc/\(identifier)/stat") else { return false }
    let state = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.dropFirst().first
    return state != "Z" && state != "X"
}
