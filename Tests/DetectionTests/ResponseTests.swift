import Foundation
import Synchronization
import Testing

@testable import Detection

@Suite struct `Responses to findings` {
    static func finding(_ address: String, _ gravity: Gravity = .high) -> Finding {
        Finding(
            rule: Rules.takeoverSSH, gravity: gravity, time: 1, until: 1, file: "auth.log", line: 7, offset: 0,
            address: NetworkAddress(address), user: nil, host: nil, target: nil, words: "", count: 1, tool: nil,
            digest: "", evidence: "", decision: nil)
    }

    static func desk(_ folder: String, now: Int64 = 1_000_000, _ change: (inout ResponseDesk.Policy) -> Void = { _ in })
        throws -> ResponseDesk
    {
        var policy = ResponseDesk.Policy()
        policy.isDryRun = false
        policy.protected = [try #require(AddressBlock("198.51.100.0/24"))]
        change(&policy)
        return try ResponseDesk(policy, journal: folder + "/responses.jsonl") { now }
    }

    @Test func `ban once, for a time, over a restart, and can be taken back`() throws {
        try Logs.withFolder([:]) { folder in
            let first = try Self.desk(folder)
            #expect(
                first.decide(Self.finding("203.0.113.7")).act
                    == .ban("203.0.113.7", seconds: 3600, rule: "ssh-takeover"))
            #expect(first.decide(Self.finding("203.0.113.7")).act == nil)
            #expect(first.decide(Self.finding("203.0.113.8")).decision == "banned")
            let again = try Self.desk(folder, now: 3_601_000_000)
            #expect(again.bans.map(\.block.text) == ["203.0.113.7", "203.0.113.8"])
            #expect(again.undo("203.0.113.8") == .unban("203.0.113.8") && again.undo("203.0.113.8") == nil)
            #expect(again.expired() == [.unban("203.0.113.7")])
            #expect(try Self.desk(folder).bans.isEmpty)
        }
    }

    @Test func `never ban one's own, nor everybody, nor anything in a dry run`() throws {
        try Logs.withFolder([:]) { folder in
            let desk = try Self.desk(folder) { $0.activeMax = 2 }
            for address in ["10.0.0.5", "127.0.0.1", "198.51.100.9", "::1", "fd00::1"] {
                #expect(desk.decide(Self.finding(address)).decision == "protected", "\(address)")
            }
            let decisions = (1...4).map { desk.decide(Self.finding("203.0.113.\($0)")).decision }
            #expect(decisions == ["banned", "banned", "too_many_bans", "too_many_bans"])
            #expect(desk.decide(Self.finding("203.0.113.50", .low)).decision == nil)
            let dry = try Self.desk(folder) { $0.isDryRun = true }
            #expect(dry.decide(Self.finding("203.0.113.99")).decision == "would_ban" && dry.bans.count == 2)
        }
    }

    @Test func `ban the network of an IPv6 address, as it is counted, unless one's own stands in it`() throws {
        try Logs.withFolder([:]) { folder in
            let desk = try Self.desk(folder) { $0.protected += [AddressBlock("2001:db8:1:2::53")].compactMap { $0 } }
            #expect(
                desk.decide(Self.finding("2001:db8:7:8::1")).act
                    == .ban("2001:db8:7:8::/64", seconds: 3600, rule: "ssh-takeover"))
            let neighbour = desk.decide(Self.finding("2001:db8:7:8:aaaa::2"))
            #expect(neighbour.decision == "banned" && neighbour.act == nil)
            #expect(desk.decide(Self.finding("2001:db8:1:2::9")).decision == "protected")
            let again = try Self.desk(folder)
            #expect(again.bans.map(\.block.text) == ["2001:db8:7:8::/64"])
            #expect(again.undo("2001:db8:7:8::beef") == .unban("2001:db8:7:8::/64"))
            #expect(again.undo("2001:db8:7:8::/64") == nil)
        }
        let measures = ActiveMeasures()
        measures.set([("ban_address", "2001:db8:7:8::/64"), ("ban_address", "203.0.113.7")])
        #expect(measures.isBanned("2001:DB8:7:8:1:2:3:4") && !measures.isBanned("2001:db8:7:9::1"))
        #expect(measures.isBanned("203.0.113.7") && measures.isBanned("::ffff:203.0.113.7") && measures.bans == 2)
        let order = try ResponseOrder(.banAddress, "2001:db8:7:8::1", reason: "guesses")
        let narrow = try ResponseOrder(.banAddress, "2001:db8:7:8::1/128", reason: "guesses")
        #expect(order.target == "2001:db8:7:8::/64" && narrow.target == "2001:db8:7:8::1")
    }

    @Test func `ban no more than a share of those who were seen`() throws {
        try Logs.withFolder([:]) { folder in
            let desk = try Self.desk(folder) { $0.activeFree = 10 }
            func decisions() -> Int {
                (0..<60).count { desk.decide(Self.finding("203.0.113.\($0)")).act != nil }
            }
            #expect(decisions() == 10)
            for index in 0..<200 { desk.saw(try #require(NetworkAddress("192.0.2.\(index)"))) }
            let more = decisions()
            #expect((25...35).contains(more), "\(more)")
        }
    }

    @Test func `write a refusal down once an hour`() throws {
        try Logs.withFolder([:]) { folder in
            let desk = try Self.desk(folder)
            for _ in 0..<500 { _ = desk.decide(Self.finding("198.51.100.9")) }
            let lines = try String(contentsOfFile: folder + "/responses.jsonl", encoding: .utf8).split(separator: "\n")
            #expect(lines.count == 1)
        }
    }

    @Test func `reach a follower's findings`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "responses-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder + "/logs", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let lines = (0..<6).map { Logs.failed("root", "203.0.113.7", at: $0) }.joined()
        try Data(lines.utf8).write(to: URL(filePath: folder + "/logs/auth.log"))
        let acts = Acts()
        var settings = LogFollower.Settings()
        (settings.places, settings.state, settings.untilEnd) = ([folder + "/logs"], folder + "/state.json", true)
        settings.findings = folder + "/findings.jsonl"
        var policy = ResponseDesk.Policy()
        policy.isDryRun = false
        settings.responses = (policy, folder + "/responses.jsonl")
        settings.perform = { acts.add($0) }
        try await LogFollower(settings).run()
        try await LogFollower(settings).run()
        #expect(acts.all == [.ban("203.0.113.7", seconds: 3600, rule: "ssh-brute-force")])
        let findings = try String(contentsOfFile: folder + "/findings.jsonl", encoding: .utf8)
        #expect(findings.contains(#""decision":"banned""#))
    }

    private final class Acts: Sendable {
        private let acts = Mutex<[ResponseDesk.Act]>([])
        func add(_ act: ResponseDesk.Act) { acts.withLock { $0.append(act) } }
        var all: [ResponseDesk.Act] { acts.withLock { $0 } }
    }
}
