internal import Salvage

/// Judges grants and settings, statement by statement.
enum AccessJudge {
    static func rules(on sql: String, owner: String) -> [JudgementRule] {
        let scanned = SQLTokens(sql)
        if scanned.isUnclear { return [.undecidable] }
        return scanned.statements.flatMap { rules(on: $0, owner: owner.lowercased()) }
    }

    private static func rules(on tokens: [SQLTokens.Token], owner: String) -> [JudgementRule] {
        if tokens.begins(with: "set session authorization") { return [.sessionAuthorization] }
        if tokens.begins(with: "reset session authorization") || tokens.first == .word("revoke") { return [] }
        let isDefault = tokens.begins(with: "alter default privileges")
        guard tokens.first == .word("grant") || isDefault,
            let to = tokens.lastIndex(of: .word("to")), let start = tokens.firstIndex(of: .word("grant"))
        else { return isDefault && tokens.contains(.word("revoke")) ? [] : [.undecidable] }
        // A role may be called "on": the right word stands behind the rights.
        guard let on = tokens[start...].firstIndex(of: .word("on")) else { return [.role] }
        let grantees = tokens[(to + 1)...].prefix { $0 != .word("with") && $0 != .word("granted") }
            .compactMap { token in if case .word(let word) = token { word } else { nil } }
        var rules: [JudgementRule] = []
        let target = Array(tokens[(on + 1)..<max(on + 1, to)])
        if grantees.contains("public"), !target.begins(with: "schema public") { rules.append(.grantToPublic) }
        if tokens.contains(words: "with grant option") { rules.append(.grantOption) }
        let rights = Set(
            tokens[start..<on].compactMap { token in if case .word(let word) = token { word } else { nil } })
        let isTable = isDefault || target.first == .word("table") || !Self.otherTargets.contains(first(target))
        let isWide = !rights.isDisjoint(with: ["all", "truncate", "trigger", "references", "maintain"])
        if isTable, isWide, grantees.contains(where: { $0.lowercased() != owner && $0 != "public" }) {
            rules.append(.allRights)
        }
        return rules
    }

    private static let otherTargets: Set<String> = [
        "schema", "sequence", "function", "procedure", "routine", "type", "domain", "language", "database", "large",
        "foreign", "tablespace", "parameter",
    ]

    private static func first(_ tokens: [SQLTokens.Token]) -> String {
        if case .word(let word) = tokens.first { word } else { "" }
    }

    /// `SELECT pg_catalog.set_config('search_path', '', false);`
    private static let searchPathIsEmpty =
        SQLTokens("SELECT pg_catalog.set_config('search_path', '', false)").tokens

    private static let harmless: Set<String> = [
        "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "transaction_timeout",
        "client_encoding", "standard_conforming_strings", "check_function_bodies", "xmloption", "client_min_messages",
        "row_security", "default_tablespace", "default_table_access_method", "search_path", "default_with_oids",
        "escape_string_warning", "bytea_output", "datestyle", "intervalstyle", "extra_float_digits",
    ]

    /// `ALTER … OWNER TO …` and nothing else, as a plain dump adds it to each object. Owners are not carried over.
    static func onlySetsOwner(_ sql: String) -> Bool {
        let scanned = SQLTokens(sql)
        guard !scanned.isUnclear, !scanned.statements.isEmpty else { return false }
        return scanned.statements.allSatisfy { tokens in
            guard tokens.first == .word("alter"), tokens.count >= 5, case .word = tokens.last else { return false }
            return tokens[tokens.count - 3] == .word("owner") && tokens[tokens.count - 2] == .word("to")
        }
    }

    /// What pg_dump sets at the head of a file.
    static func isHarmlessSetting(_ sql: String) -> Bool {
        let scanned = SQLTokens(sql)
        if scanned.tokens.filter({ $0 != .symbol(";") }) == searchPathIsEmpty { return true }
        let words = scanned.words
        guard !scanned.isUnclear, scanned.statements.count == 1, words.count >= 2, words[0] == "set" else {
            return false
        }
        if ["client_encoding", "standard_conforming_strings"].contains(words[1]) {
            return isPlainSetting(sql, words[1])
        }
        return harmless.contains(words[1])
    }

    /// What is written otherwise than PostgreSQL's own encodings are may hide a quote in a letter's second byte.
    private static let plainEncodings: Set<String> = [
        "utf8", "utf-8", "unicode", "sql_ascii", "latin1", "latin9", "iso88591", "iso885915", "iso_8859_1", "win1252",
    ]

    /// `SET client_encoding = 'UTF8';` of a known encoding, and `SET standard_conforming_strings = 'on';`.
    static func isPlainSetting(_ sql: String, _ name: String) -> Bool {
        let scanned = SQLTokens(sql)
        guard !scanned.isUnclear, scanned.statements.count <= 1 else { return false }
        guard let tokens = scanned.statements.first else { return true }
        guard tokens.count == 4, tokens[0] == .word("set"), tokens[1] == .word(name) else { return false }
        guard tokens[2] == .symbol("=") || tokens[2] == .word("to") else { return false }
        let value =
            switch tokens[3] {
            case .word(let word): word
            case .string(let text): text.lowercased()
            case .symbol: ""
            }
        return name == "client_encoding" ? plainEncodings.contains(value) : value == "on"
    }

    private static let harmlessOfDatabase: Set<String> = [
        "timezone", "datestyle", "lc_messages", "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config",
        "statement_timeout", "search_path", "intervalstyle", "bytea_output",
    ]

    /// `ALTER DATABASE … SET …` of formats, times and languages.
    static func isHarmlessDatabaseSetting(_ sql: String) -> Bool {
        let scanned = SQLTokens(sql)
        guard !scanned.isUnclear else { return false }
        return scanned.statements.allSatisfy { tokens in
            guard tokens.begins(with: "alter database"), let set = tokens.firstIndex(of: .word("set")),
                set + 1 < tokens.count, case .word(let name) = tokens[set + 1]
            else { return false }
            return harmlessOfDatabase.contains(name)
        }
    }
}

/// What the text of each kind of entry begins with. An entry that says otherwise hides something.
enum KindForm {
    private static let beginnings: [String: [String]] = [
        "ENCODING": ["set client_encoding"], "STDSTRINGS": ["set standard_conforming_strings"],
        "SEARCHPATH": ["select pg_catalog.set_config"], "TABLE DATA": ["copy"],
        "SEQUENCE": ["create sequence", "alter table", "alter sequence", "create unlogged sequence"],
        "SEQUENCE OWNED BY": ["alter sequence"], "SEQUENCE SET": ["select pg_catalog.setval", "select setval"],
        "CONSTRAINT": ["alter table", "alter index"], "FK CONSTRAINT": ["alter table"],
        "CHECK CONSTRAINT": ["alter table"], "COMMENT": ["comment on"], "TABLE ATTACH": ["alter table"],
        "INDEX ATTACH": ["alter index"], "TABLE": ["create table", "create unlogged table", "alter table"],
        "INDEX": ["create index", "create unique index", "alter table", "alter index"], "DEFAULT": ["alter table"],
        "EXTENSION": ["create extension"], "SCHEMA": ["create schema"], "DATABASE": ["create database"],
        "DATABASE PROPERTIES": ["alter database"], "STATISTICS": ["create statistics", "alter statistics"],
    ]

    /// What pg_dump alters of tables, indexes and sequences beside their own definitions.
    private static let alterations = [
        "add constraint", "set default", "attach partition", "owned by", "owner to", "add generated", "set storage",
        "set statistics", "set compression", "replica identity", "cluster on", "set without cluster",
        "force row level security", "set not null",
    ]

    private static let otherAlterations = [
        "disable", "enable", "no force", "rename", "detach", "drop", "set schema", "set logged", "set unlogged",
        "set tablespace", "no inherit", "set data type",
    ]

    /// Whether a statement alters what a dump never alters, or more than one thing of which one is that.
    static func altersOtherwise(_ statement: [SQLTokens.Token]) -> Bool {
        guard
            ["table", "index", "sequence", "view", "statistics"].contains(where: {
                statement.begins(with: "alter \($0)")
            })
        else { return false }
        let isKnown = alterations.contains { statement.contains(words: $0) } || setsOptions(statement)
        return !isKnown || otherAlterations.contains { statement.contains(words: $0) }
    }

    /// `SET (n_distinct = …)`, of a column or a table.
    private static func setsOptions(_ statement: [SQLTokens.Token]) -> Bool {
        zip(statement, statement.dropFirst()).contains { $0 == .word("set") && $1 == .symbol("(") }
    }

    /// Calls that the entries of these kinds hold, and no other.
    private static let calls: [String: String] = [
        "SEARCHPATH": "set_config", "SEQUENCE SET": "setval",
    ]

    static func hides(_ object: DumpObject) -> Bool {
        let drop = SQLTokens(object.dropStatement).statements
        guard drop.allSatisfy({ $0.begins(with: "drop") || $0.begins(with: "alter") || $0.begins(with: "revoke") })
        else {
            return true
        }
        guard let allowed = beginnings[object.kind] else { return false }
        let scanned = SQLTokens(object.sql)
        if scanned.isUnclear { return true }
        let isWell = scanned.statements.allSatisfy { statement in
            allowed.contains { statement.begins(with: $0) } && !altersOtherwise(statement)
        }
        guard isWell, let call = calls[object.kind] else { return !isWell }
        return scanned.statements.contains { statement in
            statement.indices.dropFirst().contains { index in
                guard statement[index] == .symbol("("), case .word(let name) = statement[index - 1] else {
                    return false
                }
                return name != call && name != "pg_catalog." + call
            } || statement.contains(.word("from"))
        }
    }
}
