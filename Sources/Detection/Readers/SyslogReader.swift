/// Syslog: RFC 3164 with or without a priority, RFC 5424, and rsyslog's form with an ISO date.
struct SyslogReader {
    /// The year that the next line without one has; it goes up when months wrap, and back when they unwrap.
    var year: Int
    private var lastMonth = 0
    private var lastHead: (UInt64, UInt64) = (0, 0)
    private var lastInstant: Int64 = 0
    let zone: ZoneClock

    init(year: Int, zone: ZoneClock) {
        self.year = year
        self.zone = zone
    }

    mutating func read(_ whole: Bytes, into event: inout LogEvent) -> Bool {
        var line = whole
        // RFC 6587: the length in front, when a receiver kept it.
        if Bytes.isDigit(line[0]), let space = line.first(32), space <= 7, line[space + 1] == 60,
            line.prefix(space).integer != nil
        {
            line = line.from(space + 1)
        }
        if line[0] == 60, let close = line.first(62), close <= 4, let priority = line[1, close].integer, priority < 192
        {
            line = line.from(close + 1)
            if line[0] == 49, line[1] == 32 { return read5424(line.from(2), into: &event) }
        }
        if Bytes.isDigit(line[0]) { return readISO(line, into: &event) }
        return read3164(line, into: &event)
    }

    private mutating func read3164(_ line: Bytes, into event: inout LogEvent) -> Bool {
        guard line.count >= 16, line[3] == 32, line[15] == 32, let instant = instant(line) else { return false }
        event.time = instant
        return takeTag(line.from(16), &event)
    }

    /// `Oct  3 04:05:06`: local time, without a year.
    @inline(__always)
    private mutating func instant(_ line: Bytes) -> Int64? {
        let raw = UnsafeRawPointer(line.start)
        let head = (raw.loadUnaligned(as: UInt64.self), raw.loadUnaligned(fromByteOffset: 7, as: UInt64.self))
        if head == lastHead { return lastInstant }
        guard let month = Instant.month(line, 0), let clock = Instant.clock(line, 7) else { return nil }
        let day = line[4] == 32 ? Int(line[5]) - 48 : line.two(4)
        guard let day, day > 0 else { return nil }
        if lastMonth != 0 {
            if lastMonth - month > 6 { year += 1 } else if month - lastMonth > 6 { year -= 1 }
        }
        lastMonth = month
        guard let days = Instant.days(year, month, day) else { return nil }
        let local = days * 86_400 + clock
        lastHead = head
        lastInstant = Int64(local - zone.offset(local: local)) * Instant.second
        return lastInstant
    }

    private func readISO(_ line: Bytes, into event: inout LogEvent) -> Bool {
        guard let (instant, end) = Instant.iso(line, 0, zone), line[end] == 32 else { return false }
        event.time = instant
        return takeTag(line.from(end + 1), &event)
    }

    /// `TIME HOST APP PROCID MSGID [structured data] MSG`
    private func read5424(_ line: Bytes, into event: inout LogEvent) -> Bool {
        var words: [Bytes] = []
        var index = 0
        while words.count < 5 {
            guard let space = line.first(32, from: index) else { return false }
            words.append(line[index, space])
            index = space + 1
        }
        if words[0].equals("-") {
            event.time = 0
        } else if let (instant, _) = Instant.iso(words[0], 0, zone) {
            event.time = instant
        } else {
            return false
        }
        if line[index] == 91 {
            var isQuoted = false
            while index < line.count {
                let byte = line[index]
                if isQuoted {
                    if byte == 92 { index += 1 } else if byte == 34 { isQuoted = false }
                } else if byte == 34 {
                    isQuoted = true
                } else if byte == 93, line[index + 1] != 91 {
                    break
                }
                index += 1
            }
            index += 1
        } else if line[index] == 45 {
            index += 1
        }
        if line[index] == 32 { index += 1 }
        if line[index] == 0xEF, line[index + 1] == 0xBB, line[index + 2] == 0xBF { index += 3 }
        event.host = words[1]
        event.program = words[2]
        event.message = line.from(index)
        finish(&event)
        return true
    }

    /// `host program[pid]: message`
    private func takeTag(_ rest: Bytes, _ event: inout LogEvent) -> Bool {
        guard let space = rest.first(32), space > 0 else { return false }
        event.host = rest.prefix(space)
        let tag = rest.from(space + 1)
        var end = 0
        while end < tag.count, tag[end] != 58, tag[end] != 91, tag[end] != 32 { end += 1 }
        event.program = tag.prefix(end)
        var index = end
        if tag[index] == 91 { index = (tag.first(93, from: index) ?? tag.count) + 1 }
        if tag[index] == 58 { index += 1 }
        if tag[index] == 32 { index += 1 }
        if end < tag.count, tag[end] == 32 {
            // `last message repeated`, `-- MARK --`: no tag at all.
            event.program = .empty
            index = 0
        }
        event.message = tag.from(index)
        finish(&event)
        return true
    }

    private func finish(_ event: inout LogEvent) {
        event.source = .system
        SystemMessage.classify(&event)
    }
}
