internal import HTTPTypes
internal import Web

/// How the client wants its answer: metadata, numbers as text, size of a page.
struct ResponseShape: Sendable {
    var isBare = false
    var isTextNumbers = false
    var pageSize = ODataService.pageSizeDefault
    var applied: String?
    /// What `$format` asks for.
    var format: String?

    var type: String {
        "application/json;odata.metadata=\(isBare ? "none" : "minimal")"
            + (isTextNumbers ? ";IEEE754Compatible=true" : "") + ";charset=utf-8"
    }

    init(_ fields: HTTPFields, _ query: String) throws(ODataProblem) {
        let format = (QueryItems.parse(query) ?? []).last { ODataQuery.name($0.name) == "$format" }?.value
        self.format = format?.lowercased()
        let wanted = (format ?? fields[.accept] ?? "").lowercased()
        // Of several types the first JSON one counts; full metadata is answered with minimal, as the standard allows.
        let first = wanted.split(separator: ",").first { $0.contains("application/json") } ?? ""
        isBare = first.contains("metadata=none")
        isTextNumbers = first.contains("ieee754compatible=true")
        for preference in (fields[.prefer] ?? "").split(whereSeparator: { $0 == "," || $0 == ";" }) {
            let parts = preference.split(separator: "=").map { $0.filter { $0 != " " && $0 != "\"" }.lowercased() }
            guard parts.count == 2, parts[0] == "odata.maxpagesize" || parts[0] == "maxpagesize" else { continue }
            guard let size = Int64(parts[1]), size > 0 else {
                throw .invalid("maxpagesize is a whole number from 1 on")
            }
            pageSize = min(size, ODataService.pageSizeMax)
            applied = "odata.maxpagesize=\(pageSize)"
        }
    }
}

/// What lies at an address below the service's root.
enum ResourcePath: Equatable {
    case root, metadata, batch
    case set(String)
    case count(String)
    case row(String, key: [(name: String?, value: Literal)], link: String?)

    init(_ path: String) throws(ODataProblem) {
        var parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        // A slash inside a quoted key would be cut; keys here are numbers, moments and short words.
        guard parts.count <= 3 else { throw .notFound("resource \(path.prefix(200))") }
        guard let first = parts.first else {
            self = .root
            return
        }
        switch first {
        case "$metadata" where parts.count == 1: self = .metadata
        case "$batch" where parts.count == 1: self = .batch
        default:
            guard !first.hasPrefix("$") else { throw .notFound("resource \(path.prefix(200))") }
            parts.removeFirst()
            if let bracket = first.firstIndex(of: "(") {
                let key = try Self.key(String(first[bracket...]))
                guard parts.count <= 1 else { throw .unsupported("a path over more than one link") }
                if let link = parts.first, link.hasPrefix("$") { throw .unsupported("\(link) of a single row") }
                self = .row(String(first[..<bracket]), key: key, link: parts.first)
            } else if parts.isEmpty {
                self = .set(first)
            } else if parts == ["$count"] {
                self = .count(first)
            } else {
                throw .notFound("resource \(path.prefix(200))")
            }
        }
    }

    /// `(20260101)` or `(date_cle=20260101,compte_cle=4)`
    private static func key(_ text: String) throws(ODataProblem) -> [(name: String?, value: Literal)] {
        var lexer = try Lexer(text)
        try lexer.expect("(")
        var parts: [(name: String?, value: Literal)] = []
        repeat {
            var name: String?
            if case .word(let word) = lexer.token {
                try lexer.advance()
                try lexer.expect("=")
                name = word
            }
            guard case .literal(let literal) = lexer.token else {
                throw .invalid("a key is a constant", at: lexer.start)
            }
            try lexer.advance()
            parts.append((name, literal))
            guard parts.count <= 8 else { throw .invalid("a key has at most 8 parts") }
        } while try lexer.take(",")
        try lexer.expect(")")
        guard lexer.token == .end else { throw .invalid("text behind the key", at: lexer.start) }
        return parts
    }

    static func == (left: ResourcePath, right: ResourcePath) -> Bool {
        switch (left, right) {
        case (.root, .root), (.metadata, .metadata), (.batch, .batch): true
        case (.set(let a), .set(let b)), (.count(let a), .count(let b)): a == b
        case (.row(let a, let k, let l), .row(let b, let m, let n)):
            a == b && l == n && k.count == m.count
                && zip(k, m).allSatisfy { $0.name == $1.name && $0.value == $1.value }
        default: false
        }
    }
}
