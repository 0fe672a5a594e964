/// Messages of sshd, sudo, su, useradd and kin. Each form is read from the end that the program itself wrote: the name
/// that a peer gives may hold spaces, `from` and addresses.
enum SystemMessage {
    static func classify(_ event: inout LogEvent) {
        let program = event.program
        if program.has("sshd") && (program.count == 4 || program.has("-session", at: 4) || program.has("-auth", at: 4))
        {
            event.source = .secureShell
            secureShell(&event)
        } else if program.equals("sudo") {
            sudo(&event)
        } else if program.equals("su") || program.has("su-") {
            event.kind = event.message.has("FAILED SU") ? .loginFailure : .command
            event.source = .system
        } else if program.equals("useradd") || program.equals("usermod") || program.equals("groupadd")
            || program.equals("passwd") || program.equals("userdel") || program.equals("gpasswd")
            || program.equals("chpasswd")
        {
            event.kind = .accountChange
            if let place = event.message.find("name=") {
                let end = event.message.first(44, from: place) ?? event.message.count
                event.object = event.message[place + 5, end]
            }
        } else if program.has("postgres") {
            postgres(&event)
        } else if program.has("audit") || program.equals("kernel") && event.message.contains("audit:") {
            if let place = event.message.find("type=") { _ = AuditReader.takeFields(event.message.from(place), &event) }
        }
    }

    /// `message repeated 5 times: [ Failed password …]` counts five.
    private static func secureShell(_ event: inout LogEvent) {
        var text = event.message
        if text.has("message repeated "), let space = text.first(32, from: 17), let open = text.first(91, from: space) {
            event.count = Int32(truncatingIfNeeded: max(1, min(text[17, space].integer ?? 1, 100_000)))
            let close = text.last(93) ?? text.count
            text = text[open + 1, close].trimmed
        }
        if text.has("error: ") { text = text.from(7) }
        switch text[0] {
        case 70 where text.has("Failed "): failed(text, &event)
        case 65 where text.has("Accepted "): accepted(text, &event)
        case 73 where text.has("Invalid user "), 73 where text.has("Illegal user "):
            takePeer(text.from(13), &event)
            event.marks |= 1
            event.kind = .loginFailure
            event.action = Bytes("invalid-user")
        case 80 where text.has("PAM: Authentication failure for "):
            takePeer(text.from(32), &event)
            event.kind = .loginFailure
        case 109 where text.has("maximum authentication attempts exceeded for "):
            var rest = text.from(45)
            if rest.has("invalid user ") { rest = rest.from(13) }
            takePeer(rest, &event)
            event.kind = .loginFailure
        case 82 where text.has("ROOT LOGIN REFUSED FROM "):
            let end = text.first(32, from: 24) ?? text.count
            event.address = NetworkAddress(text[24, end]) ?? .none
            event.user = Bytes("root")
            event.kind = .loginFailure
        case 85 where text.has("User "):
            // `User root from 1.2.3.4 not allowed because not listed in AllowUsers`
            guard let not = text.findLast(" not allowed because ") else { break }
            takePeer(text[5, not], &event)
            event.kind = .loginFailure
            event.action = Bytes("not-allowed")
        case 68 where text.has("Did not receive identification string from "):
            takeAddress(text.from(43), &event)
            event.action = Bytes("scan")
        case 68 where text.has("Disconnect"), 67 where text.has("Connection "),
            82 where text.has("Received disconnect"),
            85 where text.has("Unable to negotiate with "), 98 where text.has("banner exchange"),
            66 where text.has("Bad protocol version"):
            event.kind = .disconnection
        default: break
        }
    }

    /// `Failed password for [invalid user ]NAME from ADDRESS port N ssh2[: …]`
    private static func failed(_ text: Bytes, _ event: inout LogEvent) {
        guard let method = text.first(32, from: 7), text.has(" for ", at: method) else { return }
        var rest = text.from(method + 5)
        event.kind = .loginFailure
        event.action = text[7, method]
        if rest.has("invalid user ") || rest.has("illegal user ") {
            rest = rest.from(13)
            event.marks |= 1
        }
        // `none` is the question which methods there are, and a key that does not fit is offered before one that does.
        if event.action.equals("none") || event.action.equals("publickey") { event.kind = .other }
        takePeer(rest, &event)
    }

    private static func accepted(_ text: Bytes, _ event: inout LogEvent) {
        guard let method = text.first(32, from: 9), text.has(" for ", at: method) else { return }
        event.kind = .login
        event.action = text[9, method]
        if event.action.equals("publickey") { event.marks |= 2 }
        // The account exists, so its name has no space; a certificate's own words stand behind the address.
        let rest = text.from(method + 5)
        guard let place = rest.find(" from ") else { return }
        event.user = rest.prefix(place)
        takeAddress(rest.from(place + 6), &event)
    }

    /// `NAME from ADDRESS port N …`: the last ` from ` is sshd's own, since names stand before it; what follows must be
    /// an address and ` port ` or the end.
    private static func takePeer(_ rest: Bytes, _ event: inout LogEvent) {
        guard let place = rest.findLast(" from ") else {
            if rest.has("from ") { takeAddress(rest.from(5), &event) } else { event.user = rest }
            return
        }
        event.user = rest.prefix(place)
        takeAddress(rest.from(place + 6), &event)
    }

    private static func takeAddress(_ rest: Bytes, _ event: inout LogEvent) {
        var end = rest.first(32) ?? rest.count
        if end > 0, rest[end - 1] == 58 { end -= 1 }
        event.address = NetworkAddress(rest.prefix(end)) ?? .none
    }

    /// `alice : TTY=pts/1 ; PWD=/tmp ; USER=postgres ; COMMAND=/usr/bin/psql`
    private static func sudo(_ event: inout LogEvent) {
        let text = event.message.trimmed
        guard let colon = text.find(" : ") else { return }
        event.user = text.prefix(colon)
        guard let command = text.find("COMMAND=", from: colon) else {
            if text.contains("incorrect password") || text.contains("authentication failure") {
                event.kind = .loginFailure
            }
            return
        }
        event.kind = .command
        event.action = text.from(command + 8)
        if let user = text.find("USER=", from: colon), user < command {
            let end = text.first(32, from: user) ?? text.count
            event.object = text[user + 5, end]
        }
        if text.contains("command not allowed") || text.contains("incorrect password attempts") {
            event.kind = .loginFailure
        }
    }

    /// PostgreSQL through syslog: `[5-1] 2026-10-20 … LOG:  statement: …`
    private static func postgres(_ event: inout LogEvent) {
        var text = event.message
        if text[0] == 91, let close = text.first(93) { text = text.from(close + 1).trimmed }
        guard let (place, severity) = PostgresStderr.severity(in: text) else { return }
        PostgresStderr.takePrefix(text.prefix(place), &event)
        event.severity = severity
        event.message = text.from(place + severity.count + 1).trimmed
        event.source = .postgres
        PostgresMessage.classify(&event)
    }
}
