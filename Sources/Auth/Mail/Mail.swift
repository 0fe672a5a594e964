/// A message to one person.
public struct Mail: Sendable, Hashable {
    public let recipient: String
    public let subject: String
    /// Plain text.
    public let body: String

    public init(recipient: String, subject: String, body: String) {
        self.recipient = recipient
        self.subject = subject
        self.body = body
    }
}

/// Where messages go: a relay, a folder.
public protocol MailSink: Sendable {
    /// Returns when the message was taken over; throws when it was not.
    func deliver(_ mail: Mail) async throws
}

public enum MailLanguage: String, Sendable, CaseIterable {
    case french = "fr"
    case english = "en"
}
