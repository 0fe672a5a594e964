/// Fields of Sigma's taxonomies, where an event has them.
enum SigmaField: Hashable, Sendable {
    case method, target, path, query, status, size, agent, referer, address, user, host, program, message, image
    case command, statement, structure, database, state, severity, session, object, action, rows, line
    /// A member of a JSON record by its own name.
    case member(String)

    private static let names: [String: SigmaField] = [
        "cs-method": .method, "http.request.method": .method, "method": .method, "c-uri": .target, "cs-uri": .target,
        "request": .target, "uri": .target, "cs-uri-stem": .path, "c-uri-stem": .path, "path": .path,
        "cs-uri-query": .query, "c-uri-query": .query, "query_string": .query, "sc-status": .status,
        "status": .status, "sc-bytes": .size, "bytes": .size, "cs-user-agent": .agent, "c-useragent": .agent,
        "user_agent": .agent, "useragent": .agent, "cs-referer": .referer, "cs-referrer": .referer,
        "referer": .referer, "c-ip": .address, "src_ip": .address, "sourceip": .address, "client_ip": .address,
        "ip": .address, "cs-username": .user, "user": .user, "targetusername": .user, "username": .user,
        "cs-host": .host, "host": .host, "hostname": .host, "computer": .host, "program": .program,
        "provider": .program, "type": .program, "message": .message, "msg": .message, "image": .image, "exe": .image,
        "commandline": .command, "command": .command, "statement": .statement, "sql": .statement,
        "statement_structure": .structure,
        "database": .database, "dbname": .database, "sqlstate": .state, "state_code": .state, "severity": .severity,
        "level": .severity, "session": .session, "session_id": .session, "object": .object, "objet": .object,
        "action": .action, "evenement": .action, "event": .action, "rows": .rows, "line": .line,
    ]

    init(name: String) { self = Self.names[name.lowercased()] ?? .member(name) }

    /// Calls `body` with the field's text.
    func with<T>(_ event: LogEvent, _ body: (Bytes) -> T) -> T {
        switch self {
        case .method: return body(event.method)
        case .target:
            guard !event.query.isEmpty else { return body(event.path) }
            // Both are slices of one line, with the question mark between them, unless the log keeps them apart.
            if event.path.start + event.path.count + 1 == event.query.start {
                return body(Bytes(start: event.path.start, count: event.path.count + 1 + event.query.count))
            }
            return Self.own(event.path.text + "?" + event.query.text, body)
        case .path: return body(event.path)
        case .query: return body(event.query)
        case .status: return event.status == 0 ? body(.empty) : Self.own(String(event.status), body)
        case .size: return Self.own(String(event.size), body)
        case .agent: return body(event.agent)
        case .referer: return body(event.referer)
        case .address: return event.address.isNone ? body(.empty) : Self.own(event.address.text, body)
        case .user: return body(event.user)
        case .host: return body(event.host)
        case .program: return body(event.program)
        case .message: return body(event.message)
        case .image, .object: return body(event.object)
        case .command, .action: return body(event.action)
        case .statement: return body(event.statement)
        case .structure:
            var shape = SQLShape()
            shape.take(event.statement)
            return shape.with(body)
        case .database: return body(event.database)
        case .state: return body(event.state)
        case .severity: return body(event.severity)
        case .session: return body(event.session)
        case .rows: return Self.own(String(event.rows), body)
        case .line: return body(event.line)
        case .member(let name): return body(Self.member(name, event.line))
        }
    }

    /// The part of a line that holds its text as it is written there; nil: what is compared is made from it.
    var part: SigmaPart? {
        switch self {
        case .method: .method
        case .target, .path, .query: .target
        case .agent: .agent
        case .referer: .referer
        case .status, .size, .rows, .address, .structure: nil
        default: .line
        }
    }

    var isNumber: Bool { [.status, .size, .rows].contains(self) }

    /// Nil where `with` gives no text.
    func number(_ event: LogEvent) -> Int64? {
        switch self {
        case .status: event.status == 0 ? nil : Int64(event.status)
        case .size: event.size
        case .rows: event.rows
        default: nil
        }
    }

    /// What it takes to make its text, in comparisons of a byte.
    var cost: Int {
        switch self {
        case .status, .size, .rows, .address: 100
        case .member, .structure: 500
        default: 0
        }
    }

    private static func own<T>(_ text: String, _ body: (Bytes) -> T) -> T {
        var text = text
        return text.withUTF8 { body(Bytes(UnsafeRawBufferPointer($0))) }
    }

    private static func member(_ name: String, _ line: Bytes) -> Bytes {
        guard line[0] == 123 else { return .empty }
        var scanner = JSONScanner(line)
        while let member = scanner.next() { if member.name.text == name { return member.value } }
        return .empty
    }
}
