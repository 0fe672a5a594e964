internal import Cryptography
internal import Web

/// Makes a scenario of its document. What is not known is refused by name.
struct ScenarioReader {
    static let stepsMax = 50

    let name: String

    static func read(_ text: String) throws(AutomationError) -> Scenario {
        var name = "?"
        do throws(TextProblem) {
            let document = try ScenarioDocument.read(text)
            name = document["name"]?.string ?? "?"
            let reader = ScenarioReader(name: name)
            let scenario = try reader.scenario(document, SHA256.hash(Array(text.utf8)).hex)
            try ScenarioCheck.check(scenario)
            return scenario
        } catch {
            throw .scenario(name, error.words)
        }
    }

    private func scenario(_ json: JSON, _ digest: String) throws(TextProblem) -> Scenario {
        try only(json, ["name", "title", "trigger", "when", "gather", "steps"], "a scenario")
        guard name.count <= 63, name.wholeMatch(of: /[a-z0-9][a-z0-9-]*/) != nil else {
            throw TextProblem(words: "a name is lower case letters, digits and hyphens")
        }
        guard let french = json["title"]?["fr"]?.string, let english = json["title"]?["en"]?.string else {
            throw TextProblem(words: "title needs fr and en")
        }
        guard let trigger = json["trigger"] else { throw TextProblem(words: "trigger is missing") }
        return Scenario(
            name: name, french: french, english: english, version: String(digest.prefix(16)),
            trigger: try TriggerReader.read(trigger), when: try condition(json["when"]),
            gather: try json["gather"].map { json throws(TextProblem) in try gather(json) },
            steps: try steps(json["steps"], depth: 0))
    }

    private func gather(_ json: JSON) throws(TextProblem) -> Gather {
        try only(json, ["window", "by", "most"], "gather")
        let seconds = try Self.seconds(json["window"], "gather.window")
        let most = Int(json["most"]?.integer ?? 100)
        guard (1...1000).contains(most), (1...86_400).contains(seconds) else {
            throw TextProblem(words: "gather takes a window of up to 24h and 1 to 1000 events")
        }
        return Gather(
            windowSeconds: seconds, by: try json["by"].map { json throws(TextProblem) in try template(json) },
            most: most)
    }

    private func steps(_ json: JSON?, depth: Int) throws(TextProblem) -> [Step] {
        guard let list = json?.array, !list.isEmpty, list.count <= Self.stepsMax else {
            throw TextProblem(words: "steps is a list of 1 to \(Self.stepsMax)")
        }
        guard depth < 8 else { throw TextProblem(words: "steps are nested too deep") }
        var steps: [Step] = []
        for json in list { steps.append(try step(json, depth: depth)) }
        return steps
    }

    private func step(_ json: JSON, depth: Int) throws(TextProblem) -> Step {
        if let branches = json["route"] {
            try only(json, ["route"], "a router")
            var read: [Step.Branch] = []
            for branch in branches.array ?? [] {
                try only(branch, ["when", "steps"], "a branch")
                read.append(
                    .init(when: try condition(branch["when"]), steps: try steps(branch["steps"], depth: depth + 1)))
            }
            guard !read.isEmpty else { throw TextProblem(words: "a router needs branches") }
            return .route(read)
        }
        if let path = json["each"] {
            try only(json, ["each", "as", "most", "steps"], "each")
            guard let path = path.string.flatMap({ JSONPath($0) }) else {
                throw TextProblem(words: "each names a list")
            }
            let most = Int(json["most"]?.integer ?? 100)
            guard (1...1000).contains(most) else { throw TextProblem(words: "each takes 1 to 1000 items") }
            return .each(
                path, name: json["as"]?.string ?? "item", most: most, try steps(json["steps"], depth: depth + 1))
        }
        return .act(try act(json, depth: depth))
    }

    private func act(_ json: JSON, depth: Int) throws(TextProblem) -> Act {
        try only(json, ["name", "do", "to", "when", "with", "order", "once", "patience", "on_error"], "a step")
        guard let name = json["name"]?.string, name.wholeMatch(of: /[a-z0-9][a-z0-9-]*/) != nil else {
            throw TextProblem(words: "a step needs a name of lower case letters, digits and hyphens")
        }
        guard let action = json["do"]?.string.flatMap(Action.init) else {
            throw TextProblem(
                words: "\(name) does \(json["do"]?.plain ?? "nothing"): one of "
                    + Action.allCases.map(\.rawValue).joined(separator: ", "))
        }
        guard let destination = action.isInner ? "bank" : json["to"]?.string else {
            throw TextProblem(words: "\(name) needs a destination in: to")
        }
        var body: [(name: String, value: Body)] = []
        for member in json["with"]?.members ?? [] { body.append((member.name, try self.body(member.value))) }
        if let missing = action.needed.first(where: { needed in !body.contains { $0.name == needed } }) {
            throw TextProblem(words: "\(name) needs \(missing) in: with")
        }
        let patience = try json["patience"].map { json throws(TextProblem) in try Self.seconds(json, "patience") }
        return Act(
            name: name, action: action, destination: destination, when: try condition(json["when"]), body: body,
            order: try order(json["order"]),
            once: try json["once"].map { json throws(TextProblem) in try template(json) },
            patienceSeconds: min(patience ?? 259_200, 2_592_000),
            onError: json["on_error"] == nil ? [] : try steps(json["on_error"], depth: depth + 1))
    }

    private func order(_ json: JSON?) throws(TextProblem) -> Act.Order {
        switch json?.string {
        case nil, "key": .key
        case "none": .none
        case "destination": .destination
        case let text?: .by(try Template(text))
        }
    }

    private func body(_ json: JSON) throws(TextProblem) -> Body {
        switch json {
        case .string(let text): return text.contains("{{") ? .text(try Template(text)) : .constant(json)
        case .array(let list):
            var bodies: [Body] = []
            for element in list { bodies.append(try body(element)) }
            return .list(bodies)
        case .object(let members):
            var bodies: [Body.Member] = []
            for member in members { bodies.append(.init(name: member.name, value: try body(member.value))) }
            return .object(bodies)
        default: return .constant(json)
        }
    }

    private func condition(_ json: JSON?) throws(TextProblem) -> Condition {
        guard let json, !json.isNull else { return .constant(true) }
        if let value = json.bool { return .constant(value) }
        guard let text = json.string else { throw TextProblem(words: "when is a text") }
        return try ConditionParser.parse(text)
    }

    private func template(_ json: JSON) throws(TextProblem) -> Template {
        guard let text = json.string else { throw TextProblem(words: "a text is missing") }
        return try Template(text)
    }

    private func only(_ json: JSON, _ names: [String], _ what: String) throws(TextProblem) {
        try Self.only(json, names, what)
    }

    static func only(_ json: JSON, _ names: [String], _ what: String) throws(TextProblem) {
        guard let members = json.members else { throw TextProblem(words: "\(what) is not an object") }
        if let other = members.first(where: { !names.contains($0.name) }) {
            throw TextProblem(words: "\(what) has no \(other.name): only \(names.joined(separator: ", "))")
        }
    }

    /// `90s`, `5m`, `2h`, `3d`, or seconds.
    static func seconds(_ json: JSON?, _ what: String) throws(TextProblem) -> Int {
        if let number = json?.integer, number >= 0 { return Int(clamping: number) }
        let units: [Character: Int] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
        guard let text = json?.string, let unit = text.last.flatMap({ units[$0] }), let count = Int(text.dropLast()),
            (0...100_000).contains(count)
        else { throw TextProblem(words: "\(what) is a time such as 90s, 5m, 2h, 3d") }
        return count * unit
    }
}
