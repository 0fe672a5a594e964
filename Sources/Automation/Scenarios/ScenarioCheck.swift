internal import Web

/// What a scenario may not be though each part of it can be read: steps of one name, fields that nothing fills.
enum ScenarioCheck {
    static func check(_ scenario: Scenario) throws(TextProblem) {
        var names: Set<String> = []
        for act in scenario.acts {
            guard names.insert(act.name).inserted else { throw TextProblem(words: "two steps are named \(act.name)") }
        }
        let known = fields(of: scenario)
        try check(scenario.when.paths.map { ($0, []) }, known, ["event"], gathered: false)
        try check(scenario.gather?.by?.holes ?? [], known, ["event"], gathered: false)
        try check(
            scenario.steps, known, ["event", "run", "bank"], gathered: scenario.gather != nil)
    }

    /// Nil: the event may have any.
    private static func fields(of scenario: Scenario) -> [String: FieldKind]? {
        switch scenario.trigger {
        case .table(let table), .changes(let table):
            var fields = Dictionary(table.fields.map { ($0.name, $0.kind) }) { first, _ in first }
            fields["old"] = .object
            fields["operation"] = .text
            return fields
        case .schedule: return ["due_at": .time, "day": .text, "day_before": .text, "missed": .integer]
        case .hook(let hook):
            return hook.fields.map { names in Dictionary(names.map { ($0, FieldKind.text) }) { first, _ in first } }
        case .metric:
            return [
                "name": .text, "labels": .object, "value": .decimal, "limit": .decimal, "phase": .text, "since": .time,
            ]
        case .manual: return nil
        }
    }

    private static func check(
        _ steps: [Step], _ known: [String: FieldKind]?, _ roots: Set<String>, gathered: Bool
    ) throws(TextProblem) {
        for step in steps {
            switch step {
            case .act(let act):
                let holes = act.body.flatMap(\.value.holes) + act.when.paths.map { ($0, []) }
                try check(holes, known, roots, gathered: gathered)
                if case .by(let template) = act.order { try check(template.holes, known, roots, gathered: gathered) }
                try check(act.once?.holes ?? [], known, roots, gathered: gathered)
                try check(act.onError, known, roots.union(["error"]), gathered: gathered)
            case .route(let branches):
                for branch in branches {
                    try check(branch.when.paths.map { ($0, []) }, known, roots, gathered: gathered)
                    try check(branch.steps, known, roots, gathered: gathered)
                }
            case .each(let path, let name, _, let steps):
                try check([(path, [])], known, roots, gathered: gathered)
                guard !["event", "run", "bank", "error"].contains(name) else {
                    throw TextProblem(words: "an item can not be called \(name)")
                }
                try check(steps, known, roots.union([name]), gathered: gathered)
            }
        }
    }

    private static func check(
        _ holes: [(path: JSONPath, filters: [Template.Filter])], _ known: [String: FieldKind]?, _ roots: Set<String>,
        gathered: Bool
    ) throws(TextProblem) {
        for (path, filters) in holes {
            guard let root = path.parts.first, roots.contains(root) else {
                throw TextProblem(
                    words: "\(path.text) stands for nothing here: begin with " + roots.sorted().joined(separator: ", "))
            }
            guard root == "event", let known else { continue }
            guard path.parts.count > 1 else { continue }
            if gathered, ["items", "count", "key"].contains(path.parts[1]) { continue }
            guard let kind = known[path.parts[1]] else {
                throw TextProblem(words: "the event has no \(path.parts[1]): name it in the trigger's fields")
            }
            try check(path, kind, filters)
        }
    }

    private static func check(_ path: JSONPath, _ kind: FieldKind, _ filters: [Template.Filter]) throws(TextProblem) {
        guard path.parts.count == 2, let first = filters.first else { return }
        switch first {
        case .money where ![.money, .integer].contains(kind):
            throw TextProblem(words: "\(path.text) is \(kind.rawValue), and money is counted in minor units")
        case .date where kind != .time, .day where kind != .time:
            throw TextProblem(words: "\(path.text) is \(kind.rawValue) and no time")
        default: return
        }
    }
}
