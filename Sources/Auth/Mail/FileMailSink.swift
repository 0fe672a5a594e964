internal import Foundation
internal import Glibc

/// Writes each message into a file of its own: for development and tests.
public struct FileMailSink: MailSink {
    private let folder: String
    private let sender: String

    public init(folder: String, sender: String) {
        self.folder = folder
        self.sender = sender
    }

    public func deliver(_ mail: Mail) async throws {
        let now = Date()
        let name = "\(Int64(now.timeIntervalSince1970 * 1000))-\(UUID().uuidString.lowercased()).eml"
        let text = MailFormat.text(mail, sender: sender, date: now, id: UUID().uuidString.lowercased())
        let path = folder + "/" + name
        let isWritten = FileManager.default.createFile(
            atPath: path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        guard isWritten else {
            throw AuthFault(
                code: "mail_not_written", message: "a message cannot be written below \(folder)",
                hint: "Make the folder, writable for the program, or give a mail relay.")
        }
    }
}
