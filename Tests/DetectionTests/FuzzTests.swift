import Foundation
import PostgresServer
import Testing

@testable import Detection

/// Input that was made to break its reader: short here, long with DIGITALBANK_LONG=1.
@Suite struct `Broken input` {
    static let isLong = ProcessInfo.processInfo.environment["DIGITALBANK_LONG"] == "1"

    static func mutated(_ whole: [UInt8], _ random: inout SystemRandomNumberGenerator) -> [UInt8] {
        var bytes = whole
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<4, using: &random) {
            case 0: bytes[place] = .random(in: 0...255, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(contentsOf: bytes[place...].prefix(40), at: place)
            default: bytes.removeLast(min(bytes.count, Int.random(in: 1...60, using: &random)))
            }
        }
        return bytes
    }

    /// All that a source hands on; what is endless ends the test.
    static func drain(_ path: String, max: Int) throws -> (bytes: [UInt8], damage: String?) {
        let source = try BlockSource(path: path)
        var all: [UInt8] = []
        while let block = source.next(), all.count <= max {
            all.append(contentsOf: UnsafeBufferPointer(start: block.start, count: block.count))
        }
        return (all, source.damage)
    }

    static func packed(_ tool: String, _ folder: String, _ arguments: [String] = []) async throws -> String {
        let path = folder + "/log." + (tool == "gzip" ? "gz" : "zst")
        let run = try await ToolRun.run(
            "/usr/bin/" + tool,
            ["-q", "-f", "-k"] + arguments + (tool == "gzip" ? [] : ["-o", path]) + [folder + "/log"],
            timeMax: .seconds(60))
        #expect(run.status == 0, "\(run.errorText)")
        return path
    }

    static func folder() throws -> String {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fuzz-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        return folder
    }

    @Test("of packed logs ends, and says that it is damaged", arguments: ["gzip", "zstd"])
    func packed(_ tool: String) async throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let text = (0..<200).map { Detectors.hit($0, "203.0.113.\($0)", "GET /n/\($0 * 7919)", 200) }.joined()
        try Data(text.utf8).write(to: URL(filePath: folder + "/log"))
        let path = try await Self.packed(tool, folder)
        let whole = Array(try Data(contentsOf: URL(filePath: path)))
        let sound = try Self.drain(path, max: 1 << 20)
        #expect(sound.bytes == Array(text.utf8) && sound.damage == nil)
        var random = SystemRandomNumberGenerator()
        let broken = folder + "/broken"
        for _ in 0..<(Self.isLong ? 20_000 : 400) {
            try Data(Self.mutated(whole, &random)).write(to: URL(filePath: broken))
            #expect(try Self.drain(broken, max: 4 << 20).bytes.count <= 4 << 20)
        }
        for cut in stride(from: 30, to: whole.count, by: max(1, whole.count / 60)) {
            try Data(whole.prefix(cut)).write(to: URL(filePath: broken))
            let (bytes, damage) = try Self.drain(broken, max: 1 << 20)
            #expect(damage != nil && text.utf8.starts(with: bytes), "cut at \(cut)")
        }
    }

    @Test func `of zstd without a check sum is handed on to its last byte`() async throws {
        let folder = try Self.folder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let line = Detectors.hit(1, "203.0.113.7", "GET /same", 200)
        let text = String(repeating: line, count: (3 << 20) / line.utf8.count + 777)
        try Data(text.utf8).write(to: URL(filePath: folder + "/log"))
        let path = try await Self.packed("zstd", folder, ["--no-check"])
        let (bytes, damage) = try Self.drain(path, max: 8 << 20)
        #expect(bytes.count == text.utf8.count && damage == nil)
    }

    @Test func `of syslog's framing keeps its limits, however it is cut`() {
        var random = SystemRandomNumberGenerator()
        let whole = Array(
            "<34>Oct 20 13:55:36 srv sshd[7]: one\n29 <34>1 - - - - - two with\nline<34>three\n5 <1>ab70000 x".utf8)
        let expected = Self.frames([whole])
        for _ in 0..<(Self.isLong ? 200_000 : 3_000) {
            var parts: [[UInt8]] = []
            var rest = whole[...]
            while !rest.isEmpty {
                let count = Int.random(in: 1...12, using: &random)
                parts.append(Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            #expect(Self.frames(parts) == expected)
            let broken = Self.mutated(whole, &random)
            for message in Self.frames([broken]) {
                #expect(message.count <= 4 * SyslogFraming.messageBytesMax && !message.contains(10))
            }
        }
        let long = Self.frames([Array("99999999 ".utf8) + [UInt8](repeating: 65, count: 200_000)])
        #expect(long.allSatisfy { $0.count <= SyslogFraming.messageBytesMax })
    }

    private static func frames(_ parts: [[UInt8]]) -> [[UInt8]] {
        var framing = SyslogFraming()
        return parts.flatMap { framing.take($0) } + framing.finish()
    }

    @Test func `of PostgreSQL's log_line_prefix traps no reader`() {
        var random = SystemRandomNumberGenerator()
        let pieces = [
            "%m ", "[%p] ", "%u@%d ", "%h ", "%r ", "%a", "%q", "%%", "%t ", "%c ", "%l", "%x", "%-10p", "%5u", "%Q",
            "%",
            "%é", " ", "user=", ",", "\u{0}", "[", "%s", "%n ", "%e", "%b ",
        ]
        let line = "2026-10-20 11:55:36.123 UTC [7] m@bank 203.0.113.7(5000) LOG:  statement: DELETE FROM clients"
        for _ in 0..<(Self.isLong ? 100_000 : 2_000) {
            let prefix = (0..<Int.random(in: 0...8, using: &random)).map { _ in
                pieces.randomElement(using: &random) ?? ""
            }.joined()
            var options = ReadingOptions()
            options.logLinePrefix = prefix
            let reader = LogReader(options, year: 2026)
            for bytes in [Array(line.utf8), Self.mutated(Array(line.utf8), &random)] {
                bytes.withUnsafeBytes { raw in
                    _ = reader.read(Bytes(raw)) { event in #expect(event.statement.count <= bytes.count) }
                }
            }
        }
    }
}
