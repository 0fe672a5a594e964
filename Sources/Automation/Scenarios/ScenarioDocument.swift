internal import Web
internal import Yams

/// YAML as JSON values: anchors and tags of other types are refused with what Yams says.
enum ScenarioDocument {
    static let bytesMax = 100_000

    static func read(_ text: String) throws(TextProblem) -> JSON {
        guard text.utf8.count <= bytesMax else { throw TextProblem(words: "a document of over \(bytesMax) bytes") }
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch {
            throw TextProblem(words: "no YAML: \(error)")
        }
        guard let node else { throw TextProblem(words: "an empty document") }
        return try value(node, depth: 0)
    }

    private static func value(_ node: Node, depth: Int) throws(TextProblem) -> JSON {
        guard depth < 32 else { throw TextProblem(words: "nesting deeper than 32") }
        switch node {
        case .scalar(let scalar): return plain(node, scalar)
        case .sequence(let sequence):
            var list: [JSON] = []
            for element in sequence { list.append(try value(element, depth: depth + 1)) }
            return .array(list)
        case .mapping(let mapping):
            var members: [JSON.Member] = []
            for (name, inner) in mapping {
                guard let name = name.scalar?.string else { throw TextProblem(words: "a member without a name") }
                // YAML 1.1 reads `on` as true; here it is a name like any other.
                guard !members.contains(where: { $0.name == name }) else {
                    throw TextProblem(words: "\(name) stands twice")
                }
                members.append(JSON.Member(name, try value(inner, depth: depth + 1)))
            }
            return .object(members)
        case .alias: throw TextProblem(words: "aliases are not taken")
        }
    }

    private static func plain(_ node: Node, _ scalar: Node.Scalar) -> JSON {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        switch scalar.string {
        case "", "~", "null": return .null
        case "true": return true
        case "false": return false
        default: break
        }
        if let number = try? JSONReader.read(scalar.string), number.double != nil, case .number = number {
            return number
        }
        return .string(scalar.string)
    }
}
