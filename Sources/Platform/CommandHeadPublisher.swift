internal import Evidence
internal import Foundation
internal import PostgresServer
internal import Recovery

/// Hands each head to a program of the operator's, on its standard input: one that mails it, or copies it to a place
/// with its own rights.
struct CommandHeadPublisher: HeadPublisher {
    let program: String

    private static let timeMax: Duration = .seconds(60)

    func publish(_ head: JournalHead) async throws {
        guard program.hasPrefix("/"), access(program, X_OK) == 0 else {
            throw RecoveryError(
                code: "publisher_not_found", message: "\(program) is no program that can be run",
                hint: "Give the absolute path of an executable file.", exitStatus: .environment)
        }
        let input = FileManager.default.temporaryDirectory.path + "/digitalbank-head-" + UUID().uuidString
        guard
            FileManager.default.createFile(
                atPath: input, contents: Data((try head.line + "\n").utf8), attributes: [.posixPermissions: 0o600])
        else {
            throw RecoveryError(
                code: "publisher_failed", message: "\(input) can not be written",
                hint: "Free some space in the folder for temporary files.", exitStatus: .environment)
        }
        defer { try? FileManager.default.removeItem(atPath: input) }
        let run = try await ToolRun.run(program, inputFile: input, timeMax: Self.timeMax)
        guard run.status == 0 else {
            throw RecoveryError(
                code: "publisher_failed",
                message: "\(program) ended with status \(run.status): \(run.errorText.prefix(500))",
                hint: "The block is sealed; mend the program, then publish its head with: digitalbank evidence seal",
                exitStatus: .environment)
        }
    }
}
