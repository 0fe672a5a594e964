import Foundation
import TestSupport
import Testing

@testable import PostgresServer

@Suite struct `The follower of logs` {
    /// A line of its own for each number, in forms that rotation cuts anywhere: a second of its own, which is what is kept
    /// of it in the clear.
    static func line(_ number: Int) -> String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let clock = "\(two(number / 3_600 % 24)):\(two(number / 60 % 60)):\(two(number % 60))"
        let time = "\(two(1 + number / 86_400))/Oct/2026:\(clock) +0000"
        let request = "\"GET /n/\(number) HTTP/1.1\" 200 \(number) \"-\" \"x\""
        return "82.64.0.\(number % 250) - - [\(time)] \(request)\n"
    }

    static func append(_ text: Substring, to path: String) throws {
        let files = FileManager.default
        if !files.fileExists(atPath: path) { _ = files.createFile(atPath: path, contents: nil) }
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(text.utf8))
        try file.close()
    }

    /// The numbers of the lines that were written out, by their times.
    static func numbers(_ path: String) throws -> [Int] {
        let start = try Date("2026-10-01T00:00:00Z", strategy: .iso8601)
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map { line in
            let record = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            let time = try Date(try #require(record?["time"] as? String), strategy: .iso8601)
            return Int(time.timeIntervalSince(start))
        }
    }

    /// Renames the set's files and begins a new one; older ones are packed now and then, or the file is copied and cut off.
    static func rotate(_ log: String, _ rotations: Int) async throws {
        for old in stride(from: rotations - 1, to: 0, by: -1) {
            for ending in ["", ".gz", ".zst"] where FileManager.default.fileExists(atPath: "\(log).\(old)\(ending)") {
                try FileManager.default.moveItem(
                    atPath: "\(log).\(old)\(ending)", toPath: "\(log).\(old + 1)\(ending)")
            }
        }
        try FileManager.default.moveItem(atPath: log, toPath: log + ".1")
        try append("", to: log)
        let tools = [("gzip", ["-f"]), ("zstd", ["-q", "-f", "--rm"])]
        guard rotations % 3 > 0 else { return }
        let (tool, arguments) = tools[rotations % 2]
        let run = try await ToolRun.run("/usr/bin/" + tool, arguments + [log + ".1"], timeMax: .seconds(60))
        #expect(run.status == 0, "\(run.errorText)")
    }

    @Test("counts each line once, however often it is killed and its file renamed and packed")
    func kills() async throws {
        let rounds = ProcessInfo.processInfo.environment["DIGITALBANK_LONG"] == "1" ? 100 : 10
        let folder = FileManager.default.temporaryDirectory.appending(path: "follow-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder + "/logs", withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data((0..<32).map { UInt8($0) }).write(to: URL(filePath: folder + "/key"))
        let log = folder + "/logs/access.log"
        let arguments = [
            "logs", "follow", folder + "/logs", "--state", folder + "/state.json", "--lines", folder + "/lines.jsonl",
            "--findings", folder + "/findings.jsonl", "--key-file", folder + "/key",
        ]
        var random = SystemRandomNumberGenerator()
        var number = 0
        var rest: Substring = ""
        var rotations = 0
        for round in 0..<rounds {
            let process = try ChildProcess.spawn(
                [Program.path] + arguments, environment: ProcessInfo.processInfo.environment, directory: nil,
                streams: ChildProcess.Streams())
            let steps = Int.random(in: 1...8, using: &random)
            for _ in 0..<steps {
                // Written in pieces that end anywhere, as buffered writers do.
                var text = String(rest)
                for _ in 0..<Int.random(in: 1...400, using: &random) {
                    text += Self.line(number)
                    number += 1
                }
                let cut = text.index(text.startIndex, offsetBy: text.count - Int.random(in: 0...30, using: &random))
                try Self.append(text[..<cut], to: log)
                rest = text[cut...]
                try await Task.sleep(for: .milliseconds(Int.random(in: 1...80, using: &random)))
            }
            // On a busy machine some rounds end before the program has begun; the first may not.
            while round == 0, !FileManager.default.fileExists(atPath: folder + "/state.json") {
                try await Task.sleep(for: .milliseconds(5))
            }
            if round % 3 == 2 {
                try Self.append(rest, to: log)
                rest = ""
                rotations += 1
                try await Self.rotate(log, rotations)
            }
            kill(process.identifier, SIGKILL)
            while process.statusIfEnded() == nil { try await Task.sleep(for: .milliseconds(2)) }
        }
        try Self.append(rest, to: log)
        let last = try await ToolRun.run(Program.path, arguments + ["--until-end"], timeMax: .seconds(120))
        #expect(last.status == 0, "\(last.errorText)")
        let seen = try Self.numbers(folder + "/lines.jsonl").sorted()
        let missing = Set(0..<number).subtracting(seen)
        let words = "\(seen.count) of \(number) lines after \(rounds) kills and \(rotations) rotations, absent: "
        #expect(seen == Array(0..<number), "\(words)\(missing.sorted().prefix(20))")
    }
}
