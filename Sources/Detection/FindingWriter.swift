internal import Foundation
internal import Synchronization
internal import Web

/// Findings as lines of JSON: `docs/reference/findings.md` has the fields.
public final class FindingWriter: Sendable {
    private let descriptor: Int32
    private let path: String
    private let buffer = Mutex<[UInt8]>([])
    private static let bufferedMax = 1 << 16

    public init(path: String) throws(DetectionError) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw .unwritable(path, String(cString: strerror(errno))) }
        self.path = path
    }

    deinit { close(descriptor) }

    public func write(_ finding: Finding) {
        let line = Self.json(finding).text + "\n"
        buffer.withLock { buffer in
            buffer += line.utf8
            if buffer.count >= Self.bufferedMax { _ = Self.flush(&buffer, descriptor) }
        }
    }

    public func finish() throws(DetectionError) {
        let isWritten = buffer.withLock { Self.flush(&$0, descriptor) }
        guard isWritten else { throw .unwritable(path, String(cString: strerror(errno))) }
    }

    private static func flush(_ buffer: inout [UInt8], _ descriptor: Int32) -> Bool {
        var start = 0
        while start < buffer.count {
            let written = buffer[start...].withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 else { return false }
            start += written
        }
        buffer.removeAll(keepingCapacity: true)
        return true
    }

    /// Also the form of findings inside reports.
    static func json(_ finding: Finding) -> JSON {
        func text(_ value: String?) -> JSON { value.map { .string(clean($0)) } ?? .null }
        return .object([
            .init("source", .string(clean(finding.file))), .init("line", .integer(finding.line)),
            .init("offset", .integer(finding.offset)), .init("time", .string(Instant.text(finding.time))),
            .init("until", .string(Instant.text(finding.until))), .init("rule", .string(finding.rule.id)),
            .init("class", .string(finding.rule.kind)), .init("severity", .string(finding.gravity.name)),
            .init("technique", .string(finding.rule.technique)), .init("tactic", .string(finding.rule.phase.tactic)),
            .init("ip", text(finding.address?.text)), .init("user", text(finding.user)),
            .init("host", text(finding.host)), .init("database", text(finding.database)),
            .init("target", text(finding.target)),
            .init("tool", text(finding.tool)), .init("count", .integer(finding.count)),
            .init("title", .string(finding.rule.title)), .init("message", .string(clean(finding.words))),
            .init("decision", text(finding.decision)), .init("sha256", .string(finding.digest)),
            .init("evidence", .string(clean(finding.evidence))),
        ])
    }

    /// Without control characters: a log must not steer the terminal of those who read about it.
    static func clean(_ text: String) -> String {
        guard text.utf8.contains(where: { $0 < 32 || $0 == 127 || $0 >= 0x80 }) else { return text }
        var out = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0..<32, 127..<160, 0x200B...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: out += "·"
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
