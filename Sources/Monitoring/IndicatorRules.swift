internal import Web

/// What a figure from the database must be like before it is served: others' views are taken as input.
enum IndicatorRules {
    static let labelsMax = 6
    static let labelBytesMax = 100
    private static let reserved: Set<String> = ["le", "quantile", "job", "instance"]

    /// The figure, or nil when its name, a label or its value breaks Prometheus's rules or ours.
    static func reading(name: String, labels: String?, value: Double?, help: String?) -> Reading? {
        guard let value, value.isFinite, isName(name), name.hasPrefix("digitalbank_"), name.utf8.count <= 100,
            let labels = self.labels(labels)
        else { return nil }
        let kind: Reading.Kind = name.hasSuffix("_total") ? .counter : .gauge
        return Reading(name, kind, value, labels: labels, help: help ?? "")
    }

    private static func labels(_ text: String?) -> [Reading.Label]? {
        guard let text else { return [] }
        guard let json = try? JSONReader.read(text) else { return nil }
        if json.isNull { return [] }
        guard let members = json.members, members.count <= labelsMax else { return nil }
        var labels: [Reading.Label] = []
        for member in members.sorted(by: { $0.name < $1.name }) {
            guard isName(member.name), !member.name.hasPrefix("__"), !reserved.contains(member.name) else { return nil }
            switch member.value {
            case .string(let value): labels.append(.init(member.name, cut(value)))
            case .number(let text): labels.append(.init(member.name, text))
            case .bool(let value): labels.append(.init(member.name, value ? "true" : "false"))
            case .null: continue
            case .array, .object: return nil
            }
        }
        return labels
    }

    private static func cut(_ text: String) -> String {
        text.utf8.count <= labelBytesMax ? text : String(text.prefix(labelBytesMax / 4))
    }

    private static func isName(_ text: String) -> Bool {
        guard let first = text.utf8.first, !(48...57).contains(first) else { return false }
        return text.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == UInt8(ascii: "_") }
    }
}
