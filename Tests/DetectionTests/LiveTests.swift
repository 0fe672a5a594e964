import Evidence
import Foundation
import PostgresServer
import Testing

@testable import Detection

/// A folder that a follower visits, and what it found there.
private final class Watched {
    let folder: String
    let told = Told()

    final class Told: @unchecked Sendable {
        // SAFETY: a visit is awaited before it is read.
        var unread: [String: Int64] = [:]
    }

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "live-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder + "/logs", withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { folder + "/logs/" + name }

    func append(_ text: String, to name: String) throws {
        if !FileManager.default.fileExists(atPath: path(name)) {
            _ = FileManager.default.createFile(atPath: path(name), contents: nil)
        }
        let file = try #require(FileHandle(forWritingAtPath: path(name)))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    func settings() -> LogFollower.Settings {
        var settings = LogFollower.Settings()
        (settings.places, settings.state, settings.untilEnd) = ([folder + "/logs"], folder + "/state.json", true)
        (settings.findings, settings.unread) = (folder + "/findings.jsonl", folder + "/unread.jsonl")
        settings.checkSeal = { SealedJournal.problems($0) }
        settings.onUnread = { [told] in told.unread[$0] = $1 }
        return settings
    }

    @discardableResult
    func visit(_ change: (inout LogFollower.Settings) -> Void = { _ in }) async throws -> LogFollower {
        var settings = settings()
        change(&settings)
        let follower = try LogFollower(settings)
        try await follower.run()
        return follower
    }

    func lines(_ name: String) throws -> [String] {
        try String(contentsOfFile: folder + "/" + name, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    var rules: [String] {
        get throws {
            try lines("findings.jsonl").compactMap { $0.firstMatch(of: /"rule":"([^"]*)"/).map { String($0.1) } }
        }
    }

    static func steady(_ range: Range<Int>) -> String {
        range.map { Detectors.hit($0 * 60, "203.0.113.7", "GET /", 200) }.joined()
    }
}

@Suite struct `A follower that watches its logs` {
    @Test func `counts and keeps lines that no reader takes, each once`() async throws {
        let logs = try Watched()
        try logs.append(Watched.steady(0..<3) + "\u{1}\u{2} no log at all\n" + Watched.steady(3..<5), to: "access.log")
        let first = try await logs.visit()
        #expect(first.lineCount == 6 && first.unreadLines.map(\.count) == [1])
        #expect(first.unreadLines.first?.source.hasSuffix("access.log") == true)
        try logs.append("§§ another one\n", to: "access.log")
        // Written out, and not committed: it is cut off and comes again.
        let spool = try #require(FileHandle(forWritingAtPath: logs.folder + "/unread.jsonl"))
        try spool.seekToEnd()
        try spool.write(contentsOf: Data("{\"text\":\"half".utf8))
        try spool.close()
        let second = try await logs.visit()
        #expect(second.unreadLines.map(\.count) == [2])
        let kept = try logs.lines("unread.jsonl")
        #expect(kept.count == 2 && kept[1].contains("§§ another one") && kept[1].contains("no_form"), "\(kept)")
        #expect(kept[0].contains(#""line":4"#))
        #expect(logs.told.unread.values.sorted() == [1], "the second is told of with the tenth")
    }

    @Test func `turns the file of unread lines over, and goes on over a kill in between`() async throws {
        let logs = try Watched()
        try logs.append(Watched.steady(0..<2), to: "access.log")
        try logs.append((0..<500).map { "§ \($0) is no line of a log at all\n" }.joined(), to: "access.log")
        try await logs.visit { $0.unreadBytesMax = 20_000 }
        #expect(try logs.lines("unread.jsonl").isEmpty && logs.lines("unread.jsonl.1").count == 500)
        // As if it had been killed between the renaming and the keeping of the position.
        try FileManager.default.removeItem(atPath: logs.folder + "/unread.jsonl")
        try logs.append("§last\n", to: "access.log")
        try await logs.visit()
        let kept = try logs.lines("unread.jsonl")
        #expect(kept.count == 1 && kept[0].contains("§last"), "\(kept.count)")
    }

    @Test func `keeps a line without a time, which the bank's table can not hold`() async throws {
        let logs = try Watched()
        try logs.append(#"{"evenement":"connexion","acteur":"anna","ip":"203.0.113.7"}"# + "\n", to: "app.log")
        let follower = try await logs.visit {
            $0.keep = FollowKeep(token: { $0 }, load: { nil }, commit: { lines, _ in #expect(lines.isEmpty) })
        }
        #expect(follower.unreadLines.map(\.count) == [1])
        #expect(try logs.lines("unread.jsonl").first?.contains("no_time") == true)
    }

    @Test func `sees a silence, and that several logs fell silent together`() async throws {
        let logs = try Watched()
        for name in ["access.log", "other.log"] { try logs.append(Watched.steady(0..<600), to: name) }
        try await logs.visit()
        for name in ["access.log", "other.log"] { try logs.append(Watched.steady(900..<910), to: name) }
        try await logs.visit()
        let gaps = try logs.lines("findings.jsonl").filter { $0.contains(#""rule":"log-gap""#) }
        #expect(gaps.count == 2, "\(gaps)")
        #expect(gaps.first?.contains(#""severity":"low""#) == true && gaps.last?.contains("as in 1 other logs") == true)
    }

    @Test func `sees that nothing comes any more`() throws {
        var silences = LiveSilences()
        for index in 0..<600 {
            _ = silences.tick("/l/access.log", Int64(1_000_000 + index * 60) * Instant.second, LinePlace())
        }
        let now = ContinuousClock.now
        silences.arrived("/l/access.log", at: now)
        #expect(silences.silent(at: now + .seconds(1_200)).isEmpty)
        #expect(silences.silent(at: now + .seconds(3_000)).map(\.rule.id) == ["log-gap"])
        #expect(silences.silent(at: now + .seconds(6_000)).isEmpty, "once")
    }

    @Test func `sees a clock that is set back`() async throws {
        let logs = try Watched()
        try logs.append(Watched.steady(300..<320), to: "access.log")
        try logs.append(Watched.steady(100..<120), to: "access.log")
        try await logs.visit()
        #expect(try logs.rules == ["log-clock-back"])
    }

    @Test func `sees a log cut off, and leaves rotation by copying alone`() async throws {
        let logs = try Watched()
        try logs.append(Watched.steady(0..<50), to: "access.log")
        try await logs.visit()
        try FileManager.default.copyItem(atPath: logs.path("access.log"), toPath: logs.path("access.log.1"))
        #expect(truncate(logs.path("access.log"), 0) == 0)
        try logs.append(Watched.steady(50..<60), to: "access.log")
        try await logs.visit()
        #expect(try logs.lines("findings.jsonl").isEmpty)
        #expect(truncate(logs.path("access.log"), 0) == 0)
        try logs.append(Watched.steady(60..<63), to: "access.log")
        try await logs.visit()
        #expect(try logs.rules == ["log-cut-off"])
    }

    @Test func `sees a sealed journal that was changed`() async throws {
        let logs = try Watched()
        let path = logs.path("journal.jsonl")
        let journal = try FileJournal.open(path: path, key: try SigningKey.open(path: logs.folder + "/key"))
        for index in 0..<4 {
            try await journal.append(
                kind: "test", subject: "s\(index)", body: "{}", at: Date(timeIntervalSince1970: 1_790_000_000))
        }
        try await logs.visit()
        #expect(try !logs.rules.contains("sealed-journal-broken"))
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        try (lines[0] + "\n" + lines[2] + "\n" + lines[3] + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        try await logs.visit()
        #expect(try logs.rules.contains("sealed-journal-broken"))
    }

    @Test func `bans a second attacker after a first one with tens of thousands of targets`() async throws {
        let logs = try Watched()
        let flood = (0..<21_000).map {
            Detectors.hit($0 / 100, "203.0.113.7", "GET /n/\($0)?q=%27%20union%20select%201", 404)
        }
        let guesses = (0..<12).map { Detectors.hit(300 + $0, "198.51.100.9", "POST /api/connexion", 401) }
        try logs.append(flood.joined() + guesses.joined(), to: "access.log")
        var policy = ResponseDesk.Policy()
        policy.isDryRun = false
        let banned = Banned()
        try await logs.visit { [policy] in
            $0.responses = (policy, logs.folder + "/responses.jsonl")
            $0.perform = { banned.add($0) }
        }
        #expect(banned.all.sorted() == ["198.51.100.9", "203.0.113.7"])
        #expect(try logs.lines("findings.jsonl").count < 1_000)
    }

    private final class Banned: @unchecked Sendable {
        // SAFETY: the follower performs one act after another, and is awaited before it is read.
        private var targets: [String] = []
        func add(_ act: ResponseDesk.Act) { if case .ban(let target, _, _) = act { targets.append(target) } }
        var all: [String] { targets }
    }
}
