/// Commands and accounts of the servers: sudo, auditd, useradd, sessions of administrators.
final class SystemDetector {
    private let sink: FindingSink
    private let clock: ZoneClock

    init(_ sink: FindingSink, _ clock: ZoneClock) {
        self.sink = sink
        self.clock = clock
    }

    private static let erasers: [StaticString] = [
        "/var/log/", "wtmp", "lastlog", "btmp", ".bash_history", "journalctl --vacuum", "journalctl --rotate",
        "auditctl -D",
        "auditctl -e 0", "pg_wal/",
    ]
    private static let erasing: [StaticString] = [
        "truncate", "shred", "rm -", "/rm ", "unlink", "dd if=/dev/null", "tee /var/log", "sed -i", "> /var/log",
        "vacuum", "auditctl",
    ]
    private static let shells: [StaticString] = [
        "/dev/tcp/", "/dev/udp/", "nc -e", "ncat -e", "nc.traditional", "bash -i", "mkfifo /tmp", "socat exec",
        "pty.spawn",
        "0<&1", "sh -i",
    ]
    private static let services: [StaticString] = [
        "stop rsyslog", "stop auditd", "stop systemd-journald", "disable auditd", "stop fail2ban", "stop postgresql",
        "setenforce 0", "iptables -F", "nft flush", "ufw disable",
    ]

    func command(_ event: LogEvent, _ place: LinePlace) {
        let text = event.action
        if Self.erasing.contains(where: { text.contains($0) }), Self.erasers.contains(where: { text.contains($0) }) {
            raise(Rules.traces, event, place, text, "a command that removes traces")
        } else if Self.services.contains(where: { text.contains($0) }) {
            raise(Rules.traces, event, place, text, "a guard is switched off")
        } else if Self.shells.contains(where: { text.contains($0) }) {
            raise(Rules.reverseShell, event, place, text, "a shell that speaks with the network")
        } else if text.contains("psql") || text.contains("pg_dump") || text.contains("pg_ctl"),
            event.object.equals("postgres") || event.object.equals("root")
        {
            raise(
                Rules.database, event, place, text, "\(event.user.text(max: 60)) works as \(event.object.text(max: 60))"
            )
        } else if isNight(event.time), event.source != .audit {
            raise(Rules.offHours, event, place, text, "a command as \(event.object.text(max: 60)) at night")
        }
    }

    func execution(_ event: LogEvent, _ place: LinePlace) {
        let text = event.message
        if Self.shells.contains(where: { text.contains($0) }) {
            raise(Rules.reverseShell, event, place, event.action, "a shell that speaks with the network")
        } else if event.user.equals("tomcat") || event.user.equals("www-data") || event.user.equals("postgres")
            || event.user.equals("nginx"),
            event.object.contains("/sh") || event.object.contains("/bash") || event.object.contains("/dash")
                || event.object.contains("curl") || event.object.contains("wget")
        {
            raise(
                Rules.reverseShell, event, place, event.object, "a service starts a shell or fetches a file",
                gravity: .high)
        } else if Self.erasing.contains(where: { text.contains($0) }),
            Self.erasers.contains(where: { text.contains($0) })
        {
            raise(Rules.traces, event, place, event.action, "a command that removes traces")
        }
    }

    func account(_ event: LogEvent, _ place: LinePlace) {
        let text = event.message
        guard
            text.has("new user") || text.contains("to group 'sudo'") || text.contains("to group 'wheel'")
                || text.contains("op=add-user")
                || text.contains("password changed for root") || text.contains("UID=0")
        else { return }
        raise(Rules.newAccount, event, place, event.object, text.text(max: 120))
    }

    /// A person from outside, by password, at night: each alone is usual somewhere, together they are not.
    func login(_ event: LogEvent, _ place: LinePlace) {
        guard event.source == .secureShell, !event.address.isInside, event.marks & 2 == 0, isNight(event.time) else {
            return
        }
        raise(Rules.outsideAdmin, event, place, .empty, "\(event.user.text(max: 60)) by \(event.action.text(max: 40))")
    }

    private func isNight(_ time: Int64) -> Bool {
        let (hour, weekday) = clock.local(time)
        return hour < 6 || hour >= 22 || weekday == 6
    }

    private func raise(
        _ rule: Rule, _ event: LogEvent, _ place: LinePlace, _ target: Bytes, _ words: String,
        gravity: Gravity? = nil
    ) {
        var subject = FindingSink.Subject()
        subject.address = event.address
        subject.user = event.user
        subject.host = event.host
        subject.target = target
        subject.words = words
        sink.raise(rule, event, place, gravity: gravity, subject)
    }
}
