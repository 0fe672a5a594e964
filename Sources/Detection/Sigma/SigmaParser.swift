internal import Foundation
internal import Yams

/// Reads Sigma rules from YAML. What a rule asks that is not known here is an error that names it: half a rule is none.
struct SigmaParser {
    let place: String
    private static let nodesMax = 50_000

    struct Parsed {
        var rules: [SigmaRule] = []
        var correlations: [SigmaCorrelation] = []
    }

    func parse(_ text: String) throws(DetectionError) -> Parsed {
        guard text.utf8.count <= 1 << 20 else { throw .rule(place, "it is over 1 MB") }
        // Aliases can make a small file large.
        guard !text.contains(/(?:^|[\s\[,:])&[A-Za-z][A-Za-z0-9_]*\s/.anchorsMatchLineEndings()) else {
            throw .rule(place, "anchors are not taken")
        }
        let documents: [Node]
        do {
            var sequence = try Yams.compose_all(yaml: text)
            var found: [Node] = []
            while let node = sequence.next() { found.append(node) }
            if let error = sequence.error { throw error }
            documents = found
        } catch {
            throw .rule(place, "\(error)".replacing("\n", with: " "))
        }
        guard !documents.isEmpty else { throw .rule(place, "it holds no rule") }
        var parsed = Parsed()
        for document in documents {
            if document["correlation"] != nil {
                let (correlation, isGenerating) = try correlation(document)
                parsed.correlations.append(correlation)
                guard !isGenerating else { continue }
                for index in parsed.rules.indices
                where correlation.parts.contains(parsed.rules[index].id)
                    || parsed.rules[index].name.map(correlation.parts.contains) ?? false
                {
                    parsed.rules[index].isSilent = true
                }
            } else {
                parsed.rules.append(try rule(document))
            }
        }
        return parsed
    }

    func fail(_ words: String) -> DetectionError { .rule(place, words) }

    func header(_ node: Node) throws(DetectionError) -> (id: String, name: String?, rule: Rule) {
        guard let title = node["title"]?.string else { throw fail("it has no title") }
        let file = (place as NSString).lastPathComponent
        let stem = String(file.prefix { $0 != "." })
        let tags = node["tags"]?.array().compactMap { $0.string?.lowercased() } ?? []
        let technique = tags.first { $0.hasPrefix("attack.t") && $0.dropFirst(8).first?.isNumber == true }
        let tactic = tags.compactMap { tag in
            tag.hasPrefix("attack.") ? Phase(tactic: String(tag.dropFirst(7)).replacing("_", with: "-")) : nil
        }
        let level = node["level"]?.string ?? "medium"
        guard let gravity = Gravity(name: level) else { throw fail("the level \(level) is not one of Sigma's") }
        guard let technique else { throw fail("no tag names a technique of ATT&CK") }
        let kind =
            tags.first { $0.hasPrefix("digitalbank.") }.map { String($0.dropFirst(12)) }
            ?? stem.replacing("-", with: "_")
        let rule = Rule(
            "sigma-" + (node["name"]?.string ?? stem), kind, gravity, tactic.first ?? .execution,
            String(technique.dropFirst(7)).uppercased(), title, advice: node["advice"]?.string ?? "")
        return (node["id"]?.string ?? stem, node["name"]?.string ?? stem, rule)
    }

    private func rule(_ node: Node) throws(DetectionError) -> SigmaRule {
        let (id, name, rule) = try header(node)
        guard let detection = node["detection"]?.mapping else { throw fail("it has no detection") }
        var selections: [String: SigmaRule.Selection] = [:]
        var conditions: [String] = []
        for (key, value) in detection {
            guard let key = key.string else { throw fail("a selection has no name") }
            if key == "condition" {
                conditions = try Self.conditions(value, place)
            } else if key == "timeframe" {
                throw fail("timeframe is not known here: write a correlation with a timespan")
            } else {
                selections[key] = try selection(value)
            }
        }
        guard !conditions.isEmpty else { throw fail("it has no condition") }
        var parsed: [SigmaRule.Condition] = []
        for condition in conditions {
            var parser = SigmaConditionParser(condition, names: selections.keys.sorted(), place: place)
            parsed.append(try parser.parse())
        }
        // Of several conditions any will do.
        return SigmaRule(
            id: id, name: name, rule: rule, sources: try sources(node["logsource"]), selections: selections,
            condition: parsed.count == 1 ? parsed[0] : .or(parsed))
    }

    private static func conditions(_ node: Node, _ place: String) throws(DetectionError) -> [String] {
        if let text = node.string { return [text] }
        let texts = node.array().compactMap(\.string)
        guard let items = node.sequence, texts.count == items.count, texts.count <= 16 else {
            throw .rule(place, "a condition is a text, or a list of at most 16")
        }
        return texts
    }

    /// Which events a log source means.
    private func sources(_ node: Node?) throws(DetectionError) -> Set<UInt8> {
        let category = node?["category"]?.string ?? ""
        let product = node?["product"]?.string ?? ""
        let service = node?["service"]?.string ?? ""
        func set(_ sources: LogEvent.Source...) -> Set<UInt8> { Set(sources.map(\.rawValue)) }
        switch (category, product, service) {
        case ("webserver", _, _), ("proxy", _, _), (_, "apache", _), (_, "nginx", _): return set(.web)
        case (_, "postgresql", _), ("database", _, _), (_, "sql", _): return set(.postgres)
        case ("application", _, _): return set(.application)
        case ("process_creation", "linux", _), (_, "linux", "auditd"): return set(.audit)
        case (_, "linux", "sshd"): return set(.secureShell)
        case (_, "linux", "auth"): return set(.secureShell, .system)
        case (_, "linux", _): return set(.secureShell, .system, .audit)
        case ("", "", ""): return []
        default:
            throw fail(
                "no log here is of the source \([category, product, service].filter { !$0.isEmpty }.joined(separator: "/"))"
            )
        }
    }

    private func selection(_ node: Node) throws(DetectionError) -> SigmaRule.Selection {
        if let mapping = node.mapping { return SigmaRule.Selection(alternatives: [try fields(mapping)]) }
        guard let items = node.sequence else {
            return SigmaRule.Selection(alternatives: [[try fieldTest("|contains", node)]])
        }
        var alternatives: [[SigmaRule.FieldTest]] = []
        for item in items {
            if let mapping = item.mapping {
                alternatives.append(try fields(mapping))
            } else {
                alternatives.append([try fieldTest("|contains", item)])
            }
        }
        return SigmaRule.Selection(alternatives: alternatives)
    }

    private func fields(_ mapping: Node.Mapping) throws(DetectionError) -> [SigmaRule.FieldTest] {
        var tests: [SigmaRule.FieldTest] = []
        for (key, value) in mapping {
            guard let name = key.string else { throw fail("a field has no name") }
            tests.append(try fieldTest(name, value))
        }
        return tests
    }

    private func fieldTest(_ key: String, _ node: Node) throws(DetectionError) -> SigmaRule.FieldTest {
        let parts = key.split(separator: "|", omittingEmptySubsequences: false).map(String.init)
        let modifiers = parts.dropFirst().map { $0.lowercased() }
        let field: SigmaField = parts[0].isEmpty ? .line : SigmaField(name: parts[0])
        var tests: [SigmaTest] = []
        for value in node.sequence.map(Array.init) ?? [node] {
            tests += try SigmaValue.tests(value, Array(modifiers), place)
        }
        guard !tests.isEmpty else { throw fail("the field \(key) has no value") }
        return SigmaRule.FieldTest(field: field, tests: tests, needsAll: modifiers.contains("all"))
    }
}

/// `a and not 1 of filter_*`
struct SigmaConditionParser {
    private var tokens: [String]
    private var index = 0
    private let names: [String]
    private let place: String
    private var depth = 0

    init(_ text: String, names: [String], place: String) {
        tokens = text.replacing("(", with: " ( ").replacing(")", with: " ) ").split(whereSeparator: \.isWhitespace).map(
            String.init)
        self.names = names
        self.place = place
    }

    mutating func parse() throws(DetectionError) -> SigmaRule.Condition {
        let condition = try or()
        guard index == tokens.count else { throw .rule(place, "the condition goes on with \(tokens[index])") }
        return condition
    }

    private var next: String? { index < tokens.count ? tokens[index].lowercased() : nil }

    private mutating func or() throws(DetectionError) -> SigmaRule.Condition {
        depth += 1
        defer { depth -= 1 }
        guard depth < 32 else { throw .rule(place, "the condition is nested too deep") }
        var parts = [try and()]
        while next == "or" {
            index += 1
            parts.append(try and())
        }
        return parts.count == 1 ? parts[0] : .or(parts)
    }

    private mutating func and() throws(DetectionError) -> SigmaRule.Condition {
        var parts = [try not()]
        while next == "and" {
            index += 1
            parts.append(try not())
        }
        return parts.count == 1 ? parts[0] : .and(parts)
    }

    private mutating func not() throws(DetectionError) -> SigmaRule.Condition {
        guard next == "not" else { return try primary() }
        index += 1
        return .not(try primary())
    }

    private mutating func primary() throws(DetectionError) -> SigmaRule.Condition {
        guard let word = next else { throw .rule(place, "the condition ends too early") }
        let original = tokens[index]
        index += 1
        if word == "(" {
            let inner = try or()
            guard next == ")" else { throw .rule(place, "a parenthesis is not closed") }
            index += 1
            return inner
        }
        if next == "of", word == "all" || Int(word) != nil {
            index += 1
            guard let pattern = next else { throw .rule(place, "the condition ends behind of") }
            index += 1
            let chosen = names.filter { name in
                if pattern == "them" { return !name.hasPrefix("_") }
                guard pattern.hasSuffix("*") else { return name.lowercased() == pattern }
                return name.lowercased().hasPrefix(pattern.dropLast())
            }
            guard !chosen.isEmpty else { throw .rule(place, "no selection is called \(pattern)") }
            return .some(chosen, atLeast: word == "all" ? chosen.count : max(1, Int(word) ?? 1))
        }
        guard names.contains(original) else { throw .rule(place, "no selection is called \(original)") }
        return .selection(original)
    }
}
