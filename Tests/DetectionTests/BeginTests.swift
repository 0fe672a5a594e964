import Foundation
import PostgresServer
import Testing

@testable import Detection

/// Logs that were there before a follower was.
private final class Older {
    let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "begin-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder + "/logs", withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { folder + "/logs/" + name }

    func write(_ text: String, to name: String) throws {
        if !FileManager.default.fileExists(atPath: path(name)) {
            _ = FileManager.default.createFile(atPath: path(name), contents: nil)
        }
        let file = try #require(FileHandle(forWritingAtPath: path(name)))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    /// Lines of one set, the oldest packed, and failures of one address: four before the follower is there.
    func fill() async throws {
        try write(Self.lines(0..<10), to: "access.log.2")
        let run = try await ToolRun.run("/usr/bin/gzip", [path("access.log.2")], timeMax: .seconds(60))
        #expect(run.status == 0, "\(run.errorText)")
        try write(Self.lines(10..<30), to: "access.log.1")
        try write(Self.lines(30..<60), to: "access.log")
        try write((0..<4).map { Logs.failed("root", "203.0.113.7", at: $0) }.joined(), to: "auth.log")
    }

    static func lines(_ range: Range<Int>) -> String {
        range.map { Detectors.hit($0, "82.64.0.1", "GET /n/\($0)", 200) }.joined()
    }

    /// What one visit read, and the times of all lines so far.
    struct Seen {
        var count: Int64
        var rules: [String]
        var order: [String]
    }

    func visit(_ from: LogFollower.Beginning) async throws -> Seen {
        var settings = LogFollower.Settings()
        (settings.places, settings.state, settings.untilEnd) = ([folder + "/logs"], folder + "/state.json", true)
        (settings.lines, settings.key, settings.from) = (folder + "/lines.jsonl", Array(repeating: 7, count: 32), from)
        let follower = try LogFollower(settings)
        var rules: [String] = []
        follower.onFinding = { rules.append($0.rule.id) }
        let before = try FollowState.read(settings.state).lines
        try await follower.run()
        let text = (try? String(contentsOfFile: folder + "/lines.jsonl", encoding: .utf8)) ?? ""
        let order = text.split(separator: "\n").compactMap {
            $0.firstMatch(of: /"time":"([^"]*)"/).map { String($0.1) }
        }
        return Seen(count: follower.lineCount - before, rules: rules, order: order)
    }
}

@Suite struct `A follower's very first start` {
    private let later = Logs.failed("root", "203.0.113.7", at: 10)

    @Test func `reads the newest file of each log, unless it is told otherwise`() async throws {
        let logs = try Older()
        try await logs.fill()
        let seen = try await logs.visit(.newest)
        #expect(seen.count == 34)
    }

    @Test func `reads all there is, the oldest first, from the start`() async throws {
        let logs = try Older()
        try await logs.fill()
        let first = try await logs.visit(.start)
        #expect(first.count == 64)
        let access = Array(first.order.prefix(60))
        #expect(access == access.sorted() && Set(access).count == 60, "in the order of its lines")
        try logs.write(Older.lines(60..<62), to: "access.log")
        let second = try await logs.visit(.start)
        #expect(second.count == 2, "only the very first start asks")
    }

    @Test func `counts nothing of what is there at the end, and learns from it`() async throws {
        let logs = try Older()
        try await logs.fill()
        try logs.write("half a line", to: "access.log")
        let first = try await logs.visit(.end)
        #expect(first.rules.isEmpty && first.order.isEmpty)
        try logs.write(later, to: "auth.log")
        let second = try await logs.visit(.end)
        #expect(second.rules == ["ssh-brute-force"], "the four failures before count with the fifth")
        let state = try FollowState.read(logs.folder + "/state.json")
        let auth = try #require(state.files.first { $0.path.hasSuffix("auth.log") })
        let length = try Data(contentsOf: URL(filePath: auth.path)).count
        #expect(auth.line == 5 && auth.offset == Int64(length))
    }

    @Test func `looks at nothing that was there before now, also after a restart`() async throws {
        let logs = try Older()
        try await logs.fill()
        let first = try await logs.visit(.now)
        try logs.write(later, to: "auth.log")
        let second = try await logs.visit(.now)
        #expect(first.count == 0 && second.count == 1 && second.rules.isEmpty, "\(second)")
        let more = (11..<14).map { Logs.failed("root", "203.0.113.7", at: $0) }.joined()
        try logs.write(more, to: "auth.log")
        let third = try await logs.visit(.now)
        #expect(third.rules.isEmpty, "four since")
        try logs.write(Logs.failed("root", "203.0.113.7", at: 15), to: "auth.log")
        let fourth = try await logs.visit(.now)
        #expect(fourth.rules == ["ssh-brute-force"], "what came since is learned again")
    }

    @Test func `keeps its places before it reads, and reads a log that comes later from its first line`() async throws {
        let logs = try Older()
        try logs.write("", to: "access.log")
        let nothing = try await logs.visit(.end)
        #expect(nothing.count == 0)
        try logs.write(Older.lines(0..<5), to: "other.log")
        try logs.write(Older.lines(5..<7), to: "access.log")
        let seen = try await logs.visit(.end)
        #expect(seen.count == 7)
    }

    @Test func `goes on behind the end when the log was renamed meanwhile`() async throws {
        let logs = try Older()
        try await logs.fill()
        _ = try await logs.visit(.end)
        try logs.write(Older.lines(60..<63), to: "access.log")
        let files = FileManager.default
        try files.moveItem(atPath: logs.path("access.log.1"), toPath: logs.path("access.log.3"))
        try files.moveItem(atPath: logs.path("access.log"), toPath: logs.path("access.log.1"))
        try logs.write(Older.lines(63..<65), to: "access.log")
        let seen = try await logs.visit(.end)
        #expect(seen.count == 5)
    }
}
