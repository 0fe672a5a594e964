internal import Web

/// A condition as a filter of Make has it: cases of which one must hold, each of tests that all must hold.
struct MakeFilter: Sendable, Hashable {
    struct Test: Sendable, Hashable {
        let a: String
        var b: String?
        let o: String
    }

    /// One empty case always holds; no case never does.
    let cases: [[Test]]

    static let always = MakeFilter(cases: [[]])
    /// What a person can still read in Make's window.
    static let casesMax = 64

    var isNever: Bool { cases.isEmpty }

    init(cases: [[Test]]) { self.cases = cases.contains([]) ? [[]] : cases }

    init(_ condition: Condition, in scope: MakeWriter.Scope) throws {
        self.init(cases: try Self.cases(condition, holds: true, scope))
        try check(scope)
    }

    func and(_ other: MakeFilter, in scope: MakeWriter.Scope) throws -> MakeFilter {
        let both = MakeFilter(cases: Self.all(cases, other.cases))
        try both.check(scope)
        return both
    }

    private func check(_ scope: MakeWriter.Scope) throws {
        guard cases.count <= Self.casesMax else { throw Self.tooMany(scope) }
    }

    private static func tooMany(_ scope: MakeWriter.Scope) -> AutomationError {
        .scenario(scope.scenario, "a condition has over \(casesMax) cases as a filter of Make")
    }

    /// The module behind this filter.
    func put(on module: JSON) -> JSON {
        guard cases != [[]] else { return module }
        let conditions = cases.map { tests -> JSON in
            .array(
                tests.map { test in
                    var members = [JSON.Member("a", .string(test.a)), JSON.Member("o", .string(test.o))]
                    if let b = test.b { members.insert(JSON.Member("b", .string(b)), at: 1) }
                    return .object(members)
                })
        }
        return module.with("filter", ["name": "condition", "conditions": .array(conditions)])
    }

    private static func all(_ left: [[Test]], _ right: [[Test]]) -> [[Test]] {
        var found: [[Test]] = []
        // Doubles are dropped: conditions of routers repeat each other.
        for a in left {
            for b in right {
                let both = a + b.filter { !a.contains($0) }
                if !found.contains(both) { found.append(both) }
            }
        }
        return found
    }

    private static func cases(
        _ condition: Condition, holds: Bool, _ scope: MakeWriter.Scope
    ) throws -> [[Test]] {
        let found: [[Test]]
        switch condition {
        case .constant(let value): return value == holds ? [[]] : []
        case .not(let inner): return try cases(inner, holds: !holds, scope)
        case .both(let a, let b) where holds, .either(let a, let b) where !holds:
            found = all(try cases(a, holds: holds, scope), try cases(b, holds: holds, scope))
        case .both(let a, let b), .either(let a, let b):
            found = try cases(a, holds: holds, scope) + cases(b, holds: holds, scope)
        case .exists(let path):
            return [[Test(a: hole(path, scope), o: holds ? "exist" : "notexist")]]
        case .compare(let a, let how, let b): return compare(a, how, b, holds: holds, scope)
        case .isOneOf(let a, let list):
            let any = list.map { Condition.compare(a, .equal, $0) }
            let either = any.reduce(.constant(false)) { Condition.either($0, $1) }
            return try cases(either, holds: holds, scope)
        }
        guard found.count <= 16 * casesMax else {
            throw tooMany(scope)
        }
        return found
    }

    private static func compare(
        _ a: Condition.Operand, _ how: Condition.Comparison, _ b: Condition.Operand, holds: Bool,
        _ scope: MakeWriter.Scope
    ) -> [[Test]] {
        if case .value = a, case .path = b { return compare(b, how.turned, a, holds: holds, scope) }
        if case .value(let left) = a, case .value(let right) = b { return how.holds(left, right) == holds ? [[]] : [] }
        guard case .path(let path) = a else { return [] }
        let left = hole(path, scope)
        if case .value(.null) = b {
            let asksForNothing = how == .equal ? holds : how == .unequal ? !holds : nil
            guard let asksForNothing else { return holds ? [] : [[]] }
            return [[Test(a: left, o: asksForNothing ? "notexist" : "exist")]]
        }
        let (kind, right) = side(b, scope)
        func test(_ o: String) -> Test { Test(a: left, b: right, o: "\(kind):\(o)") }
        let ordered = kind == "text" ? "number" : kind
        switch how {
        case .equal: return [[test(holds ? "equal" : "notequal")]]
        case .unequal: return [[test(holds ? "notequal" : "equal")]]
        case .contains: return [[Test(a: left, b: right, o: holds ? "text:contain" : "text:notcontain")]]
        case .less, .lessOrEqual, .greater, .greaterOrEqual:
            let real = holds ? how : how.opposite
            let found = Test(a: left, b: right, o: "\(ordered):\(real.name)")
            // No comparison with nothing holds, so its opposite does.
            return holds ? [[found]] : [[found], [Test(a: left, o: "notexist")]]
        }
    }

    /// Make compares as a kind: the constant's.
    private static func side(_ operand: Condition.Operand, _ scope: MakeWriter.Scope) -> (kind: String, text: String) {
        switch operand {
        case .path(let path): ("text", hole(path, scope))
        case .value(.number(let text)): ("number", text)
        case .value(.bool(let value)): ("boolean", "\(value)")
        case .value(let value): ("text", value.plain)
        }
    }

    private static func hole(_ path: JSONPath, _ scope: MakeWriter.Scope) -> String {
        "{{" + MakeText.path(path, scope) + "}}"
    }
}

extension Condition.Comparison {
    fileprivate var name: String {
        switch self {
        case .equal: "equal"
        case .unequal: "notequal"
        case .less: "less"
        case .lessOrEqual: "lessorequal"
        case .greater: "greater"
        case .greaterOrEqual: "greaterorequal"
        case .contains: "contain"
        }
    }

    fileprivate var opposite: Self {
        switch self {
        case .less: .greaterOrEqual
        case .lessOrEqual: .greater
        case .greater: .lessOrEqual
        case .greaterOrEqual: .less
        default: self
        }
    }

    /// The same with its sides exchanged.
    fileprivate var turned: Self {
        switch self {
        case .less: .greater
        case .lessOrEqual: .greaterOrEqual
        case .greater: .less
        case .greaterOrEqual: .lessOrEqual
        default: self
        }
    }
}

/// Templates in Make's words.
enum MakeText {
    /// `event.old.statut` is `1.data.old.statut`; lists count from one there, and odd names stand in backticks.
    static func path(_ path: JSONPath, _ scope: MakeWriter.Scope) -> String {
        let root = path.parts[0]
        guard let known = scope.roots[root] else { return path.text }
        var text = known
        for part in path.parts.dropFirst() {
            if let index = Int(part) {
                text += "[\(index + 1)]"
            } else {
                let name = root == "error" && part == "reason" ? "message" : part
                text += "." + (name.contains("-") ? "`\(name)`" : name)
            }
        }
        // An item that is no object is the iterator's `value`.
        return path.parts.count == 1 && Int(known) != nil ? text + ".value" : text
    }

    static func mapped(_ body: Body, _ scope: MakeWriter.Scope) -> JSON {
        switch body {
        case .constant(let value): value
        case .list(let list): .array(list.map { mapped($0, scope) })
        case .object(let members): .object(members.map { JSON.Member($0.name, mapped($0.value, scope)) })
        case .text(let template):
            .string(
                template.parts.reduce(into: "") { out, part in
                    switch part {
                    case .text(let text): out += text
                    case .hole(let path, let filters): out += hole(path, filters, scope)
                    }
                })
        }
    }

    /// The body as Make takes it: what stands in holes is Make's and is not escaped as JSON.
    static func raw(_ body: JSON) -> String {
        var out = ""
        var rest = Substring(body.text)
        while let open = rest.firstRange(of: "{{"), let close = rest[open.upperBound...].firstRange(of: "}}") {
            out +=
                rest[..<open.upperBound] + rest[open.upperBound..<close.lowerBound].replacing("\\\"", with: "\"") + "}}"
            rest = rest[close.upperBound...]
        }
        return out + rest
    }

    private static func hole(_ path: JSONPath, _ filters: [Template.Filter], _ scope: MakeWriter.Scope) -> String {
        var value = Self.path(path, scope)
        switch path.text {
        // What is known when the blueprint is written, or nowhere but in the bank.
        case "run.scenario": return scope.scenario
        case "run.title": return scope.title
        case "error.step": return scope.failed
        case _ where path.parts[0] == "bank": return "[" + path.text + "]"
        case "run.id": return scope.run
        case "run.at": value = "1.timestamp"
        case "run.hour": value = "formatDate(1.timestamp; \"YYYY-MM-DDTHH\"; \"UTC\")"
        case "run.day": value = "formatDate(1.timestamp; \"YYYY-MM-DD\"; \"UTC\")"
        default: break
        }
        // Texts are put together by standing beside each other.
        let suffix =
            switch filters.last {
            case .money: " €"
            case .mask: "***"
            default: ""
            }
        return "{{" + filters.reduce(value) { call($1, of: $0) } + "}}" + suffix
    }

    private static func call(_ filter: Template.Filter, of value: String) -> String {
        switch filter {
        case .money: "formatNumber(\(value) / 100; 2; \",\"; \" \")"
        case .date: "formatDate(\(value); \"DD/MM/YYYY HH:mm:ss\"; \"Europe/Paris\")"
        case .day: "formatDate(\(value); \"DD/MM/YYYY\"; \"Europe/Paris\")"
        case .upper: "upper(\(value))"
        case .lower: "lower(\(value))"
        case .json: "toString(\(value))"
        case .count: "length(\(value))"
        case .mask: "substring(\(value); 0; 1)"
        case .fallback(let text): "ifempty(\(value); \"\(text.replacing("\"", with: "'"))\")"
        case .round(let digits): "formatNumber(\(value); \(digits); \",\"; \"\")"
        }
    }
}
