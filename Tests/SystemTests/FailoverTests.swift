import Foundation
import TestSupport
import Testing

@testable import PostgresServer

/// A cluster of three databases, three etcd, HAProxy and two servers, each on a host of its own played by a network
/// namespace; faults befall it while clients move money.
@Suite(.serialized, .enabled(if: PlayedHosts.obstacle == nil, "no cluster can be played here"))
struct FailoverTests {
    private static let isLong = ProcessInfo.processInfo.environment["DIGITALBANK_LONG"] == "1"

    @Test("no acknowledged transfer is lost and never do two servers lead, whatever befalls the leader")
    func rounds() async throws {
        let data = FileManager.default.temporaryDirectory.path + "/failover-\(UInt64.random(in: .min ... .max))"
        defer { try? FileManager.default.removeItem(atPath: data) }
        // The short form: the servers' way is shown by ServeFaultTests; here it is the databases' change of leader.
        let arguments =
            Self.isLong
            ? ["--rounds", "50"] : ["--rounds", "2", "--fault", "killed", "--fault", "switchover", "--without-servers"]
        let run = try await ToolRun.run(
            Program.path, ["cluster", "drill", "--data-dir", data] + arguments,
            timeMax: .seconds(Self.isLong ? 7200 : 600))
        print(run.outputText)
        #expect(run.status == 0, "\(run.outputText)\n\(run.errorText)")
        let rounds = run.outputText.split(separator: "\n").filter { $0.hasPrefix("round ") }
        #expect(rounds.count == (Self.isLong ? 50 : 2))
        #expect(rounds.allSatisfy { $0.contains(" 0 lost, 0 doubled, one leader") })
    }

    @Test func `a fault that is none, and a cluster without a majority, are refused in one sentence`() async throws {
        let fault = try await Program.run("cluster", "drill", "--fault", "flood")
        #expect(fault.status != 0 && fault.error.contains("killed, cut, frozen"))
        let data = FileManager.default.temporaryDirectory.path + "/failover-\(UInt64.random(in: .min ... .max))"
        defer { try? FileManager.default.removeItem(atPath: data) }
        let pair = try await Program.run(
            "cluster", "init", "--data-dir", data, "--database-host", "db1=10.0.0.1", "--database-host",
            "db2=10.0.0.2")
        #expect(pair.status == 5 && pair.error.contains("a majority needs 3, 5 or 7"))
        let absent = try await Program.run("cluster", "status", "--data-dir", data)
        #expect(absent.status == 8)
    }
}

/// Whether hosts can be played on this machine.
private enum PlayedHosts {
    static let obstacle: String? = {
        let needed = ["/usr/sbin/ip", "/usr/bin/nsenter", "/usr/bin/patroni", "/usr/bin/etcd", "/usr/sbin/haproxy"]
        if let missing = needed.first(where: { access($0, X_OK) != 0 }) { return missing }
        guard geteuid() == 0 else { return "root" }
        let tried = try? ToolSession(
            command: ["/usr/bin/unshare", "--net", "--mount", "--pid", "--fork", "/bin/true"], environment: [:],
            directory: "/", inputFile: nil, outputFile: nil)
        return (try? tried?.collect(timeMax: .seconds(30)).status) == 0 ? nil : "namespaces"
    }()
}
