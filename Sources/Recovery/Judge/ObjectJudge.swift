internal import Salvage

/// Judges the definitions of a dump. Pure: text in, findings out. The rules are listed in
/// `docs/reference/judgement-rules.md`.
struct ObjectJudge {
    private let objects: [DumpObject]
    private let baseline: Baseline?
    /// Tables that the mapping knows, as `public.clients`.
    private let tables: Set<String>
    /// Names of the dump's functions that can only read and compute.
    private let innocentFunctions: Set<String>
    /// Tables that code of unknown origin writes to.
    private let written: Set<String>
    /// Who owns nearly all tables; nil when nobody does.
    private let owner: String?

    static func findings(
        on objects: [DumpObject], baseline: Baseline?, tables: Set<String> = []
    ) -> [ObjectFinding] {
        let judge = ObjectJudge(objects, baseline, tables)
        return objects.flatMap(judge.findings)
    }

    private init(_ objects: [DumpObject], _ baseline: Baseline?, _ tables: Set<String>) {
        self.objects = objects
        self.baseline = baseline
        self.tables = tables
        var innocent: Set<String> = []
        var guilty: Set<String> = []
        var written: Set<String> = []
        for object in objects where object.kind == "FUNCTION" || object.kind == "PROCEDURE" {
            guard !AccessJudge.onlySetsOwner(object.sql), let name = Self.functionName(object.sql) else { continue }
            if baseline?.holds(object) == true || CodeJudge.isInnocentFunction(object.sql) {
                innocent.insert(name)
            } else {
                guilty.insert(name)
                for tokens in CodeJudge.allWords(of: object.sql) { written.formUnion(Self.tablesWritten(tokens)) }
            }
        }
        innocentFunctions = innocent.subtracting(guilty)
        self.written = written
        var owners: [String: Int] = [:]
        for object in objects where object.kind == "TABLE" && !object.owner.isEmpty {
            owners[object.owner, default: 0] += 1
        }
        let most = owners.max { ($0.value, $1.key) < ($1.value, $0.key) }
        owner = most.flatMap { $0.value * 5 >= owners.values.reduce(0, +) * 4 ? $0.key : nil }
    }

    private static func functionName(_ sql: String) -> String? {
        let words = SQLTokens(String(sql.prefix(4000))).words
        return words.firstIndex(where: { $0 == "function" || $0 == "procedure" })
            .flatMap { $0 + 1 < words.count ? words[$0 + 1] : nil }
    }

    private static func tablesWritten(_ tokens: [SQLTokens.Token]) -> [String] {
        tokens.indices.dropLast().compactMap { index in
            guard case .word(let verb) = tokens[index], verb == "into" || verb == "update",
                case .word(let name) = tokens[index + 1]
            else { return nil }
            return name.contains(".") ? name : "public." + name
        }
    }

    private func findings(on object: DumpObject) -> [ObjectFinding] {
        var rules: [JudgementRule] = []
        if !object.copyStatement.isEmpty, !Self.isPlainCopy(object.copyStatement) { rules.append(.copyNotFromStdin) }
        if object.name.contains(where: \.isNewline) || object.schema.contains(where: \.isNewline) {
            rules.append(.nameWithNewline)
        }
        if object.kind != "META-COMMAND",
            [object.sql, object.copyStatement, object.dropStatement].contains(where: { SQLTokens($0).holdsMetaCommand })
        {
            rules.append(.metaCommand)
        }
        if baseline?.holds(object) != true, !AccessJudge.onlySetsOwner(object.sql) {
            if KindForm.hides(object) { rules.append(.hiddenStatement) }
            rules += kindRules(object)
            if baseline?.knowsName(of: object) == true { rules.append(.changedSinceBaseline) }
            if JudgementRule.reachesOutside(object.sql) || JudgementRule.reachesOutside(object.dropStatement) {
                rules.append(.reachesOutside)
            }
        }
        var seen: Set<String> = []
        return rules.filter { seen.insert($0.id).inserted }.map { Self.finding($0, object) }
    }

    private func kindRules(_ object: DumpObject) -> [JudgementRule] {
        let sql = object.sql
        switch object.kind {
        case "ENCODING": return AccessJudge.isPlainSetting(sql, "client_encoding") ? [] : [.dangerousSetting]
        case "STDSTRINGS":
            return AccessJudge.isPlainSetting(sql, "standard_conforming_strings") ? [] : [.dangerousSetting]
        case "SEARCHPATH", "TABLE DATA", "SEQUENCE", "SEQUENCE OWNED BY", "SEQUENCE SET",
            "FK CONSTRAINT", "COMMENT", "TABLE ATTACH", "INDEX ATTACH", "DATABASE":
            return []
        case "TABLE": return tableRules(object)
        case "CONSTRAINT", "CHECK CONSTRAINT":
            return CodeJudge.callsUnknownFunction(sql) ? [.constraintCallsFunction] : []
        case "INDEX", "STATISTICS": return CodeJudge.callsUnknownFunction(sql) ? [.indexCallsFunction] : []
        case "DEFAULT": return CodeJudge.callsUnknownFunction(sql) ? [.defaultCallsFunction] : []
        case "SCHEMA": return object.name == "public" ? [] : [.unknownSchema]
        case "DATABASE PROPERTIES": return AccessJudge.isHarmlessDatabaseSetting(sql) ? [] : [.dangerousSetting]
        case "EXTENSION":
            return ["pgcrypto", "plpgsql", "uuid-ossp", "citext", "pg_trgm"].contains(object.name)
                ? [] : [.extensionUnknown]
        case "ACL", "DEFAULT ACL": return AccessJudge.rules(on: sql, owner: object.owner)
        case "SET": return AccessJudge.isHarmlessSetting(sql) ? [] : [.dangerousSetting]
        case "META-COMMAND":
            return Self.isRestrict(sql) ? [] : [.metaCommand]
        case "ALTER": return alterRules(sql)
        case "FUNCTION": return CodeJudge.isInnocentFunction(sql) ? [] : [.function]
        case "TRIGGER": return isInnocentTrigger(sql) ? [] : [.trigger]
        case "VIEW":
            if CodeJudge.showsSecrets(sql) { return [.viewShowsSecrets] }
            return CodeJudge.isInnocentView(sql) ? [] : [.view]
        case "TYPE", "DOMAIN": return isInnocentType(sql) ? [] : [.domain]
        default: return [JudgementRule.byKind[object.kind] ?? .undecidable]
        }
    }

    /// `\restrict KEY` or `\unrestrict KEY`, as pg_dump writes it, and nothing behind the key.
    private static func isRestrict(_ line: String) -> Bool {
        guard let prefix = ["\\restrict ", "\\unrestrict "].first(where: { line.hasPrefix($0) }) else { return false }
        let key = line.utf8.dropFirst(prefix.utf8.count)
        return !key.isEmpty && key.allSatisfy { (48...57).contains($0) || (97...122).contains($0 | 32) }
    }

    private func tableRules(_ object: DumpObject) -> [JudgementRule] {
        let tokens = SQLTokens(object.sql).tokens
        var rules: [JudgementRule] = []
        let isGenerated = tokens.indices.contains { index in
            index + 2 < tokens.count && tokens[index] == .word("always") && tokens[index + 1] == .word("as")
                && tokens[index + 2] == .symbol("(")
        }
        if isGenerated { rules.append(.generatedColumn) }
        if CodeJudge.callsUnknownFunction(object.sql) {
            rules.append(tokens.contains(.word("check")) ? .constraintCallsFunction : .defaultCallsFunction)
        }
        if tokens.contains(.word("inherits")) { rules.append(.inheritance) }
        let name = Self.name(ofTable: object)
        if !object.name.isEmpty, name != Self.label(object) { rules.append(.hiddenStatement) }
        if !tables.contains(name) {
            if written.contains(name) { rules.append(.lootTable) }
            if let baseline, !baseline.knowsTable(object) { rules.append(.unknownTable) }
            if let owner, !object.owner.isEmpty, object.owner != owner { rules.append(.foreignOwner) }
        }
        return rules
    }

    private static func label(_ object: DumpObject) -> String {
        TableName.joined(object.schema.isEmpty ? "public" : object.schema, object.name)
    }

    /// As its own statement has it: a label or a comment may say anything.
    private static func name(ofTable object: DumpObject) -> String {
        TableName.created(by: object.sql) ?? label(object)
    }

    /// A plain dump gives owners, defaults and keys by ALTER.
    private func alterRules(_ sql: String) -> [JudgementRule] {
        let tokens = SQLTokens(sql).tokens
        if tokens.begins(with: "alter sequence"), tokens.contains(words: "owned by") { return [] }
        if tokens.begins(with: "alter table"),
            !KindForm.altersOtherwise(tokens),
            tokens.contains(words: "primary key") || tokens.contains(words: "foreign key")
                || tokens.contains(words: "set default") || tokens.contains(.word("unique")),
            !CodeJudge.callsUnknownFunction(sql)
        {
            return []
        }
        return [.undecidable]
    }

    private func isInnocentTrigger(_ sql: String) -> Bool {
        let scanned = SQLTokens(sql)
        guard !scanned.isUnclear, scanned.statements.count == 1,
            let function = CodeJudge.functionCalled(byTrigger: sql), !scanned.words.contains("when")
        else { return false }
        return innocentFunctions.contains(function)
    }

    /// A list of labels, a record of columns, or a domain whose check calls nothing.
    private func isInnocentType(_ sql: String) -> Bool {
        let scanned = SQLTokens(sql)
        guard !scanned.isUnclear, scanned.statements.count == 1 else { return false }
        if scanned.tokens.begins(with: "create domain") { return !CodeJudge.callsUnknownFunction(scanned.tokens) }
        guard scanned.tokens.begins(with: "create type"), let sign = scanned.words.firstIndex(of: "as") else {
            return false
        }
        return sign == 3 && !scanned.words.contains("range") && !scanned.words.contains("input")
    }

    /// `COPY table (columns) FROM stdin;` and nothing else.
    static func isPlainCopy(_ statement: String) -> Bool {
        let scanned = SQLTokens(statement)
        let tokens = scanned.tokens.filter { $0 != .symbol(";") }
        guard !scanned.isUnclear, scanned.statements.count == 1, tokens.count >= 4, tokens.first == .word("copy"),
            case .word = tokens[1], tokens.suffix(2) == [.word("from"), .word("stdin")]
        else { return false }
        let middle = tokens[2..<(tokens.count - 2)]
        guard !middle.isEmpty else { return true }
        guard middle.first == .symbol("("), middle.last == .symbol(")") else { return false }
        return middle.dropFirst().dropLast().allSatisfy { token in
            if case .word = token { true } else { token == .symbol(",") }
        }
    }

    private static func finding(_ rule: JudgementRule, _ object: DumpObject) -> ObjectFinding {
        var name = object.schema.isEmpty ? object.name : "\(object.schema).\(object.name)"
        if object.kind == "TABLE", let created = TableName.created(by: object.sql) { name = created }
        let text = [object.sql, object.copyStatement, object.dropStatement].filter { !$0.isEmpty }.joined(
            separator: "\n")
        return ObjectFinding(
            rule: rule.id, severity: rule.severity, kind: object.kind, name: name,
            decision: rule.id == JudgementRule.undecidable.id ? "refused" : "left-behind", reason: rule.reason,
            location: object.location, text: String(text.prefix(4000)))
    }
}
