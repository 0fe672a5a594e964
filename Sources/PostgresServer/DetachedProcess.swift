internal import Foundation
internal import Glibc

/// A program that goes on when its starter ends.
public enum DetachedProcess {
    /// Starts `command` in a session of its own, its output going to the end of `log`. The process id.
    public static func start(_ command: [String], log: String) throws -> Int32 {
        let environment = ProcessInfo.processInfo.environment
        return try ChildProcess.spawn(
            command, environment: environment, directory: nil,
            streams: .init(output: .file(log, append: true), error: .file(log, append: true))
        ).identifier
    }

    /// Whether the process is there and was started with these words among its arguments.
    public static func isRunning(_ process: Int32, arguments: [String]) -> Bool {
        guard process > 1, let bytes = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") else {
            return false
        }
        let words = bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return arguments.allSatisfy(words.contains)
    }

    /// Asks the process to end.
    public static func stop(_ process: Int32) { kill(process, SIGTERM) }
}
