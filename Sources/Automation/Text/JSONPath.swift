internal import Web

/// Where a value stands in an event: `event.old.statut`, `item.labels.severity`.
struct JSONPath: Sendable, Hashable {
    let parts: [String]

    var text: String { parts.joined(separator: ".") }

    /// Nil when a part is empty or holds what no name has.
    init?(_ text: some StringProtocol) {
        let parts = String(text).split(separator: "." as Character, omittingEmptySubsequences: false).map(String.init)
        guard !parts.isEmpty, parts.count <= 12, parts.allSatisfy(Self.isName) else { return nil }
        self.parts = parts
    }

    private static func isName(_ text: String) -> Bool {
        !text.isEmpty && text.count <= 64
            && text.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 95
                    || byte == 45
            }
    }

    /// A number names an element of a list.
    func value(in root: JSON) -> JSON? {
        var value = root
        for part in parts {
            if let list = value.array {
                guard let index = Int(part), list.indices.contains(index) else { return nil }
                value = list[index]
            } else {
                guard let next = value[part] else { return nil }
                value = next
            }
        }
        return value
    }
}

extension JSON {
    /// The value as a person reads it in a line of text.
    var plain: String {
        switch self {
        case .null: ""
        case .bool(let value): value ? "true" : "false"
        case .number(let text): text
        case .string(let text): text
        case .array, .object: text
        }
    }

    /// A number, or text that spells one.
    var double: Double? {
        switch self {
        case .number(let text): Double(text)
        case .string(let text): Double(text)
        default: nil
        }
    }

    /// The object with one member more, or another value for it.
    func with(_ name: String, _ value: JSON) -> JSON {
        let others = (members ?? []).filter { $0.name != name }
        return .object(others + [Member(name, value)])
    }
}
