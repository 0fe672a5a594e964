/// Tells code that can only read and compute from code that could do anything else. What is not plainly the first is
/// taken for the second.
enum CodeJudge {
    /// Built-in functions, and words that stand before a parenthesis without being a function.
    private static let innocent: Set<String> = [
        // functions
        "nextval", "now", "gen_random_uuid", "lower", "upper", "length", "char_length", "octet_length", "abs", "round",
        "coalesce", "nullif", "greatest", "least", "date_trunc", "date_part", "btrim", "ltrim", "rtrim", "trim",
        "clock_timestamp", "array_position", "concat", "concat_ws", "substr", "substring", "left", "right", "replace",
        "to_char", "to_date", "count", "sum", "min", "max", "avg", "row_number", "rank", "dense_rank", "lag", "lead",
        "first_value", "last_value", "floor", "ceil", "mod", "extract", "cast", "position", "overlay", "string_agg",
        "array_agg", "initcap", "lpad", "rpad", "age", "make_date", "jsonb_build_object", "json_build_object",
        // types
        "numeric", "decimal", "varchar", "char", "character", "varying", "bit", "timestamp", "time", "interval",
        "float", "bpchar", "timestamptz",
        // keywords
        "check", "in", "any", "all", "some", "array", "values", "key", "unique", "references", "using", "btree", "gin",
        "gist", "hash", "brin", "spgist", "with", "include", "and", "or", "not", "as", "default", "table", "on",
        "exclude", "is", "then", "when", "case", "else", "over", "by", "filter", "from", "join", "where", "select",
        "exists", "identity", "range", "list", "row", "distinct", "having", "return", "end", "if", "elsif", "union",
        "between", "like", "ilike", "lateral", "partition", "only", "to", "group",
    ]

    /// Words after which a name and a parenthesis are a relation and its columns.
    private static let beforeRelations: Set<String> = [
        "table", "references", "only", "on", "exists", "index", "into", "of", "as",
    ]

    /// Whether a name stands before an opening parenthesis that is no type, keyword, relation or harmless built-in.
    static func callsUnknownFunction(_ sql: String) -> Bool {
        let scanned = SQLTokens(sql)
        return scanned.isUnclear || callsUnknownFunction(scanned.tokens)
    }

    static func callsUnknownFunction(_ tokens: [SQLTokens.Token]) -> Bool {
        for (index, token) in tokens.enumerated() where token == .symbol("(") && index > 0 {
            guard case .word(let name) = tokens[index - 1], name.first?.isNumber != true else { continue }
            if index > 1, case .word(let before) = tokens[index - 2], beforeRelations.contains(before) { continue }
            if isForeign(name) { return true }
        }
        // A function can be called by an operator or a cast of the dump's own.
        for (index, token) in tokens.enumerated() where index > 1 {
            guard case .word(let name) = token, tokens[index - 1] == .symbol(":"), tokens[index - 2] == .symbol(":")
            else { continue }
            if name.contains("."), !name.hasPrefix("pg_catalog.") { return true }
        }
        return tokens.contains(.word("operator"))
    }

    private static func isForeign(_ name: String) -> Bool {
        let parts = name.split(separator: ".").map(String.init)
        return parts.count > 1 && parts.first != "pg_catalog" || !innocent.contains(parts.last ?? "")
    }

    /// Words that no body of an innocent function holds.
    private static let deeds: Set<String> = [
        "execute", "perform", "insert", "update", "delete", "merge", "truncate", "copy", "grant", "revoke", "alter",
        "create", "drop", "do", "call", "set", "reset", "listen", "notify", "lock", "refresh", "vacuum", "load",
        "security", "import", "comment", "prepare", "into", "dblink", "exception", "open", "fetch", "current_setting",
        "set_config", "session_user", "current_user", "user", "current_role",
    ]

    /// A function that reads its arguments and tables, computes, and returns.
    static func isInnocentFunction(_ sql: String) -> Bool {
        let scanned = SQLTokens(sql)
        let statements = scanned.statements
        guard !scanned.isUnclear, statements.count == 1, let head = statements.first,
            head.begins(with: "create function") || head.begins(with: "create or replace function"),
            scanned.strings.count == 1, let body = scanned.strings.first
        else { return false }
        let words = scanned.words
        guard let language = words.firstIndex(of: "language"), language + 1 < words.count,
            ["sql", "plpgsql"].contains(words[language + 1]),
            !words.contains("definer"), !words.contains("set"), !words.contains("event_trigger"),
            !words.contains("support"), !words.contains("leakproof"), !words.contains("default")
        else { return false }
        let inside = SQLTokens(body)
        guard !inside.isUnclear, deeds.isDisjoint(with: inside.words), !callsUnknownFunction(inside.tokens) else {
            return false
        }
        guard words.contains("trigger") else { return words[language + 1] == "sql" || inside.strings.isEmpty }
        // A trigger's function may fill in what is empty; it may not decide by values, nor drop the row.
        return inside.strings.isEmpty && !inside.words.contains("if") && !inside.words.contains("case")
            && !inside.tokens.contains(words: "return null") && !inside.tokens.contains(words: "return old")
            && assignsItself(inside.tokens)
    }

    /// Each `new.x := …` is made of `new.x` and the time.
    private static func assignsItself(_ tokens: [SQLTokens.Token]) -> Bool {
        for statement in tokens.split(separator: .symbol(";")) {
            let parts = Array(statement)
            guard let sign = parts.firstIndex(of: .symbol("=")) else { continue }
            let left = parts[..<sign].compactMap { token -> String? in
                if case .word(let word) = token { word } else { nil }
            }
            guard let target = left.last, target.hasPrefix("new.") else { return false }
            let allowed: Set<String> = [
                target, "coalesce", "now", "clock_timestamp", "current_timestamp", "lower", "upper", "trim", "btrim",
            ]
            for case .word(let word) in parts[sign...] where !allowed.contains(word) { return false }
        }
        return true
    }

    /// Columns that no view of a bank shows.
    private static let secrets = [
        "mot_de_passe", "password", "passwd", "pwd", "cvv", "cvc", "pan", "nir", "secret", "private_key", "pin",
        "numero_carte", "rolpassword",
    ]

    static func showsSecrets(_ sql: String) -> Bool {
        SQLTokens(sql).words.contains { word in
            secrets.contains(word.split(separator: ".").last.map(String.init) ?? "")
        }
    }

    /// A view that selects and joins, without code and without leaving anything out by its value.
    static func isInnocentView(_ sql: String) -> Bool {
        let scanned = SQLTokens(sql)
        let words = scanned.words
        return !scanned.isUnclear && scanned.statements.count == 1 && scanned.tokens.begins(with: "create view")
            && !callsUnknownFunction(scanned.tokens) && !showsSecrets(sql) && !words.contains("except")
            && !words.contains("not") && !hidesByValue(scanned.tokens)
    }

    private static func hidesByValue(_ tokens: [SQLTokens.Token]) -> Bool {
        tokens.indices.dropFirst(2).contains { index in
            if case .string = tokens[index] {
                return tokens[index - 1] == .symbol(">") && tokens[index - 2] == .symbol("<")
                    || tokens[index - 1] == .symbol("=") && tokens[index - 2] == .symbol("!")
            }
            return false
        }
    }

    /// The function that a trigger calls, as the dump names it.
    static func functionCalled(byTrigger sql: String) -> String? {
        let words = SQLTokens(sql).words
        guard let index = words.lastIndex(of: "execute"), index + 2 < words.count,
            ["function", "procedure"].contains(words[index + 1])
        else { return nil }
        return words[index + 2]
    }

    /// Everything the text says, in strings too, three levels deep: a function's body, what it would execute, and so on.
    static func allWords(of sql: String) -> [[SQLTokens.Token]] {
        var found: [[SQLTokens.Token]] = []
        var texts = [sql]
        for _ in 0..<4 {
            var next: [String] = []
            for text in texts.prefix(200) {
                let scanned = SQLTokens(text)
                found.append(scanned.tokens)
                next += scanned.strings
            }
            texts = next
        }
        return found
    }
}
