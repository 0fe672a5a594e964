internal import Foundation

/// A message as it travels (RFC 5322): UTF-8 in base64, so that no line is too long and no byte is lost.
enum MailFormat {
    static func text(_ mail: Mail, sender: String, date: Date, id: String) -> String {
        let domain = sender.split(separator: "@").last.map(String.init) ?? "localhost"
        let body = Data(mail.body.replacing("\n", with: "\r\n").utf8)
            .base64EncodedString(options: [.lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed])
        return [
            "Date: \(dateText(date))", "From: <\(sender)>", "To: <\(mail.recipient)>",
            "Subject: =?UTF-8?B?\(Data(mail.subject.utf8).base64EncodedString())?=", "Message-ID: <\(id)@\(domain)>",
            "Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8",
            "Content-Transfer-Encoding: base64", "", body, "",
        ].joined(separator: "\r\n")
    }

    private static func dateText(_ date: Date) -> String {
        let formatter = DateFormatter()
        formatter.locale = Locale(identifier: "en_US_POSIX")
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.dateFormat = "EEE, dd MMM yyyy HH:mm:ss '+0000'"
        return formatter.string(from: date)
    }
}
