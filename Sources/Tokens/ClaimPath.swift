public import Web

/// Where in the claims the database role stands: `.role`, `.app_metadata.roles[0]`, `."https://bank.example/role"`.
public struct ClaimPath: Sendable, Hashable {
    private enum Step: Sendable, Hashable {
        case member(String)
        case element(Int)
    }

    private let steps: [Step]

    public static let role = ClaimPath(steps: [.member("role")])

    private init(steps: [Step]) { self.steps = steps }

    /// Nil when the text is no path.
    public init?(_ text: String) {
        var steps: [Step] = []
        var rest = Substring(text)
        while let first = rest.first {
            rest.removeFirst()
            switch first {
            case ".":
                guard let name = Self.takeName(&rest) else { return nil }
                steps.append(.member(name))
            case "[":
                guard let end = rest.firstIndex(of: "]"), let index = Int(rest[..<end]), index >= 0 else { return nil }
                steps.append(.element(index))
                rest = rest[rest.index(after: end)...]
            default: return nil
            }
        }
        guard !steps.isEmpty else { return nil }
        self.steps = steps
    }

    public func value(in claims: JSON) -> JSON? {
        var current = claims
        for step in steps {
            let next: JSON?
            switch step {
            case .member(let name): next = current[name]
            case .element(let index):
                let values = current.array ?? []
                next = values.indices.contains(index) ? values[index] : nil
            }
            guard let next else { return nil }
            current = next
        }
        return current
    }

    private static func takeName(_ rest: inout Substring) -> String? {
        if rest.first == "\"" {
            rest.removeFirst()
            guard let end = rest.firstIndex(of: "\"") else { return nil }
            let name = rest[..<end]
            rest = rest[rest.index(after: end)...]
            return name.isEmpty ? nil : String(name)
        }
        let name = rest.prefix { $0.isLetter || $0.isNumber || "_$@-".contains($0) }
        rest = rest[name.endIndex...]
        return name.isEmpty ? nil : String(name)
    }
}
