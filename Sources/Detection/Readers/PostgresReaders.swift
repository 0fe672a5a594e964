/// `log_destination = csvlog`: a record may go over many lines.
enum PostgresCSV {
    static func read(_ record: Bytes, into event: inout LogEvent, zone: ZoneClock, scratch: Scratch) -> Bool {
        guard let (instant, end) = Instant.iso(record, 0, zone), record[end] == 44 else { return false }
        event.time = instant
        var fields = CSVFields(record.from(end + 1))
        var index = 1
        while let field = fields.next(), index < 26 {
            switch index {
            case 1: event.user = field
            case 2: event.database = field
            case 4:
                let colon = field.last(58) ?? field.count
                event.address = NetworkAddress(field.prefix(colon)) ?? .none
            case 5: event.session = field
            case 6: event.sequence = field.integer ?? 0
            case 7: event.action = field
            case 11: event.severity = field
            case 12: event.state = field
            case 13: event.message = Self.undouble(field, scratch)
            case 19: event.statement = Self.undouble(field, scratch)
            case 22: event.agent = field
            default: break
            }
            index += 1
        }
        guard index >= 14, !event.severity.isEmpty else { return false }
        PostgresMessage.classify(&event)
        return true
    }

    static func undouble(_ field: Bytes, _ scratch: Scratch) -> Bytes {
        guard field.find("\"\"") != nil else { return field }
        let mark = scratch.used
        var index = 0
        while index < field.count {
            scratch.append(field[index])
            index += field[index] == 34 && field[index + 1] == 34 ? 2 : 1
        }
        return scratch.since(mark)
    }

    /// Whether a line begins as such a record does.
    static func begins(_ line: Bytes, _ zone: ZoneClock) -> Bool {
        guard Bytes.isDigit(line[0]), let (_, end) = Instant.iso(line, 0, zone) else { return false }
        return line[end] == 44
    }

    /// Quotes are doubled inside a field, so a record is whole where their number is even.
    static func isOpen(_ record: Bytes) -> Bool {
        var quotes = 0
        var index = 0
        while let quote = record.first(34, from: index) {
            quotes += 1
            index = quote + 1
        }
        return quotes % 2 == 1
    }
}

/// `log_destination = stderr`: whatever `log_line_prefix` was, then `LOG:  message`; a tab begins a line that goes on.
struct PostgresStderr {
    let zone: ZoneClock
    /// Escapes of the setting, when the operator gives it: then each is read where it stands.
    let prefix: [UInt8]?

    func read(_ record: Bytes, into event: inout LogEvent) -> Bool {
        guard let (place, severity) = Self.severity(in: record) else { return false }
        if let prefix {
            guard takePrefix(record.prefix(place), prefix, &event) else { return false }
        } else {
            guard let (instant, end) = Instant.iso(record, 0, zone) else { return false }
            event.time = instant
            Self.takePrefix(record[end, place], &event)
        }
        event.severity = severity
        event.message = record.from(place + severity.count + 1).trimmed
        event.source = .postgres
        if severity.equals("STATEMENT") {
            event.statement = event.message
            event.kind = .other
            return true
        }
        PostgresMessage.classify(&event)
        return true
    }

    private static let severities: [StaticString] = [
        "LOG:  ", "ERROR:  ", "FATAL:  ", "STATEMENT:  ", "DETAIL:  ", "HINT:  ", "WARNING:  ", "PANIC:  ", "NOTICE:  ",
        "INFO:  ", "CONTEXT:  ", "QUERY:  ", "LOCATION:  ", "DEBUG1:  ", "DEBUG:  ",
    ]

    /// The first severity behind the prefix.
    static func severity(in record: Bytes) -> (Int, Bytes)? {
        var from = 0
        while let place = record.find(":  ", from: from), place < 400 {
            var start = place
            while start > 0, record[start - 1] &- 65 < 26 || Bytes.isDigit(record[start - 1]) { start -= 1 }
            if start < place, start == 0 || !Bytes.isWord(record[start - 1]),
                severities.contains(where: { record.has($0, at: start) })
            {
                return (start, record[start, place])
            }
            from = place + 1
        }
        return nil
    }

    /// `[123] app_banque@bank 1.2.3.4(5678) `, `user=x,db=y,app=z,client=1.2.3.4 `: what common prefixes hold.
    static func takePrefix(_ prefix: Bytes, _ event: inout LogEvent) {
        var index = 0
        while index < prefix.count {
            while index < prefix.count,
                prefix[index] <= 44 || prefix[index] == 58 || prefix[index] == 91 || prefix[index] == 93
            {
                index += 1
            }
            var end = index
            while end < prefix.count, prefix[end] != 32, prefix[end] != 44, prefix[end] != 93 { end += 1 }
            let word = prefix[index, end]
            if word.has("user=") {
                event.user = word.from(5)
            } else if word.has("db=") {
                event.database = word.from(3)
            } else if word.has("client=") || word.has("host=") {
                takeAddress(word.from(word.has("client=") ? 7 : 5), &event)
            } else if word.has("app=") {
                event.agent = word.from(4)
            } else if let at = word.last(64), at > 0 {
                event.user = word.prefix(at)
                event.database = word.from(at + 1)
            } else if !word.isEmpty {
                takeAddress(word, &event)
            }
            index = end + 1
        }
    }

    private static func takeAddress(_ word: Bytes, _ event: inout LogEvent) {
        let end = word.first(40) ?? word.count
        if let address = NetworkAddress(word.prefix(end)) { event.address = address }
    }

    /// Reads a prefix by its escapes: `%m [%p] %q%u@%d `.
    private func takePrefix(_ text: Bytes, _ prefix: [UInt8], _ event: inout LogEvent) -> Bool {
        var index = 0
        var at = 0
        var hasTime = false
        while at < prefix.count {
            guard prefix[at] == 37, at + 1 < prefix.count else {
                if prefix[at] != text[index] { break }
                index += 1
                at += 1
                continue
            }
            let escape = prefix[at + 1]
            at += 2
            if escape == 113 { continue }
            let stop = at < prefix.count ? prefix[at] : 0
            if escape == 109 || escape == 116 || escape == 115 {
                guard let (instant, end) = Instant.iso(text, index, zone) else { return false }
                if escape != 115 || !hasTime { event.time = instant }
                hasTime = true
                index = end
                continue
            }
            let end = stop == 0 ? text.count : text.first(stop, from: index) ?? text.count
            let value = text[index, end]
            index = end
            switch escape {
            case 117: event.user = value
            case 100: event.database = value
            case 104, 114: Self.takeAddress(value, &event)
            case 97: event.agent = value
            case 99: event.session = value
            case 108: event.sequence = value.integer ?? 0
            case 101: event.state = value
            case 110: event.time = FieldSink.instant(value, zone)
            default: break
            }
        }
        return event.time != 0
    }
}
