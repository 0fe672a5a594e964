import Foundation
import PostgresServer
import Testing

@testable import Detection

/// A folder whose logs a follower visits now and then, and what it counted.
private final class Visited {
    let folder: String
    private(set) var written = 0

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "rotation-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder + "/logs", withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    func path(_ name: String) -> String { folder + "/logs/" + name }

    /// Lines that no other has.
    func write(_ count: Int, to name: String = "access.log") throws {
        var text = ""
        for _ in 0..<count {
            let time = Logs.accessTime(written % 80_000)
            text += "82.64.0.\(written % 250) - - [\(time)] \"GET /n/\(written) HTTP/1.1\" 200 \(written) \"-\" \"x\"\n"
            written += 1
        }
        if !FileManager.default.fileExists(atPath: path(name)) {
            _ = FileManager.default.createFile(atPath: path(name), contents: nil)
        }
        let file = try #require(FileHandle(forWritingAtPath: path(name)))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    func move(_ from: String, _ to: String) throws {
        try FileManager.default.moveItem(atPath: path(from), toPath: path(to))
    }

    func pack(_ name: String, _ tool: String = "gzip") async throws {
        let arguments = tool == "gzip" ? ["-f", path(name)] : ["-q", "-f", "--rm", path(name)]
        let run = try await ToolRun.run("/usr/bin/" + tool, arguments, timeMax: .seconds(60))
        #expect(run.status == 0, "\(run.errorText)")
    }

    /// A hundred lines were read, then the file was renamed, and the new one was seen before it had a line.
    static func withEmptyFile() async throws -> Visited {
        let logs = try Visited()
        try logs.write(100)
        try await logs.visit()
        try logs.move("access.log", "access.log.1")
        try logs.write(0)
        try await logs.visit()
        return logs
    }

    /// Reads what there is; `lines` is what was counted since the first visit.
    @discardableResult
    func visit() async throws -> Int64 {
        var settings = LogFollower.Settings()
        (settings.places, settings.state, settings.untilEnd) = ([folder + "/logs"], folder + "/state.json", true)
        (settings.lines, settings.key) = (folder + "/lines.jsonl", Array(0..<16))
        let follower = try LogFollower(settings)
        try await follower.run()
        return follower.lineCount
    }

    /// Statuses carry nothing of their own, but each line has its offset in its own file: all must be there once.
    var kept: Int {
        get throws { try String(contentsOfFile: folder + "/lines.jsonl", encoding: .utf8).split(separator: "\n").count }
    }
}

@Suite struct `A rotated set while the follower is away` {
    @Test(
        "is read to its end once, packed or not",
        arguments: [
            (["plain", "plain", "plain"]), (["gzip", "gzip", "gzip"]), (["zstd", "zstd", "zstd"]),
            (["plain", "gzip", "zstd"]),
        ])
    func packed(_ tools: [String]) async throws {
        let logs = try Visited()
        try logs.write(500)
        #expect(try await logs.visit() == 500)
        // Its rest, two files that come and go, and the one that is written now.
        try logs.write(300)
        for (turn, tool) in tools.enumerated() {
            for old in stride(from: turn, to: 0, by: -1) {
                for ending in ["", ".gz", ".zst"]
                where FileManager.default.fileExists(atPath: logs.path("access.log.\(old)\(ending)")) {
                    try logs.move("access.log.\(old)\(ending)", "access.log.\(old + 1)\(ending)")
                }
            }
            try logs.move("access.log", "access.log.1")
            if tool != "plain" { try await logs.pack("access.log.1", tool) }
            try logs.write(200)
        }
        #expect(try await logs.visit() == Int64(logs.written))
        #expect(try await logs.visit() == Int64(logs.written))
        #expect(try logs.kept == logs.written)
    }

    @Test func `is read behind the last file that was finished, when what was begun had no line yet`() async throws {
        let logs = try await Visited.withEmptyFile()
        // The empty file gets its lines, is renamed, packed, and another comes before anybody looks.
        try logs.write(70)
        try await logs.pack("access.log.1")
        try logs.move("access.log.1.gz", "access.log.2.gz")
        try logs.move("access.log", "access.log.1")
        try await logs.pack("access.log.1")
        try logs.write(30)
        #expect(try await logs.visit() == 200)
        #expect(try logs.kept == 200)
    }

    @Test func `is not taken for an empty file whose inode it got`() async throws {
        let logs = try await Visited.withEmptyFile()
        try logs.write(70)
        func inode() throws -> UInt64 {
            try #require(
                FileManager.default.attributesOfItem(atPath: logs.path("access.log"))[.systemFileNumber] as? UInt64)
        }
        let old = try inode()
        try await logs.pack("access.log.1")
        try logs.move("access.log.1.gz", "access.log.2.gz")
        try logs.move("access.log", "access.log.1")
        try logs.write(30)
        let new = try inode()
        try await logs.pack("access.log.1")
        // As if the file system had given the number away again.
        let state = logs.folder + "/state.json"
        let text = try String(contentsOfFile: state, encoding: .utf8)
        #expect(text.contains("\(old)"))
        try text.replacing("\(old)", with: "\(new)").write(toFile: state, atomically: true, encoding: .utf8)
        #expect(try await logs.visit() == 200)
        #expect(try logs.kept == 200)
    }

    @Test func `is read from the copy when it was copied and cut off`() async throws {
        let logs = try Visited()
        try logs.write(100)
        try await logs.visit()
        try logs.write(50)
        try FileManager.default.copyItem(atPath: logs.path("access.log"), toPath: logs.path("access.log.1"))
        try await logs.pack("access.log.1")
        let file = try #require(FileHandle(forWritingAtPath: logs.path("access.log")))
        try file.truncate(atOffset: 0)
        try file.close()
        try logs.write(20)
        #expect(try await logs.visit() == 170)
        #expect(try logs.kept == 170)
    }

    @Test func `is not read again when a file was only cut off, or its past is gone`() async throws {
        let logs = try Visited()
        try logs.write(100)
        try await logs.visit()
        try logs.move("access.log", "access.log.1")
        try logs.write(10)
        try await logs.visit()
        let file = try #require(FileHandle(forWritingAtPath: logs.path("access.log")))
        try file.truncate(atOffset: 0)
        try file.close()
        try logs.write(5)
        #expect(try await logs.visit() == 115)
        try FileManager.default.removeItem(atPath: logs.path("access.log"))
        try logs.write(7)
        #expect(try await logs.visit() == 122)
    }

    @Test func `goes on by its dates`() async throws {
        let logs = try Visited()
        try logs.write(40, to: "postgresql-2026-10-20.log")
        try await logs.visit()
        try logs.write(10, to: "postgresql-2026-10-20.log")
        try logs.write(20, to: "postgresql-2026-10-21.log")
        try await logs.pack("postgresql-2026-10-21.log")
        try logs.write(30, to: "postgresql-2026-10-22.log")
        #expect(try await logs.visit() == 100)
        #expect(try logs.kept == 100)
    }

    @Test func `is finished after a stop in the middle of it`() async throws {
        let logs = try Visited()
        try logs.write(100)
        try await logs.visit()
        try logs.write(400)
        try logs.move("access.log", "access.log.1")
        try await logs.pack("access.log.1")
        try logs.write(50)
        // As far as a kill behind a commit left it: the packed file begun, its rest and the newest not.
        let state = URL(filePath: logs.folder + "/state.json")
        var kept = try FollowState.read(state.path)
        for index in kept.files.indices { kept.files[index].path = logs.path("access.log.1.gz") }
        try Data(try kept.text().utf8).write(to: state)
        #expect(try await logs.visit() == 550)
        #expect(try logs.kept == 550)
    }
}
