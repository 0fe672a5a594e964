/// The kernel's audit log: `type=SYSCALL msg=audit(1604994496.155:92733): …`.
enum AuditReader {
    static func read(_ line: Bytes, into event: inout LogEvent) -> Bool {
        var line = line
        if line.has("node="), let space = line.first(32) {
            event.host = line[5, space]
            line = line.from(space + 1)
        }
        guard line.has("type=") else { return false }
        return takeFields(line, &event)
    }

    static func takeFields(_ line: Bytes, _ event: inout LogEvent) -> Bool {
        guard let type = line.first(32), let open = line.find("audit("), let close = line.first(41, from: open),
            let colon = line[open, close].last(58)
        else { return false }
        if event.time == 0 { event.time = FieldSink.epoch(line[open + 6, open + colon]) }
        event.sequence = line[open + colon + 1, close].integer ?? 0
        event.source = .audit
        event.program = line[5, type]
        event.message = line.from(close + 1)
        let rest = event.message
        if event.program.equals("EXECVE") || event.program.has("AUOMS_EXECVE") || event.program.equals("SYSCALL")
            || event.program.equals("PROCTITLE")
        {
            event.kind = .execution
        }
        if event.program.has("USER_") || event.program.has("ADD_USER") || event.program.has("DEL_USER") {
            user(rest, &event)
        }
        if let name = value(of: " exe=", in: rest) { event.object = name }
        if let command = value(of: " cmdline=", in: rest) ?? value(of: " a0=", in: rest) { event.action = command }
        if event.user.isEmpty, let name = value(of: " user=", in: rest) ?? value(of: " auid=", in: rest) {
            event.user = name
        }
        return true
    }

    /// `USER_AUTH … acct="root" … addr=1.2.3.4 … res=failed'`; the kernel writes an account in hexadecimal when it holds
    /// anything else than plain characters, so that `addr=` can not be forged in it.
    private static func user(_ rest: Bytes, _ event: inout LogEvent) {
        if let account = value(of: "acct=", in: rest) { event.user = account }
        if let address = value(of: " addr=", in: rest) { event.address = NetworkAddress(address) ?? .none }
        let isFailed = rest.contains("res=failed")
        if event.program.equals("USER_AUTH") || event.program.equals("USER_LOGIN") {
            // Both are written for one login; one of them is enough.
            let counted = event.program.equals("USER_AUTH") == isFailed
            event.kind = counted ? (isFailed ? .loginFailure : .login) : .other
        } else if event.program.has("ADD_USER") || event.program.has("USER_MGMT") {
            event.kind = .accountChange
        }
    }

    /// A value in quotes, or up to the next space.
    private static func value(of name: StaticString, in text: Bytes) -> Bytes? {
        guard let place = text.find(name) else { return nil }
        let start = place + name.utf8CodeUnitCount
        if text[start] == 34 { return text[start + 1, text.first(34, from: start + 1) ?? text.count] }
        var end = start
        while end < text.count, text[end] != 32, text[end] != 39 { end += 1 }
        let found = text[start, end]
        return found.isEmpty || found.equals("?") ? nil : found
    }
}
