internal import Foundation
internal import Salvage

/// Definitions that are known to be clean: of an older dump or of a schema file.
struct Baseline: Sendable {
    private let definitions: Set<String>

    static func read(_ path: String) throws -> Baseline {
        guard FileManager.default.fileExists(atPath: path) else {
            throw RecoveryError(
                code: "baseline_not_found", message: "there is no baseline at \(path)",
                hint: "Give a schema file or an older dump that is known to be clean.", exitStatus: .badInput)
        }
        return Baseline(objects: try DumpReader(path: path).inspection.objects)
    }

    init(objects: [DumpObject]) { definitions = Set(objects.map(\.sql).map(Self.normalised)) }

    func holds(_ object: DumpObject) -> Bool { definitions.contains(Self.normalised(object.sql)) }

    /// White space and letter case outside quotes do not make a difference.
    static func normalised(_ sql: String) -> String {
        var out = ""
        var quote: Character?
        var wasSpace = true
        for character in sql {
            if let open = quote {
                out.append(character)
                if character == open { quote = nil }
            } else if character.isWhitespace {
                if !wasSpace { out.append(" ") }
                wasSpace = true
                continue
            } else {
                if character == "'" || character == "\"" { quote = character }
                out += character.lowercased()
            }
            wasSpace = false
        }
        return out
    }
}
