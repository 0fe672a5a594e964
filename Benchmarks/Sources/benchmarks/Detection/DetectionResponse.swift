import Foundation
import PostgresServer

/// From a line that is written to the ban that follows from it.
struct DetectionResponse: Benchmark {
    let name = "detection-response"
    let title = "Detection: from a written line to the response"
    let explanation = """
        `digitalbank logs follow --ban` watches a folder with all detectors and the shipped Sigma rules. Each round an address
        of its own fails to sign in six times; the time runs from the write of the sixth line to the ban in the file of
        decisions, where a hook would be called at once. Beside it `tail -F` reads the same file: how fast a line can be seen
        at all. The bar is one second for the 99th percentile.
        """
    private static let addresses = 300
    private static let bar = 1_000.0

    func rounds(_ context: Context) -> String { "\(context.rounds) rounds of \(Self.addresses) addresses" }

    func run(_ context: Context) async throws -> [Row] {
        let program = context.program
        guard FileManager.default.isExecutableFile(atPath: program) else {
            throw BenchmarkError(description: "\(program) is missing: run make release first")
        }
        var (seen, medians, tails): ([Double], [Double], [Double]) = ([], [], [])
        for round in 0..<context.rounds {
            let folder = "\(context.folder)/response-\(round)"
            try FileManager.default.createDirectory(atPath: folder + "/logs", withIntermediateDirectories: true)
            let log = folder + "/logs/auth.log"
            _ = FileManager.default.createFile(atPath: log, contents: nil)
            let tail = try Self.start("/usr/bin/tail", ["-n", "0", "-F", log], output: folder + "/tail.txt")
            let follower = try Self.start(
                program,
                [
                    "logs", "follow", folder + "/logs", "--state", folder + "/state.json", "--responses",
                    folder + "/responses.jsonl", "--ban", "--rules", "../rules/detection",
                ], output: folder + "/follow.txt")
            defer {
                for process in [tail, follower] {
                    // What a dispatch thread starts has its signals blocked: `tail` never hears of SIGTERM.
                    kill(process.processIdentifier, SIGKILL)
                    process.waitUntilExit()
                }
            }
            // Both follow what is written from now on: the first address waits for them to be there.
            try await Task.sleep(for: .seconds(2))
            _ = try await Self.time(0, log, folder)
            var (lines, bans): ([Double], [Double]) = ([], [])
            for number in 1...Self.addresses {
                let (line, ban) = try await Self.time(number, log, folder)
                lines.append(line)
                bans.append(ban)
            }
            lines.sort()
            bans.sort()
            seen.append(lines[lines.count * 99 / 100])
            medians.append(bans[bans.count / 2])
            tails.append(bans[bans.count * 99 / 100])
        }
        let worst = tails.max() ?? .infinity
        return [
            Row(what: "tail -F sees the line, 99th percentile", values: seen, unit: "ms"),
            Row(what: "line to ban, median", values: medians, unit: "ms"),
            Row(
                what: "line to ban, 99th percentile (bar: \(Int(Self.bar)) ms)", values: tails, unit: "ms",
                failure: worst > Self.bar ? "above the bar" : nil),
        ]
    }

    private static func start(_ path: String, _ arguments: [String], output: String) throws -> Process {
        let process = Process()
        process.executableURL = URL(filePath: path)
        process.arguments = arguments
        _ = FileManager.default.createFile(atPath: output, contents: nil)
        process.standardOutput = FileHandle(forWritingAtPath: output)
        try process.run()
        return process
    }

    /// Milliseconds until `tail` showed the last line, and until the ban was written down.
    private static func time(_ number: Int, _ log: String, _ folder: String) async throws -> (Double, Double) {
        let address = "203.\(number / 65_536).\(number / 256 % 256).\(number % 256)"
        let form = DateFormatter()
        (form.locale, form.timeZone, form.dateFormat) = (
            Locale(identifier: "en_US_POSIX"), TimeZone(identifier: "Europe/Paris"), "MMM d HH:mm:ss"
        )
        let time = form.string(from: Date())
        let line = "\(time) srv sshd[\(100 + number)]: Failed password for root from \(address) port 4000 ssh2\n"
        let file = try FileHandle(forWritingTo: URL(filePath: log))
        try file.seekToEnd()
        let clock = ContinuousClock()
        let start = clock.now
        try file.write(contentsOf: Data(String(repeating: line, count: 6).utf8))
        try file.close()
        var (seen, banned): (Double?, Double?)
        while seen == nil || banned == nil {
            let passed = (clock.now - start) / .milliseconds(1)
            if seen == nil, holds(folder + "/tail.txt", address + " ") { seen = passed }
            if banned == nil, holds(folder + "/responses.jsonl", "\"" + address + "\"") { banned = passed }
            guard passed < 60_000 else { throw BenchmarkError(description: "no ban of \(address) within a minute") }
            usleep(300)
        }
        return (seen ?? 0, banned ?? 0)
    }

    private static func holds(_ path: String, _ text: String) -> Bool {
        guard let file = try? FileHandle(forReadingFrom: URL(filePath: path)) else { return false }
        defer { try? file.close() }
        let end = (try? file.seekToEnd()) ?? 0
        try? file.seek(toOffset: end > 4_096 ? end - 4_096 : 0)
        return String(decoding: (try? file.readToEnd()) ?? Data(), as: UTF8.self).contains(text)
    }
}
