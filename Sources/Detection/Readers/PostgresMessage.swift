/// What a message of PostgreSQL's log says, whichever of its forms it came in.
enum PostgresMessage {
    static func classify(_ event: inout LogEvent) {
        event.source = .postgres
        event.kind = .other
        let text = event.message
        switch text[0] {
        case 115 where text.has("statement: "):
            event.statement = text.from(11)
            event.kind = .statement
        case 101 where text.has("execute "):
            guard let colon = text.find(": ") else { break }
            event.statement = text.from(colon + 2)
            event.kind = .statement
        case 100 where text.has("duration: "):
            for (mark, length) in [(text.find("  statement: "), 13), (text.find("  execute "), 0)] {
                guard let mark else { continue }
                let begin = length > 0 ? mark + length : (text.find(": ", from: mark).map { $0 + 2 } ?? text.count)
                event.statement = text.from(begin)
                event.kind = .statement
                break
            }
        case 65 where text.has("AUDIT: "): audit(text.from(7), &event)
        case 99 where text.has("connection authorized: "), 99 where text.has("connection received: "):
            takeConnection(text, &event)
        case 100 where text.has("disconnection: "): event.kind = .disconnection
        default: trouble(text, &event)
        }
    }

    /// `connection received: host=1.2.3.4 port=5`, `connection authorized: user=x database=y application_name=z`
    private static func takeConnection(_ text: Bytes, _ event: inout LogEvent) {
        if text.has("connection authorized: ") {
            event.kind = .connection
            if event.user.isEmpty, let place = text.find("user=") {
                // A name may hold spaces: it ends where the next word of the server's own begins.
                let end = text.find(" database=", from: place) ?? text.count
                event.user = text[place + 5, end]
            }
        } else if event.address.isNone, text.has("host=", at: 21) {
            let end = text.first(32, from: 26) ?? text.count
            event.address = NetworkAddress(text[26, end]) ?? .none
        }
    }

    private static func trouble(_ text: Bytes, _ event: inout LogEvent) {
        let isFailure =
            event.severity.equals("ERROR") || event.severity.equals("FATAL") || event.severity.equals("PANIC")
        guard isFailure else { return }
        event.kind = .databaseError
        let isLogin =
            event.state.equals("28P01") || event.state.equals("28000")
            || text.has("password authentication failed for user")
            || text.has("no pg_hba.conf entry for") || text.contains(" authentication failed for user \"")
        if isLogin {
            event.kind = .loginFailure
            if event.user.isEmpty, let open = text.first(34), let close = text.first(34, from: open + 1) {
                event.user = text[open + 1, close]
            }
            if event.address.isNone, text.has("no pg_hba.conf entry for host \""), let close = text.first(34, from: 31)
            {
                event.address = NetworkAddress(text[31, close]) ?? .none
            }
        }
        if event.state.isEmpty { event.state = state(of: text) }
    }

    /// The class of an error whose code the log's form leaves out.
    private static func state(of text: Bytes) -> Bytes {
        if text.has("permission denied") || text.has("must be ") { return Bytes("42501") }
        if text.has("syntax error") || text.has("unterminated quoted") { return Bytes("42601") }
        if text.has("relation \"") && text.contains("does not exist") { return Bytes("42P01") }
        if text.has("column \"") && text.contains("does not exist") { return Bytes("42703") }
        if text.has("function ") && text.contains("does not exist") { return Bytes("42883") }
        if text.has("each UNION query must") { return Bytes("42601") }
        if text.has("new row violates row-level security") { return Bytes("42501") }
        if text.has("invalid input syntax") { return Bytes("22P02") }
        return .empty
    }

    /// `SESSION,1,1,DDL,CREATE ROLE,ROLE,name,"CREATE ROLE …",<not logged>`: pgaudit's CSV.
    private static func audit(_ text: Bytes, _ event: inout LogEvent) {
        var fields = CSVFields(text)
        var index = 0
        event.kind = .statement
        while let field = fields.next(), index < 11 {
            switch index {
            case 1: event.sequence = field.integer ?? 0
            case 3: event.action = field
            case 6: event.object = field
            case 7: event.statement = field
            case 9: event.rows = field.integer ?? 0
            default: break
            }
            index += 1
        }
    }
}

/// The fields of one CSV record; quotes are taken off, doubled ones stay doubled.
struct CSVFields {
    private let text: Bytes
    private var index = 0
    private var isDone = false

    init(_ text: Bytes) { self.text = text }

    mutating func next() -> Bytes? {
        guard !isDone else { return nil }
        if text[index] == 34 {
            var end = index + 1
            while let quote = text.first(34, from: end) {
                if text[quote + 1] == 34 {
                    end = quote + 2
                    continue
                }
                let field = text[index + 1, quote]
                index = text.first(44, from: quote + 1).map { $0 + 1 } ?? text.count
                isDone = index >= text.count && text[text.count - 1] != 44
                return field
            }
            isDone = true
            return text.from(index + 1)
        }
        let end = text.first(44, from: index) ?? text.count
        let field = text[index, end]
        isDone = end >= text.count
        index = end + 1
        return field
    }
}
