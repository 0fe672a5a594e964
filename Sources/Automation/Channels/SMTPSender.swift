internal import Foundation
internal import NIOCore
internal import NIOPosix
internal import NIOSSL
internal import Web

/// Gives messages to a relay by SMTP (RFC 5321): STARTTLS or TLS from the start, AUTH PLAIN or LOGIN under TLS only.
struct SMTPSender: Sendable {
    let resolver: Resolver
    let trusted: String?
    let timeMax: Duration

    enum Security: String, Sendable {
        case none, starttls, tls
    }

    func send(_ mail: OutgoingMail, through target: Channels.Target) async throws -> Outcome {
        let settings = target.settings
        guard let host = settings["host"]?.string else {
            throw AutomationError.destination(target.name, "it has no relay")
        }
        guard let security = Security(rawValue: settings["security"]?.string ?? "starttls") else {
            throw AutomationError.destination(target.name, "security is none, starttls or tls")
        }
        let port = Int(settings["port"]?.integer ?? (security == .tls ? 465 : 587))
        guard (1...65_535).contains(port) else {
            throw AutomationError.destination(target.name, "port \(port) is none")
        }
        let login = settings["user"]?.string.flatMap { user in target.secret.map { (user, $0) } }
        guard login == nil || security != .none else {
            throw AutomationError.destination(target.name, "a password is not sent in clear: use starttls or tls")
        }
        let address = try await resolver.address(of: host, port: port)
        return try await withThrowingTaskGroup(of: Outcome.self) { group in
            group.addTask { try await converse(mail, host, address, security, login) }
            group.addTask {
                try await Task.sleep(for: timeMax)
                throw SendProblem(words: "no answer in time")
            }
            defer { group.cancelAll() }
            return try await group.next() ?? .failed("no answer")
        }
    }

    private func converse(
        _ mail: OutgoingMail, _ host: String, _ address: SocketAddress, _ security: Security, _ login: (String, String)?
    ) async throws -> Outcome {
        let tls = security == .none ? nil : try HTTPSender.context(trusted)
        let name = (try? SocketAddress(ipAddress: host, port: 0)) == nil ? host : nil
        let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
        do {
            channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connectTimeout(.seconds(10))
                .connect(to: address) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if security == .tls, let tls {
                            try channel.pipeline.syncOperations.addHandler(
                                NIOSSLClientHandler(context: tls, serverHostname: name))
                        }
                        return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                    }
                }
        } catch {
            throw SendProblem(words: "nothing answers at \(host)")
        }
        return try await channel.executeThenClose { inbound, outbound in
            var talk = Conversation(lines: inbound.makeAsyncIterator(), out: outbound)
            try await talk.expect(220)
            var offers = try await talk.greet()
            if security == .starttls, let tls {
                guard offers.contains("STARTTLS") else {
                    throw SendProblem(words: "the relay offers no STARTTLS", isFinal: true)
                }
                try await talk.command("STARTTLS", 220)
                guard talk.isEmpty else {
                    throw SendProblem(words: "the relay spoke in clear behind STARTTLS", isFinal: true)
                }
                let inner = channel.channel
                try await inner.eventLoop.submit {
                    try inner.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: tls, serverHostname: name), position: .first)
                }.get()
                offers = try await talk.greet()
            }
            if let login { try await talk.authenticate(login, offers) }
            return try await talk.deliver(mail)
        }
    }

    /// Lines back and forth.
    private struct Conversation {
        var lines: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
        let out: NIOAsyncChannelOutboundWriter<ByteBuffer>
        private var pending: [UInt8] = []

        private static let pendingMax = 65_536

        init(
            lines: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator,
            out: NIOAsyncChannelOutboundWriter<ByteBuffer>
        ) {
            self.lines = lines
            self.out = out
        }

        var isEmpty: Bool { pending.isEmpty }

        mutating func greet() async throws -> Set<String> {
            let lines = try await command("EHLO digitalbank", 250)
            return Set(
                lines.dropFirst().map { $0.uppercased() }.flatMap { line -> [String] in
                    guard line.hasPrefix("AUTH ") else {
                        return [line.split(separator: " ").first.map(String.init) ?? ""]
                    }
                    return line.dropFirst(5).split(separator: " ").map { "AUTH \($0)" }
                })
        }

        mutating func authenticate(_ login: (String, String), _ offers: Set<String>) async throws {
            func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
            if offers.contains("AUTH PLAIN") {
                try await command("AUTH PLAIN " + base64("\0\(login.0)\0\(login.1)"), 235)
            } else if offers.contains("AUTH LOGIN") {
                try await command("AUTH LOGIN", 334)
                try await command(base64(login.0), 334)
                try await command(base64(login.1), 235)
            } else {
                throw SendProblem(words: "the relay offers no AUTH PLAIN or LOGIN", isFinal: true)
            }
        }

        mutating func deliver(_ mail: OutgoingMail) async throws -> Outcome {
            try await command("MAIL FROM:<\(mail.sender)>", 250)
            for recipient in mail.recipients { try await command("RCPT TO:<\(recipient)>", 250, or: 251) }
            try await command("DATA", 354)
            // A line that begins with a dot would end the message.
            let lines = mail.text.split(separator: "\r\n", omittingEmptySubsequences: false)
            let stuffed = lines.map { $0.hasPrefix(".") ? "." + $0 : String($0) }.joined(separator: "\r\n")
            let answer = try await command(stuffed + "\r\n.", 250)
            // The message is taken: how the connection ends changes nothing.
            _ = try? await command("QUIT", 221)
            return .sent(code: 250, detail: Masking.mask(String((answer.last ?? "").prefix(100))))
        }

        @discardableResult
        mutating func command(_ text: String, _ code: Int, or other: Int? = nil) async throws -> [String] {
            try await out.write(ByteBuffer(string: text + "\r\n"))
            return try await expect(code, or: other)
        }

        @discardableResult
        mutating func expect(_ code: Int, or other: Int? = nil) async throws -> [String] {
            var texts: [String] = []
            while true {
                let line = try await readLine()
                guard line.utf8.count >= 3, let found = Int(line.prefix(3)) else {
                    throw SendProblem(words: "the relay does not speak SMTP")
                }
                texts.append(String(line.dropFirst(4)))
                if line.dropFirst(3).hasPrefix("-"), texts.count < 100 { continue }
                guard found == code || found == other else {
                    // 5xx is the relay's last word, 4xx is not.
                    throw SendProblem(
                        words: "the relay answered \(found): "
                            + Masking.mask(String(texts.joined(separator: " ").prefix(150))),
                        code: found, isFinal: (500...599).contains(found))
                }
                return texts
            }
        }

        private mutating func readLine() async throws -> String {
            while true {
                if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                    var line = Array(pending[..<end])
                    pending.removeFirst(end + 1)
                    if line.last == UInt8(ascii: "\r") { line.removeLast() }
                    return String(decoding: line, as: UTF8.self)
                }
                guard pending.count < Self.pendingMax else { throw SendProblem(words: "a line without end") }
                guard let buffer = try await lines.next() else {
                    throw SendProblem(words: "the relay ended the connection")
                }
                pending += buffer.readableBytesView
            }
        }
    }
}
