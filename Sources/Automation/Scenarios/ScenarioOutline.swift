internal import Web

/// A scenario's document as lines to read: what it does, for whom, under which condition.
///
/// Each line is `{depth, kind, name, do, to, when}`; `kind` is `act`, `branch`, `each` or `error`, and what a line does not
/// have is not in it.
enum ScenarioOutline {
    /// - Parameter document: one that `ScenarioReader` takes.
    static func lines(_ document: JSON) -> [JSON] { steps(document["steps"], depth: 0) }

    private static func steps(_ json: JSON?, depth: Int) -> [JSON] {
        (json?.array ?? []).flatMap { step($0, depth: depth) }
    }

    private static func step(_ json: JSON, depth: Int) -> [JSON] {
        if let branches = json["route"]?.array {
            return branches.flatMap { branch in
                [line("branch", depth, branch, ["when"])] + steps(branch["steps"], depth: depth + 1)
            }
        }
        if json["each"] != nil {
            return [line("each", depth, json, ["each", "as"])] + steps(json["steps"], depth: depth + 1)
        }
        let act = line("act", depth, json, ["name", "do", "to", "when"])
        guard json["on_error"] != nil else { return [act] }
        return [act, line("error", depth + 1, json, [])] + steps(json["on_error"], depth: depth + 2)
    }

    private static func line(_ kind: String, _ depth: Int, _ json: JSON, _ names: [String]) -> JSON {
        var members = [JSON.Member("kind", .string(kind)), JSON.Member("depth", .integer(depth))]
        for name in names {
            guard let value = json[name], !value.isNull else { continue }
            // A branch for all the rest has the condition true.
            guard !(kind == "branch" && value == true) else { continue }
            members.append(JSON.Member(name, .string(value.plain)))
        }
        return .object(members)
    }
}
