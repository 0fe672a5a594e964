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
            #expect(again.bans.map(\.address.text) == ["203.0.113.7", "203.0.113.8"])
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
