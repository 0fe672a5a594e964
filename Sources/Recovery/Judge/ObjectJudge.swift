internal import Salvage

/// Judges one definition of a dump. Pure: text in, findings out. The rules are listed in
/// `docs/reference/judgement-rules.md`.
enum ObjectJudge {
    static func findings(on object: DumpObject, baseline: Baseline?) -> [ObjectFinding] {
        var rules: [JudgementRule] = []
        if !object.copyStatement.isEmpty, !isPlainCopy(object.copyStatement) { rules.append(.copyNotFromStdin) }
        if object.name.contains(where: \.isNewline) || object.schema.contains(where: \.isNewline) {
            rules.append(.nameWithNewline)
        }
        if baseline?.holds(object) != true {
            rules += kindRules(object)
            if JudgementRule.reachesOutside(object.sql + object.dropStatement) { rules.append(.reachesOutside) }
        }
        var seen: Set<String> = []
        return rules.filter { seen.insert($0.id).inserted }.map { finding($0, object) }
    }

    private static func kindRules(_ object: DumpObject) -> [JudgementRule] {
        let sql = Baseline.normalised(object.sql)
        switch object.kind {
        case "ENCODING", "STDSTRINGS", "SEARCHPATH", "TABLE DATA", "SEQUENCE", "SEQUENCE OWNED BY", "SEQUENCE SET",
            "CONSTRAINT", "FK CONSTRAINT", "COMMENT", "TABLE ATTACH", "INDEX ATTACH":
            return []
        case "TABLE": return tableRules(sql)
        case "CHECK CONSTRAINT": return callsUnknownFunction(sql) ? [.constraintCallsFunction] : []
        case "INDEX": return callsUnknownFunction(sql) ? [.indexCallsFunction] : []
        case "DEFAULT": return callsUnknownFunction(sql) ? [.defaultCallsFunction] : []
        case "SCHEMA": return object.name == "public" ? [] : [.unknownSchema]
        case "DATABASE", "DATABASE PROPERTIES": return []
        case "EXTENSION":
            return ["pgcrypto", "plpgsql", "uuid-ossp", "citext", "pg_trgm"].contains(object.name)
                ? [] : [.extensionUnknown]
        case "ACL", "DEFAULT ACL": return aclRules(sql)
        case "SET": return sql.contains("search_path") || isHarmlessSetting(sql) ? [] : [.dangerousSetting]
        case "META-COMMAND":
            let isRestrict = object.sql.hasPrefix("\\restrict ") || object.sql.hasPrefix("\\unrestrict ")
            return isRestrict ? [] : [.metaCommand]
        case "ALTER": return sql.contains("owner to") ? [] : [.undecidable]
        default: return [JudgementRule.byKind[object.kind] ?? .undecidable]
        }
    }

    private static func tableRules(_ sql: String) -> [JudgementRule] {
        var rules: [JudgementRule] = []
        if sql.contains("generated always as (") { rules.append(.generatedColumn) }
        if callsUnknownFunction(sql) {
            rules.append(sql.contains("check (") ? .constraintCallsFunction : .defaultCallsFunction)
        }
        if sql.contains("inherits (") { rules.append(.inheritance) }
        return rules
    }

    private static func aclRules(_ sql: String) -> [JudgementRule] {
        if sql.contains(" to public") && sql.hasPrefix("grant") && !sql.contains("on schema public") {
            return [.grantToPublic]
        }
        if sql.contains("with grant option") { return [.grantOption] }
        return []
    }

    private static func isHarmlessSetting(_ sql: String) -> Bool {
        [
            "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout",
            "client_encoding", "standard_conforming_strings", "check_function_bodies", "xmloption",
            "client_min_messages", "row_security", "default_tablespace", "default_table_access_method",
        ].contains { sql.hasPrefix("set \($0) ") }
    }

    private static func isPlainCopy(_ statement: String) -> Bool {
        let text = Baseline.normalised(statement)
        return text.hasPrefix("copy ") && text.hasSuffix(" from stdin; ") || text.hasSuffix(" from stdin;")
    }

    private static let innocentFunctions: Set<String> = [
        "nextval", "now", "gen_random_uuid", "lower", "upper", "length", "char_length", "octet_length", "abs", "round",
        "coalesce", "nullif", "date_trunc", "btrim", "trim", "numeric", "varchar", "character", "char", "timestamp",
        "time",
        "bit", "check", "in", "any", "all", "array", "values", "key", "unique", "references", "using", "btree", "gin",
        "gist",
        "hash", "brin", "with", "include", "and", "or", "not", "as", "varying", "decimal", "interval", "default",
        "date_part",
        "extract", "clock_timestamp", "array_position", "cast", "table", "on", "float", "exclude", "is", "then", "when",
        "case",
    ]

    private static let relationWords: Set<String> = [
        "table", "references", "only", "on", "exists", "index", "into", "of",
    ]

    /// Whether a word stands before an opening parenthesis that is no type, keyword, relation or harmless built-in.
    private static func callsUnknownFunction(_ sql: String) -> Bool {
        let words = words(of: sql)
        for (index, word) in words.enumerated() where word == "(" && index > 0 {
            let name = words[index - 1]
            let before = index > 1 ? words[index - 2] : ""
            guard name.first.map({ $0.isLetter || $0 == "_" }) == true, !relationWords.contains(before) else {
                continue
            }
            let parts = name.split(separator: ".").map(String.init)
            let isForeign = parts.count > 1 && parts.first != "pg_catalog"
            if isForeign || !innocentFunctions.contains(parts.last ?? "") { return true }
        }
        return false
    }

    /// Names (with their dots, without their quotes) and single symbols; strings are passed over.
    private static func words(of sql: String) -> [String] {
        var words: [String] = []
        var word = ""
        var quote: Character?
        func end() {
            if !word.isEmpty { words.append(word) }
            word = ""
        }
        for character in sql {
            if let open = quote {
                if character == open { quote = nil } else if open == "\"" { word.append(character) }
            } else if character == "'" || character == "\"" {
                quote = character
            } else if character.isLetter || character.isNumber || character == "_" || character == "." {
                word.append(character)
            } else {
                end()
                if !character.isWhitespace { words.append(String(character)) }
            }
        }
        end()
        return words
    }

    private static func finding(_ rule: JudgementRule, _ object: DumpObject) -> ObjectFinding {
        let name = object.schema.isEmpty ? object.name : "\(object.schema).\(object.name)"
        let text = [object.sql, object.copyStatement, object.dropStatement].filter { !$0.isEmpty }.joined(
            separator: "\n")
        return ObjectFinding(
            rule: rule.id, severity: rule.severity, kind: object.kind, name: name,
            decision: rule.id == JudgementRule.undecidable.id ? "refused" : "left-behind", reason: rule.reason,
            location: object.location, text: String(text.prefix(4000)))
    }
}
