internal import Foundation
internal import Glibc

/// A program that goes on when its starter ends.
public struct DetachedProcess: Sendable {
    private let child: ChildProcess

    public var identifier: Int32 { child.identifier }
    /// Whether it has ended already; known to its starter only.
    public var hasEnded: Bool { child.statusIfEnded() != nil }

    /// Starts `command` in a session of its own, its output going to the end of `log`.
    public static func start(_ command: [String], log: String) throws -> DetachedProcess {
        let environment = ProcessInfo.processInfo.environment
        return DetachedProcess(
            child: try ChildProcess.spawn(
                command, environment: environment, directory: nil,
                streams: .init(output: .file(log, append: true), error: .file(log, append: true))))
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
