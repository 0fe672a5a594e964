/// What the catalogue says about who may see what: the facts that `RowSecurityRules` judges.
struct RowSecurityFacts: Sendable {
    struct Table: Sendable {
        let id: Int64
        let schema: String
        let name: String
        let kind: Relation.Kind
        let isPartition: Bool
        /// Row level security is on, or the view asks with its caller's rights.
        let isGuarded: Bool
        /// Roles of the API with any privilege on it.
        let roles: [String]
        /// Numbers of its columns, by name.
        let columns: [Int64: String]
        /// Columns that an index begins with.
        let indexed: Set<Int64>
    }

    struct Policy: Sendable {
        let name: String
        let table: Int64
        /// `r` select, `a` insert, `w` update, `d` delete, `*` all.
        let verb: String
        let isPermissive: Bool
        /// Empty: everybody.
        let roles: [String]
        let using: String?
        let check: String?
        let trees: [NodeTree]
    }

    struct Routine: Sendable {
        let id: Int64
        /// With its argument types, as SQL names it.
        let signature: String
        let schema: String
        let name: String
        /// `i`, `s` or `v`.
        let volatility: String
        let isDefiner: Bool
        let pinsPath: Bool
        /// Roles of the API that may call it.
        let roles: [String]
    }

    var tables: [Table] = []
    var policies: [Policy] = []
    var routines: [Routine] = []
}

/// The rules of `digitalbank lint rls`: facts in, findings out.
struct RowSecurityRules {
    let facts: RowSecurityFacts
    private let tables: [Int64: RowSecurityFacts.Table]
    private let routines: [Int64: RowSecurityFacts.Routine]

    init(_ facts: RowSecurityFacts) {
        self.facts = facts
        tables = Dictionary(facts.tables.map { ($0.id, $0) }) { first, _ in first }
        routines = Dictionary(facts.routines.map { ($0.id, $0) }) { first, _ in first }
    }

    var findings: [LintFinding] {
        facts.tables.flatMap(unguarded) + facts.policies.flatMap(judge) + several()
            + facts.routines.compactMap(definer)
    }

    private static func name(_ schema: String, _ name: String) -> String {
        SQLText.quoted(schema) + "." + SQLText.quoted(name)
    }

    private static func name(_ table: RowSecurityFacts.Table) -> String { name(table.schema, table.name) }

    // MARK: Tables and views

    private func unguarded(_ table: RowSecurityFacts.Table) -> [LintFinding] {
        guard !table.isGuarded, !table.isPartition || !table.roles.isEmpty else { return [] }
        let name = Self.name(table)
        let who = table.roles.isEmpty ? "" : "; \(table.roles.joined(separator: ", ")) may touch it"
        switch table.kind {
        case .table, .partitioned:
            return [
                LintFinding(
                    .unguardedTable, name, "row level security is off: whoever has a privilege sees every row\(who)",
                    repair: "alter table \(name) enable row level security;")
            ]
        case .view:
            return [
                LintFinding(
                    .unguardedView, name, "the view reads with its owner's rights, past every policy\(who)",
                    repair: "alter view \(name) set (security_invoker = true);")
            ]
        case .materialized, .foreign:
            guard !table.roles.isEmpty else { return [] }
            return [
                LintFinding(
                    .unguardedTable, name, "no policy can hold for a relation of this kind\(who)",
                    repair: "revoke all on \(name) from \(table.roles.joined(separator: ", "));")
            ]
        }
    }

    // MARK: Policies

    private func judge(_ policy: RowSecurityFacts.Policy) -> [LintFinding] {
        guard let table = tables[policy.table] else { return [] }
        let object = "\(SQLText.quoted(policy.name)) on \(Self.name(table))"
        var found: [LintFinding] = []
        if policy.roles.isEmpty {
            found.append(
                LintFinding(
                    .policyWithoutRole, object,
                    "without TO it is evaluated for every role, also for those it is not for",
                    repair: "alter policy \(object) to authenticated;"))
        }
        let isForAnyone = policy.roles.isEmpty || policy.roles.contains("anon")
        if policy.isPermissive, isForAnyone, policy.using == "true" || policy.check == "true" {
            let word = policy.using == "true" ? "using (true)" : "with check (true)"
            found.append(
                LintFinding(
                    .openToAnyone, object, "\(word) lets those who bring no token through",
                    repair: "alter policy \(object) to authenticated;"))
        }
        let expressions = policy.trees.map(PolicyExpression.init)
        found += functions(policy, object, expressions)
        found += columns(table, policy, expressions)
        return found
    }

    private func functions(
        _ policy: RowSecurityFacts.Policy, _ object: String, _ expressions: [PolicyExpression]
    ) -> [LintFinding] {
        let bare = expressions.reduce(into: Set()) { $0.formUnion($1.bareFunctions) }.compactMap { routines[$0] }
            .filter { $0.volatility != "i" && ($0.schema != "pg_catalog" || $0.name == "current_setting") }
        let volatile = expressions.reduce(into: Set()) { $0.formUnion($1.rowFunctions) }.compactMap { routines[$0] }
            .filter { $0.volatility == "v" }
        let all = bare + volatile.filter { routine in !bare.contains { $0.id == routine.id } }
        return all.sorted { $0.signature < $1.signature }.map { routine in
            LintFinding(
                .functionPerRow, object, "\(routine.signature) is called for each row instead of once",
                repair: Self.wrapped(policy, object, routine))
        }
    }

    /// The policy's words with the call inside of a subselect, where it can be told by its text.
    private static func wrapped(
        _ policy: RowSecurityFacts.Policy, _ object: String, _ routine: RowSecurityFacts.Routine
    ) -> String {
        guard routine.volatility != "v" else {
            return "alter function \(routine.signature) stable; -- if it changes nothing, then wrap it: (select …)"
        }
        let calls = ["\(routine.schema).\(routine.name)", routine.name]
        func wrap(_ text: String) -> String {
            for call in calls {
                guard let start = text.firstRange(of: call + "(") else { continue }
                var depth = 0
                var end = start.upperBound
                for index in text.indices[text.index(before: start.upperBound)...] {
                    if text[index] == "(" { depth += 1 }
                    if text[index] == ")" { depth -= 1 }
                    if depth == 0 {
                        end = text.index(after: index)
                        break
                    }
                }
                return text[..<start.lowerBound] + "(select " + text[start.lowerBound..<end] + ")" + text[end...]
            }
            return text
        }
        var words = "alter policy \(object)"
        if let using = policy.using { words += " using (\(wrap(using)))" }
        if let check = policy.check { words += " with check (\(wrap(check)))" }
        return words + ";"
    }

    private func columns(
        _ table: RowSecurityFacts.Table, _ policy: RowSecurityFacts.Policy, _ expressions: [PolicyExpression]
    ) -> [LintFinding] {
        // A check looks at one new row; only what chooses among many needs an index.
        guard policy.using != nil, let expression = expressions.first, table.kind != .view else { return [] }
        return expression.comparedColumns.sorted().compactMap { number in
            guard !table.indexed.contains(number), let column = table.columns[number] else { return nil }
            return LintFinding(
                .columnWithoutIndex, "\(Self.name(table)).\(SQLText.quoted(column))",
                "the policy \(SQLText.quoted(policy.name)) compares it, and no index begins with it",
                repair: "create index on \(Self.name(table)) (\(SQLText.quoted(column)));")
        }
    }

    private func several() -> [LintFinding] {
        struct Key: Hashable {
            let table: Int64
            let role: String
            let verb: String
        }
        var known: [Key: [RowSecurityFacts.Policy]] = [:]
        for policy in facts.policies where policy.isPermissive {
            let verbs = policy.verb == "*" ? ["r", "a", "w", "d"] : [policy.verb]
            for role in policy.roles.isEmpty ? ["public"] : policy.roles {
                for verb in verbs {
                    known[Key(table: policy.table, role: role, verb: verb), default: []].append(policy)
                }
            }
        }
        let names = ["r": "select", "a": "insert", "w": "update", "d": "delete"]
        return known.filter { $0.value.count > 1 }
            .sorted { ($0.key.table, $0.key.role, $0.key.verb) < ($1.key.table, $1.key.role, $1.key.verb) }
            .compactMap { key, policies in
                guard let table = tables[key.table] else { return nil }
                let name = Self.name(table)
                let sorted = policies.sorted { $0.name < $1.name }
                let words = sorted.map { SQLText.quoted($0.name) }
                let using = sorted.compactMap { $0.verb == "a" ? $0.check : $0.using }.map { "(\($0))" }
                let clause = key.verb == "a" ? "with check" : "using"
                let drops = words.map { "drop policy \($0) on \(name);" }.joined(separator: " ")
                let made = SQLText.quoted("\(table.name)_\(names[key.verb] ?? "all")")
                return LintFinding(
                    .severalPolicies, name,
                    "\(words.joined(separator: " and ")) both hold for \(names[key.verb] ?? "all") by \(key.role): "
                        + "each is evaluated, and what either lets through is seen",
                    repair: "\(drops) create policy \(made) on \(name) for \(names[key.verb] ?? "all") to "
                        + "\(key.role) \(clause) (\(using.joined(separator: " or ")));")
            }
    }

    // MARK: Functions

    private func definer(_ routine: RowSecurityFacts.Routine) -> LintFinding? {
        guard routine.isDefiner, !routine.pinsPath, !routine.roles.isEmpty else { return nil }
        return LintFinding(
            .definerWithoutPath, routine.signature,
            "it runs with its owner's rights and takes names from the caller's search path; "
                + "\(routine.roles.joined(separator: ", ")) may call it",
            repair: "alter function \(routine.signature) set search_path = '';")
    }
}
