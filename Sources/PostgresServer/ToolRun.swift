internal import Foundation

/// One run of an outside program: `pg_dump`, `pg_amcheck`, `weasyprint`.
public struct ToolRun: Sendable {
    /// 0 for success; minus the signal's number when a signal ended the program.
    public let status: Int32
    /// What it wrote to standard output, unless that went to a file; at most `outputBytesMax`.
    public let output: [UInt8]
    /// What it wrote to standard error; at most `outputBytesMax`.
    public let errorOutput: [UInt8]

    public var outputText: String { String(decoding: output, as: UTF8.self) }
    public var errorText: String { String(decoding: errorOutput, as: UTF8.self) }

    public static let outputBytesMax = 64 << 20

    /// Runs `path` to its end and returns its status and output; a status other than 0 is not an error here.
    ///
    /// The program sees only `environment` (plus PATH and a UTF-8 locale). When the task is cancelled or `timeMax` is
    /// over, the program and its children get SIGTERM, five seconds later SIGKILL.
    public static func run(
        _ path: String, _ arguments: [String] = [], environment: [String: String] = [:], asServerUser: Bool = false,
        directory: String? = nil, inputFile: String? = nil, outputFile: String? = nil,
        timeMax: Duration = .seconds(3600)
    ) async throws -> ToolRun {
        var command = [path] + arguments
        if asServerUser, let user = try ServerUser.current() { command = try user.wrapping(command) }
        let session = try ToolSession(
            command: command, environment: defaultEnvironment.merging(environment) { $1 },
            directory: directory ?? (asServerUser ? "/" : nil), inputFile: inputFile, outputFile: outputFile)
        return try await withTaskCancellationHandler {
            let run = try await onThread { try session.collect(timeMax: timeMax) }
            try Task.checkCancellation()
            return run
        } onCancel: {
            session.cancel()
        }
    }

    static let defaultEnvironment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC",
    ]

    /// Throws when the program failed, with the last lines of what it said.
    public func checked(_ program: String) throws(ServerError) {
        guard status != 0 else { return }
        let words = errorText.isEmpty ? outputText : errorText
        let last = words.split(separator: "\n").suffix(8).joined(separator: "\n")
        throw ServerError(
            code: "program_failed", message: "\(program) ended with status \(status): \(last)",
            hint: "Read the program's message above; `digitalbank doctor` checks this machine.")
    }
}
