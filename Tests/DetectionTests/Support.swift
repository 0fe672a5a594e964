import Foundation
import Testing

@testable import Detection

/// What tests of this folder share: folders of logs that go away, and readers for single lines.
enum Logs {
    /// Real logs, which are no part of the repository.
    static let shared: String? = {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../../shared/data/logs")
        return FileManager.default.fileExists(atPath: folder.standardized.path) ? folder.standardized.path : nil
    }()

    static let rules = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../rules/detection")
        .standardized.path

    static func withFolder<T>(_ files: [String: [UInt8]], _ body: (String) throws -> T) throws -> T {
        let folder = FileManager.default.temporaryDirectory.appending(path: "detection-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        for (name, bytes) in files { try Data(bytes).write(to: URL(filePath: folder + "/" + name)) }
        return try body(folder)
    }

    static func analyse(
        _ files: [String: String], _ change: (inout DetectionOptions) -> Void = { _ in }
    ) throws -> LogAnalysis.Result {
        try withFolder(files.mapValues { Array($0.utf8) }) { folder in
            var analysis = LogAnalysis()
            analysis.options.reading.year = 2026
            change(&analysis.options)
            return try analysis.run([folder])
        }
    }

    /// The event of one line, as texts, since its views end with the call.
    struct Seen: Equatable {
        var kind: LogEvent.Kind
        var address = ""
        var user = ""
        var path = ""
        var statement = ""
        var time = ""
        var count = 1
    }

    static func read(_ line: String, prefix: String? = nil) -> Seen? {
        var options = ReadingOptions()
        options.logLinePrefix = prefix
        let reader = LogReader(options, year: 2026)
        var seen: Seen?
        var line = line
        line.withUTF8 { text in
            _ = reader.read(Bytes(UnsafeRawBufferPointer(text))) { event in
                WebLogin.classify(&event)
                seen = Seen(
                    kind: event.kind, address: event.address.isNone ? "" : event.address.text, user: event.user.text,
                    path: event.path.text, statement: event.statement.text, time: Instant.text(event.time),
                    count: Int(event.count))
            }
        }
        return seen
    }

    /// `20/Oct/2026:hh:mm:ss +0000`, `second` behind midnight.
    static func accessTime(_ second: Int) -> String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return
            "\(two(20 + second / 86_400))/Oct/2026:\(two(second % 86_400 / 3600)):\(two(second % 3600 / 60)):\(two(second % 60)) +0000"
    }

    static func syslogTime(_ second: Int) -> String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        return
            "Oct \(20 + second / 86_400) \(two(second % 86_400 / 3600)):\(two(second % 3600 / 60)):\(two(second % 60))"
    }

    static func failed(_ user: String, _ address: String, at second: Int) -> String {
        "\(syslogTime(second)) srv sshd[7]: Failed password for \(user) from \(address) port 4000 ssh2\n"
    }

    static func kinds(_ result: LogAnalysis.Result) -> Set<String> { Set(result.findings.map(\.rule.id)) }
}
