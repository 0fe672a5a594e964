import Foundation
import PostgresServer
import Synchronization
import Web

/// A real mail server (aiosmtpd) as a process of the test.
final class MailReceiver: Sendable {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().path

    let port: Int
    private let process: Process
    private let input: Pipe
    private let messages: MessageBox

    private final class MessageBox: Sendable {
        let lines = Mutex<[JSON]>([])
        let rest = Mutex<[UInt8]>([])

        func take(_ data: Data) {
            let bytes = rest.withLock { rest -> [UInt8] in
                let all = rest + data
                let end = all.lastIndex(of: 10).map { $0 + 1 } ?? 0
                rest = Array(all[end...])
                return Array(all[..<end])
            }
            for line in bytes.split(separator: 10) {
                if let json = try? JSONReader.read(Array(line)) { lines.withLock { $0.append(json) } }
            }
        }
    }

    struct NotStarted: Error {}

    /// Where python is; made once for all suites.
    static func python() async throws -> String {
        let made = try await ToolRun.run("/bin/bash", [root + "/scripts/receivers-venv"])
        guard made.status == 0 else { throw NotStarted() }
        return made.outputText.trimmingCharacters(in: .whitespacesAndNewlines) + "/bin/python"
    }

    init(arguments: [String] = []) async throws {
        let process = Process()
        process.executableURL = URL(filePath: try await Self.python())
        process.arguments = [Self.root + "/Tests/Receivers/mail.py"] + arguments
        let output = Pipe()
        let input = Pipe()
        process.standardOutput = output
        process.standardInput = input
        try process.run()
        let box = MessageBox()
        output.fileHandleForReading.readabilityHandler = { handle in box.take(handle.availableData) }
        self.process = process
        self.input = input
        messages = box
        for _ in 0..<1200 where box.lines.withLock(\.isEmpty) { try await Task.sleep(for: .milliseconds(50)) }
        guard let port = box.lines.withLock({ $0.first?.integer }) else { throw NotStarted() }
        self.port = Int(port)
    }

    var mails: [JSON] { messages.lines.withLock { Array($0.dropFirst()) } }

    func stop() {
        try? input.fileHandleForWriting.close()
        process.terminate()
    }

    static func with<Value>(arguments: [String] = [], _ body: (MailReceiver) async throws -> Value) async throws
        -> Value
    {
        let receiver = try await MailReceiver(arguments: arguments)
        defer { receiver.stop() }
        return try await body(receiver)
    }
}
