/// Named values of a record, put where an event has them. JSON, CSV with a header and journal exports share it.
struct FieldSink {
    var target = Bytes.empty
    var request = Bytes.empty
    var mount = Bytes.empty
    var command = Bytes.empty
    var process = Bytes.empty
    var sqlQuery = Bytes.empty
    var backend = Bytes.empty
    var instant: Int64 = 0
    var isPostgres = false
    var fields = 0

    mutating func take(_ field: FieldName, _ value: Bytes, isString: Bool, _ event: inout LogEvent, _ zone: ZoneClock) {
        guard !value.isEmpty, !value.equals("-"), isString || !value.equals("null") else { return }
        fields += 1
        switch field {
        case .time: if instant == 0 { instant = Self.instant(value, zone) }
        case .epochMicros: instant = value.integer ?? instant
        case .address: takeAddress(value, &event)
        case .user: if event.user.isEmpty { event.user = value }
        case .method: event.method = value
        case .path: event.path = value
        case .target: target = value
        case .request: request = value
        case .query: if value.has("?") { event.query = value.from(1) } else { sqlQuery = value }
        case .status: event.status = Int32(truncatingIfNeeded: value.integer ?? 0)
        case .size: event.size = min(value.integer ?? 0, 1 << 50)
        case .agent: event.agent = value
        case .referer: event.referer = value
        case .host: if event.host.isEmpty { event.host = value }
        case .program: event.program = value
        case .process: process = value
        case .message: event.message = value
        case .database: event.database = value
        case .statement: event.statement = value
        case .internalQuery: break
        case .state:
            event.state = value
            isPostgres = true
        case .severity: event.severity = value
        case .session: event.session = value
        case .object: event.object = value
        case .action: event.action = value
        case .mount: mount = value
        case .line, .sequence: event.sequence = value.integer ?? 0
        case .sqlSeverity:
            event.severity = value
            isPostgres = true
        case .backend:
            backend = value
            isPostgres = true
        case .role: if event.object.isEmpty { event.object = value }
        case .command: command = value
        case .rows: event.rows = value.integer ?? 0
        case .application: event.agent = value
        }
    }

    /// `1.2.3.4`, `1.2.3.4:5678`, `[::1]:80`: the whole value, nothing inside it.
    private func takeAddress(_ value: Bytes, _ event: inout LogEvent) {
        guard event.address.isNone else { return }
        if let address = NetworkAddress(value) {
            event.address = address
        } else if let colon = value.last(58), let address = NetworkAddress(value.prefix(colon)) {
            event.address = address
        } else if let paren = value.first(40), let address = NetworkAddress(value.prefix(paren)) {
            event.address = address
        }
    }

    /// Seconds, milliseconds, microseconds or nanoseconds since 1970 by their size, or a date.
    static func instant(_ value: Bytes, _ zone: ZoneClock) -> Int64 {
        if let (instant, _) = Instant.iso(value, 0, zone) { return instant }
        if let instant = Instant.access(value, 0) { return instant }
        return epoch(value)
    }

    static func epoch(_ value: Bytes) -> Int64 {
        let dot = value.first(46) ?? value.count
        guard let whole = value.prefix(dot).integer else { return 0 }
        switch whole {
        case ..<100_000_000: return 0
        case ..<100_000_000_000:
            var micros: Int64 = 0
            var unit: Int64 = 100_000
            var index = dot + 1
            while Bytes.isDigit(value[index]), unit > 0 {
                micros += Int64(value[index] - 48) * unit
                unit /= 10
                index += 1
            }
            return whole * Instant.second + micros
        case ..<100_000_000_000_000: return whole * 1000
        case ..<100_000_000_000_000_000: return whole
        default: return whole / 1000
        }
    }

    /// Decides what kind of record it was, once all fields are in.
    mutating func finish(_ event: inout LogEvent) {
        event.time = instant
        if isPostgres, !event.severity.isEmpty {
            event.source = .postgres
            if event.statement.isEmpty { event.statement = sqlQuery }
            event.action = event.action.isEmpty ? command : event.action
            PostgresMessage.classify(&event)
            return
        }
        if event.query.isEmpty { event.query = sqlQuery }
        if !request.isEmpty {
            let space = request.first(32) ?? 0
            if event.method.isEmpty { event.method = request.prefix(space) }
            var end = request.last(32) ?? request.count
            if !request.has("HTTP/", at: end + 1) { end = request.count }
            AccessReader.split(request[space == 0 ? 0 : space + 1, end], &event)
        } else if !target.isEmpty {
            AccessReader.split(target, &event)
        }
        if !event.path.isEmpty, event.status > 0 || !event.method.isEmpty {
            event.source = .web
            event.kind = .request
            if mount.equals("/auth/v1"), event.path.has("/token"), event.method.equals("POST") {
                event.kind = event.status < 300 ? .login : event.status < 500 ? .loginFailure : .request
            }
            return
        }
        event.source = .application
        if !event.message.isEmpty, !event.program.isEmpty {
            SystemMessage.classify(&event)
            if event.kind != .other { return }
        }
        if event.message.has("type=") { _ = AuditReader.takeFields(event.message, &event) }
        ApplicationMessage.classify(&event)
    }
}
