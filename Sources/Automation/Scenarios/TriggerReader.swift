internal import Web

/// The trigger of a scenario's document.
enum TriggerReader {
    static func read(_ json: JSON) throws(TextProblem) -> Trigger {
        guard let members = json.members, let first = members.first else {
            throw TextProblem(words: "trigger names a table, changes, a schedule, a webhook, a figure or manual")
        }
        if json["table"] != nil { return .table(try table(json, "table", ["insert", "update"])) }
        if json["changes"] != nil { return .changes(try table(json, "changes", ["insert", "update", "delete"])) }
        if json["schedule"] != nil { return try schedule(json) }
        if json["webhook"] != nil { return .hook(try hook(json)) }
        if json["metric"] != nil { return .metric(try metric(json)) }
        if json["manual"] != nil { return .manual }
        throw TextProblem(words: "there is no trigger \(first.name)")
    }

    private static func table(
        _ json: JSON, _ kind: String, _ known: [String]
    ) throws(TextProblem) -> TableTrigger {
        try ScenarioReader.only(json, [kind, "on", "fields", "key"], "a trigger of a table")
        guard let table = json[kind]?.string, table.wholeMatch(of: /[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*/) != nil
        else {
            throw TextProblem(words: "a table is named schema.table")
        }
        let operations = json["on"]?.array?.compactMap(\.string) ?? json["on"]?.string.map { [$0] } ?? ["insert"]
        guard !operations.isEmpty, operations.allSatisfy(known.contains) else {
            throw TextProblem(words: "on takes " + known.joined(separator: ", "))
        }
        var fields: [(name: String, kind: FieldKind)] = []
        for member in json["fields"]?.members ?? [] {
            guard let kind = member.value.string.flatMap(FieldKind.init) else {
                throw TextProblem(words: "the field \(member.name) is of no kind that is known")
            }
            guard member.name.wholeMatch(of: /[a-z_][a-z0-9_]*/) != nil, member.name != "old" else {
                throw TextProblem(words: "\(member.name) is no column")
            }
            fields.append((member.name, kind))
        }
        guard !fields.isEmpty, fields.count <= 40 else { throw TextProblem(words: "a table needs 1 to 40 fields") }
        let key = json["key"]?.string
        if let key, !fields.contains(where: { $0.name == key }) {
            throw TextProblem(words: "the key \(key) is no field")
        }
        return TableTrigger(table: table, operations: operations.sorted(), fields: fields, key: key)
    }

    private static func schedule(_ json: JSON) throws(TextProblem) -> Trigger {
        try ScenarioReader.only(json, ["schedule", "zone", "catch_up"], "a schedule")
        guard let text = json["schedule"]?.string else { throw TextProblem(words: "a schedule is a text") }
        guard let catchUp = CatchUp(rawValue: json["catch_up"]?.string ?? "once") else {
            throw TextProblem(words: "catch_up takes once, all or skip")
        }
        return .schedule(try Schedule(text, zone: json["zone"]?.string ?? "Europe/Paris"), catchUp)
    }

    private static func hook(_ json: JSON) throws(TextProblem) -> HookTrigger {
        try ScenarioReader.only(json, ["webhook", "scheme", "fields"], "a webhook")
        guard let name = json["webhook"]?.string, name.wholeMatch(of: /[a-z0-9][a-z0-9-]{0,62}/) != nil else {
            throw TextProblem(words: "a webhook's name is lower case letters, digits and hyphens")
        }
        guard let scheme = HookScheme(rawValue: json["scheme"]?.string ?? "standard") else {
            throw TextProblem(words: "a scheme is " + HookScheme.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return HookTrigger(name: name, scheme: scheme, fields: json["fields"]?.array?.compactMap(\.string))
    }

    private static func metric(_ json: JSON) throws(TextProblem) -> MetricTrigger {
        try ScenarioReader.only(
            json, ["metric", "labels", "above", "below", "clear", "for", "cooldown", "every", "age"], "a figure")
        guard let name = json["metric"]?.string, name.wholeMatch(of: /[a-z_][a-z0-9_]*/) != nil else {
            throw TextProblem(words: "a figure has the name of an indicator")
        }
        var labels: [String: String] = [:]
        for member in json["labels"]?.members ?? [] { labels[member.name] = member.value.plain }
        let above = json["above"]?.double
        let below = json["below"]?.double
        guard (above == nil) != (below == nil), let limit = above ?? below else {
            throw TextProblem(words: "a figure has either above or below")
        }
        let clear = json["clear"]?.double ?? limit
        guard above == nil ? clear >= limit : clear <= limit else {
            throw TextProblem(words: "clear lies on the calm side of the threshold")
        }
        let every =
            try json["every"].map { json throws(TextProblem) in try ScenarioReader.seconds(json, "every") } ?? 30
        return MetricTrigger(
            name: name, labels: labels, isMoment: json["age"]?.bool ?? false,
            threshold: Threshold(
                limit: limit, clear: clear, isUpper: above != nil,
                forSeconds: try json["for"].map { json throws(TextProblem) in try ScenarioReader.seconds(json, "for") }
                    ?? 0,
                cooldownSeconds: try json["cooldown"].map { json throws(TextProblem) in
                    try ScenarioReader.seconds(json, "cooldown")
                } ?? 3600),
            everySeconds: max(1, every))
    }
}
