internal import Diagnostics
internal import Foundation
internal import Salvage

/// The mappings that ship with the product, and which one fits a dump.
public enum MappingLibrary {
    /// The shipped mappings, by name.
    public static func shipped() throws -> [(mapping: Mapping, path: String)] {
        let folder = try ResourceFolder.find(target: "Recovery", name: "Mappings")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".yaml") }
            .sorted()
        return try names.map { (try Mapping.read(path: "\(folder)/\($0)"), "\(folder)/\($0)") }
    }

    /// The mapping asked for, by path or name; without one, the shipped mapping that fits most of the dump's tables.
    public static func choose(asked: String?, dump: String) throws -> (Mapping, String) {
        let shipped = try shipped()
        if let asked {
            if let found = shipped.first(where: { $0.mapping.name == asked }) { return found }
            return (try Mapping.read(path: asked), asked)
        }
        let reader = try DumpReader(path: dump, shapes: shipped.flatMap(\.mapping.shapes))
        var names = Set(reader.inspection.objects.filter { $0.kind == "TABLE" }.map { "\($0.schema).\($0.name)" })
        if names.isEmpty { names = try tablesByTheirRows(reader) }
        let best = shipped.max { fit($0.mapping, names) < fit($1.mapping, names) }
        guard let best, fit(best.mapping, names) > 0 else {
            throw RecoveryError(
                code: "mapping_needed", message: "no shipped mapping fits the tables of \(dump)",
                hint: "Write one for this bank (docs/reference/mapping.md) and give it with --mapping.",
                exitStatus: .badInput)
        }
        return best
    }

    /// Throws when `asked` is neither a shipped mapping's name nor a file that holds one.
    static func check(_ asked: String) throws {
        guard try !shipped().contains(where: { $0.mapping.name == asked }) else { return }
        _ = try Mapping.read(path: asked)
    }

    private static func fit(_ mapping: Mapping, _ tables: Set<String>) -> Int {
        mapping.shapes.count { tables.contains($0.name) }
    }

    /// For a dump without a table of contents: the tables that the reader told by the look of their rows.
    private static func tablesByTheirRows(_ reader: DumpReader) throws -> Set<String> {
        let found = TableNames()
        _ = try reader.read(progress: { _ in }) { event in
            if case .begin(let table, _) = event { found.names.insert(table) }
        }
        return found.names
    }

    private final class TableNames {
        var names: Set<String> = []
    }
}
