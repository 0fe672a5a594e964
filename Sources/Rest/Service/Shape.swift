/// What an answer is made as.
struct Format: Hashable, Sendable {
    var shape: BodyShape
    var contentType: String
    /// The plan of the statement instead of its rows, in this format and with these options.
    var plan: Plan?

    struct Plan: Hashable, Sendable {
        let isJSON: Bool
        let options: [String]
    }

    static let json = Format(shape: .array, contentType: "application/json; charset=utf-8")
}

extension RequestContext {
    /// The first accepted type that the rows can be given as.
    func format(of function: Function? = nil) throws(RestError) -> Format {
        for type in accepted where type.quality > 0 {
            if let format = format(type, function) { return format }
        }
        throw RestError(
            "PGRST107", 406,
            "None of these media types are available: \(accepted.map(\.name).joined(separator: ", "))")
    }

    private func plain(_ function: Function?) -> BodyShape {
        guard let function else { return .array }
        if function.result == .void { return .none }
        if function.isScalar { return function.returnsSet ? .scalars : .scalar }
        return function.returnsSet ? .array : .object
    }

    private func format(_ type: AcceptedType, _ function: Function?) -> Format? {
        let isStripped = type.parameters["nulls"] == "stripped"
        switch type.name {
        case "*/*", "application/*", "application/json":
            return Format(shape: plain(function), contentType: Format.json.contentType)
        case "application/vnd.pgrst.object+json", "application/vnd.pgrst.object":
            return Format(
                shape: function?.isScalar == true ? plain(function) : isStripped ? .strippedObject : .object,
                contentType: "application/vnd.pgrst.object+json\(isStripped ? "; nulls=stripped" : ""); charset=utf-8")
        case "application/vnd.pgrst.array+json", "application/vnd.pgrst.array":
            return Format(
                shape: isStripped ? .strippedArray : plain(function),
                contentType: isStripped
                    ? "application/vnd.pgrst.array+json; nulls=stripped; charset=utf-8" : Format.json.contentType)
        case "text/csv": return Format(shape: .csv, contentType: "text/csv; charset=utf-8")
        case "application/geo+json":
            return Format(shape: .geoJSON, contentType: "application/geo+json; charset=utf-8")
        case "application/vnd.pgrst.plan+json", "application/vnd.pgrst.plan+text", "application/vnd.pgrst.plan":
            guard settings.allowsPlans else { return nil }
            let known: Set<String> = ["analyze", "verbose", "settings", "buffers", "wal"]
            let options = (type.parameters["options"] ?? "").split(separator: "|").map { String($0).trimmingSpaces() }
            let isJSON = type.name.hasSuffix("+json")
            return Format(
                shape: plain(function),
                contentType: "application/vnd.pgrst.plan+\(isJSON ? "json" : "text"); charset=utf-8",
                plan: .init(isJSON: isJSON, options: options.filter(known.contains)))
        case "application/octet-stream", "text/plain", "text/xml", "text/html":
            guard let function, case .scalar(let result) = function.result, !function.returnsSet else { return nil }
            let isBinary = result == "bytea"
            guard isBinary == (type.name == "application/octet-stream") else { return nil }
            return Format(
                shape: .raw(isBinary: isBinary), contentType: isBinary ? type.name : "\(type.name); charset=utf-8")
        default: return nil
        }
    }
}
