internal import Foundation
internal import Web

/// A message as it goes to a relay.
struct OutgoingMail: Sendable, Hashable {
    let sender: String
    let recipients: [String]
    let text: String
}

/// Builds messages (RFC 5322): UTF-8 in base64, so that no line is too long and nothing in a value becomes a header.
enum Mails {
    static let recipientsMax = 50

    static func mail(
        _ payload: JSON, key: String, to target: Channels.Target, attachments: [MailAttachment] = []
    ) throws -> OutgoingMail {
        guard let sender = target.settings["sender"]?.string, isAddress(sender) else {
            throw AutomationError.destination(target.name, "it has no sender")
        }
        let listed = payload["to"]?.array?.compactMap(\.string) ?? payload["to"]?.string.map { [$0] }
        let recipients = listed ?? target.settings["recipients"]?.array?.compactMap(\.string) ?? []
        guard !recipients.isEmpty, recipients.count <= recipientsMax, recipients.allSatisfy(isAddress) else {
            throw AutomationError.destination(target.name, "its recipients are no addresses, or none, or too many")
        }
        let subject = payload["subject"]?.plain ?? "DigitalBank"
        var body = payload["text"]?.plain ?? ""
        for fact in payload["facts"]?.members ?? [] { body += "\n\(fact.name) : \(fact.value.plain)" }
        let at = payload["at"]?.string.flatMap { Instant(iso: $0) } ?? Instant(seconds: 0)
        let domain = sender.split(separator: "@").last.map(String.init) ?? "localhost"
        let head = [
            "Date: \(date(at))", "From: <\(sender)>", "To: \(recipients.map { "<\($0)>" }.joined(separator: ", "))",
            "Subject: \(encodedSubject(subject))", "Message-ID: <\(key)@\(domain)>", "X-DigitalBank-Key: \(key)",
            "Auto-Submitted: auto-generated", "MIME-Version: 1.0",
        ]
        var content = MailText.part("plain", body)
        if payload["html"]?.plain == "true" {
            let page = MailText.html(
                subject: subject, text: payload["text"]?.plain ?? "", facts: payload["facts"]?.members ?? [])
            content = MailText.multipart("alternative", [content, MailText.part("html", page)], boundary: "=_a_" + key)
        }
        if !attachments.isEmpty {
            content = MailText.multipart("mixed", [content] + attachments.map(\.part), boundary: "=_m_" + key)
        }
        let lines = head + content + [""]
        return OutgoingMail(sender: sender, recipients: recipients, text: lines.joined(separator: "\r\n"))
    }

    /// Words of at most 75 characters (RFC 2047), cut between characters.
    static func encodedSubject(_ text: String) -> String {
        var words: [String] = []
        var piece = ""
        for character in text.prefix(300) {
            if (piece + String(character)).utf8.count > 42 {
                words.append(piece)
                piece = ""
            }
            piece.append(character)
        }
        words.append(piece)
        return words.map { "=?UTF-8?B?\(Data($0.utf8).base64EncodedString())?=" }.joined(separator: "\r\n ")
    }

    /// What may stand in a command: no space, no angle bracket, no control character.
    static func isAddress(_ text: String) -> Bool {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        return parts.count == 2 && !parts[0].isEmpty && !parts[1].isEmpty && text.utf8.count <= 254
            && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && !"<>()[],;:\\\"".utf8.contains($0) }
    }

    private static func date(_ at: Instant) -> String {
        let local = LocalTime(seconds: at.seconds)
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return "\(days[local.weekday]), \(local.day) \(months[local.month - 1]) \(local.year) \(local.clock) +0000"
    }
}
