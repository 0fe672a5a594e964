internal import Dispatch
internal import Foundation
internal import Glibc

/// Gives messages to a relay by SMTP (RFC 5321), in clear: for a relay on this machine or in its own network.
public struct SMTPMailSink: MailSink {
    private let host: String
    private let port: UInt16
    private let sender: String
    private let secondsMax: Int

    /// - Parameter sender: the address that messages come from.
    public init(host: String, port: UInt16 = 25, sender: String, secondsMax: Int = 20) {
        self.host = host
        self.port = port
        self.sender = sender
        self.secondsMax = secondsMax
    }

    private static let queue = DispatchQueue(label: "digitalbank.auth.mail", attributes: .concurrent)

    public func deliver(_ mail: Mail) async throws {
        guard let recipient = EmailAddress(mail.recipient), let sender = EmailAddress(sender) else {
            throw Self.refused("an address that cannot stand in a command")
        }
        let text = MailFormat.text(mail, sender: sender.text, date: Date(), id: UUID().uuidString.lowercased())
        try await withUnsafeThrowingContinuation { (continuation: UnsafeContinuation<Void, any Error>) in
            Self.queue.async {
                continuation.resume(
                    with: Result {
                        let conversation = try SMTPConversation(host: host, port: port, secondsMax: secondsMax)
                        try conversation.deliver(text, from: sender.text, to: recipient.text)
                    })
            }
        }
    }

    static func refused(_ what: String) -> AuthFault {
        AuthFault(
            code: "mail_refused", message: "the mail relay did not take a message: \(what)",
            hint: "Check the relay's address and its log; the person may ask for the message again.")
    }
}

/// One connection to a relay. Blocking: runs on the sink's own queue.
private final class SMTPConversation {
    private let descriptor: Int32
    private var pending: [UInt8] = []

    private static let lineBytesMax = 4096

    init(host: String, port: UInt16, secondsMax: Int) throws {
        descriptor = try Self.connect(host, port, secondsMax)
    }

    deinit { close(descriptor) }

    func deliver(_ text: String, from sender: String, to recipient: String) throws {
        try expect(220)
        try command("EHLO digitalbank", 250)
        try command("MAIL FROM:<\(sender)>", 250)
        try command("RCPT TO:<\(recipient)>", 250)
        try command("DATA", 354)
        // A line of one dot would end the message.
        let lines = text.split(separator: "\r\n", omittingEmptySubsequences: false)
        let stuffed = lines.map { $0.hasPrefix(".") ? "." + $0 : $0[...] }.joined(separator: "\r\n")
        try command(stuffed + "\r\n.", 250)
        // The message is taken: how the connection ends changes nothing.
        _ = try? command("QUIT", 221)
    }

    private func command(_ text: String, _ code: Int) throws {
        let bytes = Array((text + "\r\n").utf8)
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                send(descriptor, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw SMTPMailSink.refused("the connection broke") }
            sent += count
        }
        try expect(code)
    }

    private func expect(_ code: Int) throws {
        while true {
            let line = try readLine()
            guard line.utf8.count >= 3, let found = Int(line.prefix(3)) else {
                throw SMTPMailSink.refused("it does not speak SMTP")
            }
            guard found == code else { throw SMTPMailSink.refused("it answered \(found)") }
            if !line.dropFirst(3).hasPrefix("-") { return }
        }
    }

    private func readLine() throws -> String {
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                let line = String(decoding: pending[..<end], as: UTF8.self)
                pending.removeFirst(end + 1)
                return line.hasSuffix("\r") ? String(line.dropLast()) : line
            }
            guard pending.count < Self.lineBytesMax else { throw SMTPMailSink.refused("a line without end") }
            var buffer = [UInt8](repeating: 0, count: 1024)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { throw SMTPMailSink.refused("the connection ended") }
            pending += buffer.prefix(count)
        }
    }

    private static func connect(_ host: String, _ port: UInt16, _ seconds: Int) throws -> Int32 {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else {
            throw SMTPMailSink.refused("its name \(host) is not known")
        }
        defer { freeaddrinfo(list) }
        var next = list
        while let place = next?.pointee {
            next = place.ai_next
            let descriptor = socket(
                place.ai_family, place.ai_socktype | Int32(SOCK_CLOEXEC.rawValue), place.ai_protocol)
            guard descriptor >= 0 else { continue }
            var limit = timeval(tv_sec: seconds, tv_usec: 0)
            let size = socklen_t(MemoryLayout<timeval>.size)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
            if Glibc.connect(descriptor, place.ai_addr, place.ai_addrlen) == 0 { return descriptor }
            close(descriptor)
        }
        throw SMTPMailSink.refused("nothing answers at \(host) port \(port)")
    }
}
