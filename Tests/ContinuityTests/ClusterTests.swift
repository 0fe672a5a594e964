import Foundation
import TestSupport
import Testing

@testable import Continuity

/// Rules and files of a cluster; the failovers themselves are in SystemTests.
@Suite struct ClusterTests {
    private static func plan(_ hosts: Int = 3) -> ClusterPlan {
        ClusterPlan(
            name: "bank", databases: (1...hosts).map { .init(name: "db\($0)", address: "10.0.0.\($0)") },
            servers: [.init(name: "web1", address: "10.0.0.11"), .init(name: "web2", address: "10.0.0.12")],
            binaries: "/usr/lib/postgresql/15/bin")
    }

    @Test("a cluster has a majority, names of its own, and a lease that Patroni takes", arguments: [1, 2, 4, 6, 9])
    func majority(hosts: Int) {
        #expect(throws: ContinuityError.self) { try Self.plan(hosts).checked() }
    }

    @Test func `three hosts are a cluster, two with one address are none`() throws {
        _ = try Self.plan().checked()
        var twice = Self.plan()
        twice.servers.append(.init(name: "web3", address: "10.0.0.1"))
        #expect(throws: ContinuityError.self) { try twice.checked() }
        var hasty = Self.plan()
        hasty.timing.leaseSeconds = 10
        #expect(throws: ContinuityError.self) { try hasty.checked() }
    }

    @Test(
        "what could end a line or a quotation in a file is no host",
        arguments: [
            "db1", "db1=", "=10.0.0.1", "DB=10.0.0.1", "db1=10.0.0.1'", "db1=10.0.0.1\nx", "db 1=10.0.0.1",
            "db1=10.0.0.1 weight", "db1={}", "1db=10.0.0.1", "db1=10.0.0.1,a b",
        ])
    func hostileHosts(text: String) { #expect(ClusterPlan.Host(text) == nil) }

    @Test func `a host has an address for its peers and perhaps another for clients`() throws {
        let host = try #require(ClusterPlan.Host("db1=10.0.0.1,192.168.0.1"))
        #expect(host.address == "10.0.0.1" && host.frontAddress == "192.168.0.1")
        #expect(try #require(ClusterPlan.Host("db-2=db2.bank.lan")).frontAddress == "db2.bank.lan")
    }

    @Test func `files are for their owner only, and pass words stay when they are written again`() throws {
        let data = FileManager.default.temporaryDirectory.path + "/cluster-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: data) }
        let folder = ClusterFolder(dataDirectory: data)
        let first = try folder.write(Self.plan())
        #expect(try folder.write(Self.plan()).owner == first.owner)
        #expect(try folder.plan() == Self.plan())
        for path in ["db1/patroni.yml", "db3/etcd.yml", "web1/serve.env", "web2/haproxy.cfg", "secrets.json"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/" + path)
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600, "\(path)")
        }
        let patroni = try String(contentsOfFile: folder.path + "/db2/patroni.yml", encoding: .utf8)
        #expect(patroni.contains("synchronous_mode: true") && patroni.contains("failsafe_mode: true"))
        #expect(patroni.contains("connect_address: 10.0.0.2:5432"))
        let unit = try String(contentsOfFile: folder.path + "/db2/digitalbank-guard.service", encoding: .utf8)
        #expect(unit.contains("digitalbank cluster guard db2 --cluster bank --etcd http://127.0.0.1:2379\n"))
        let environment = try String(contentsOfFile: folder.path + "/web1/serve.env", encoding: .utf8)
        #expect(environment.contains("target_session_attrs=read-write"))
        #expect(Set([first.owner, first.patroni, first.replication, first.rewind, first.superuser]).count == 5)
    }

    @Test func `a cluster without a leader, with two, or out of step is in trouble`() {
        func member(_ name: String, _ role: String, _ state: String = "running", _ timeline: Int64 = 1)
            -> PatroniClient.Member
        { PatroniClient.Member(name: name, role: role, state: state, timeline: timeline) }
        let sound = [member("db1", "leader"), member("db2", "sync_standby"), member("db3", "replica")]
        #expect(ClusterVerdict(members: sound, expected: 3).troubles.isEmpty)
        #expect(ClusterVerdict(members: Array(sound.dropFirst()), expected: 3).troubles.count == 2)
        #expect(ClusterVerdict(members: [sound[0], sound[0], sound[1]], expected: 3).troubles.count == 1)
        #expect(ClusterVerdict(members: [sound[0], sound[2], sound[2]], expected: 3).troubles.count == 1)
        let behind = [sound[0], sound[1], member("db3", "replica", "running", 2)]
        #expect(ClusterVerdict(members: behind, expected: 3).troubles.count == 1)
        let away = [sound[0], sound[1], member("db3", "replica", "stopped")]
        #expect(ClusterVerdict(members: away, expected: 3).troubles.count == 1)
    }

    @Test func `only the synchronous standby ends a lease, and only one that is not renewed`() {
        func view(
            leader: String = "db1", left: Int = 14, synchronous: (String, [String]) = ("db1", ["db2"]),
            isPaused: Bool = false
        ) -> LeaseView {
            LeaseView(
                leader: leader, leaderRevision: "7", leaderAddress: nil, granted: 20, left: left,
                synchronousLeader: synchronous.0, synchronousStandbys: synchronous.1, synchronousValue: "",
                synchronousRevision: "3", isPaused: isPaused)
        }
        #expect(LeaseRule.reason(view(), me: "db2") == nil)
        // Renewed a moment ago, or within six seconds.
        #expect(
            LeaseRule.reason(view(left: 19), me: "db2") != nil && LeaseRule.reason(view(left: 15), me: "db2") != nil)
        // The leader itself, a host that does not have every commit, a leader that the list is not of, maintenance.
        #expect(LeaseRule.reason(view(), me: "db1") != nil && LeaseRule.reason(view(), me: "db3") != nil)
        #expect(LeaseRule.reason(view(synchronous: ("db3", ["db2"])), me: "db2") != nil)
        #expect(LeaseRule.reason(view(synchronous: ("db1", [])), me: "db2") != nil)
        #expect(LeaseRule.reason(view(isPaused: true), me: "db2") != nil)
    }

    @Test func `two hosts that acknowledge in the same time are two leaders`() throws {
        func line(_ host: String, _ timeline: String, _ at: Double) -> WitnessLine {
            WitnessLine(host: host, number: Int64(at * 10), timeline: timeline, begun: at - 0.01, at: at)
        }
        let orderly = [line("db1", "1", 1), line("db1", "1", 2), line("db2", "2", 3), line("db2", "2", 4)]
        #expect(WitnessLine.overlaps(orderly).isEmpty)
        #expect(WitnessLine.overlaps(orderly + [line("db1", "1", 3.5)]).count == 1)
        // A leader that comes back later leads anew, on a timeline of its own.
        #expect(WitnessLine.overlaps(orderly + [line("db1", "3", 5)]).isEmpty)
        // Sent before the other's first answer, answered behind it: nobody can tell that from one after the other.
        let slow = WitnessLine(host: "db1", number: 9, timeline: "1", begun: 2.5, at: 3.5)
        #expect(WitnessLine.overlaps(orderly + [slow]).isEmpty)
        #expect(try #require(WitnessLine(Substring(slow.text))) == slow)
        #expect(WitnessLine("db1 x 1 2 3") == nil)
    }

    @Test func `the longest pause reaches from the answer before the fault to the one behind it`() throws {
        #expect(FailoverReport.quantile(0.5, [3, 1, 2]) == "2.00 s")
        #expect(FailoverReport.quantile(0.95, (1...20).map(Double.init)) == "19.00 s")
        #expect(FailoverReport.quantile(0.5, []) == "—")
        let log = Acknowledgements()
        log.add("a")
        let first = try #require(log.all.first).at
        #expect(abs(log.longestPause(from: first + 1, to: first + 4) - 4) < 0.001)
        log.add("b")
        #expect(log.count(since: first) <= 1 && log.count(since: 0) == 2)
    }
}
