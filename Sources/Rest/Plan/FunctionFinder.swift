/// Finds the function that a call's arguments fit.
struct FunctionFinder {
    let snapshot: Snapshot

    /// - Parameters:
    ///   - names: the arguments given.
    ///   - bodyType: the type of a body that is no JSON object of arguments: `text`, `xml`, `bytea`.
    ///   - takesBody: a JSON body may be the one unnamed parameter.
    func find(
        _ name: QualifiedName, names: Set<String>, bodyTypes: Set<String>, isReading: Bool
    ) throws(RestError) -> Function {
        let all = snapshot.functions[name] ?? []
        let fitting = all.filter { Self.fits($0, names) }
        let exact = bodyTypes.isDisjoint(with: ["json", "jsonb"]) && !bodyTypes.isEmpty ? [] : fitting
        if exact.count == 1, let only = exact.first { return only }
        if exact.count > 1 {
            let least = exact.map(\.parameters.count).min() ?? 0
            let best = exact.filter { $0.parameters.count == least }
            if best.count == 1, let only = best.first, names.count == least { return only }
            throw ambiguous(name, exact)
        }
        if !isReading {
            let whole = all.filter { $0.bodyParameter.map { bodyTypes.contains($0.type) } ?? false }
            if whole.count == 1, let only = whole.first { return only }
            if whole.count > 1 { throw ambiguous(name, whole) }
        }
        throw missing(name, names)
    }

    private static func fits(_ function: Function, _ names: Set<String>) -> Bool {
        guard function.parameters.allSatisfy({ !$0.name.isEmpty }) else { return false }
        let known = Set(function.parameters.map(\.name))
        let required = Set(function.parameters.filter(\.isRequired).map(\.name))
        return names.isSubset(of: known) && required.isSubset(of: names)
    }

    private func ambiguous(_ name: QualifiedName, _ functions: [Function]) -> RestError {
        let words = functions.map { function in
            let parameters = function.parameters.map { "\($0.name) => \($0.type)" }.joined(separator: ", ")
            return "\(name.schema).\(name.name)(\(parameters))"
        }
        return RestError(
            "PGRST203", 300,
            "Could not choose the best candidate function between: " + words.joined(separator: ", "),
            hint: "Try renaming the parameters or the function itself in the database so function overloading can be "
                + "resolved")
    }

    private func missing(_ name: QualifiedName, _ names: Set<String>) -> RestError {
        let sorted = names.sorted().joined(separator: ", ")
        let shown = names.isEmpty ? "without parameters" : "(\(sorted))"
        let near = Nearest.name(
            name.name, among: snapshot.functions.keys.filter { $0.schema == name.schema }.map(\.name))
        let described = names.isEmpty ? " without parameters" : "(\(sorted))"
        return RestError(
            "PGRST202", 404,
            "Could not find the function \(name.schema).\(name.name)\(described) in the schema cache",
            details: "Searched for the function \(name.schema).\(name.name) \(shown), but no matches were found in the "
                + "schema cache.",
            hint: near.map { "Perhaps you meant to call the function \(name.schema).\($0)" })
    }
}
