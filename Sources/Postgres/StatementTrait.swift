/// What a statement's first word says about the connection it needs.
enum StatementTrait {
    /// Runs anywhere.
    case plain
    /// Changes the session or opens a transaction: it would leak into the neighbours of a shared connection.
    case session
    /// Streams rows outside the pipeline.
    case copy
    /// Holds a zero byte: libpq would cut the text there.
    case unsendable

    private static let sessionWords: Set<String> = [
        "abort", "begin", "close", "commit", "deallocate", "declare", "discard", "end", "fetch", "listen", "move",
        "prepare", "release", "reset", "rollback", "savepoint", "set", "start", "unlisten",
    ]

    init(of sql: String) {
        guard !sql.utf8.contains(0) else {
            self = .unsendable
            return
        }
        let word = Self.firstWord(of: sql)
        if Self.sessionWords.contains(word) {
            self = .session
        } else if word == "copy" {
            let words = sql.lowercased().split { !($0.isLetter || $0 == "_") }
            self = words.contains("stdin") || words.contains("stdout") ? .copy : .plain
        } else {
            self = .plain
        }
    }

    /// The first word, in lower case, behind spaces and comments.
    private static func firstWord(of sql: String) -> String {
        var rest = Substring(sql)
        while true {
            rest = rest.drop { $0.isWhitespace || $0 == ";" || $0 == "(" }
            if rest.hasPrefix("--") {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*"), let end = rest.firstRange(of: "*/") {
                rest = rest[end.upperBound...]
            } else {
                return rest.prefix { $0.isLetter }.lowercased()
            }
        }
    }
}
