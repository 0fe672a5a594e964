internal import Foundation
public import Salvage
internal import Yams

/// How one bank's own tables become the canonical ones: a YAML file, described in `docs/reference/mapping.md`.
public struct Mapping: Sendable {
    public let name: String
    public let title: BilingualText
    /// The source's tables as they were before any damage, for carving and for typing.
    public let shapes: [TableShape]
    /// By canonical table.
    public let targets: [String: TargetTable]
    /// Source tables that have no canonical place and are kept as they are, in schema `archive`, and why.
    public let archived: [String: BilingualText]
    /// Source tables that are left behind on purpose, and why.
    public let discarded: [String: BilingualText]
    public let timeZone: String
    /// What the reconciliation reads besides the canonical columns: running balances, statements, staff.
    public let evidence: [String: EvidenceTable]

    /// Columns that prove others. Without `from` they stand beside the canonical columns of the table of that name.
    public struct EvidenceTable: Decodable, Sendable {
        public let from: String?
        public let columns: [String: MappedColumn]
    }

    /// One canonical table: where its rows come from, and an SQL expression over the source for each column.
    public struct TargetTable: Decodable, Sendable {
        public let from: String
        public let columns: [String: MappedColumn]
    }

    /// The canonical table whose rows are this source table's, when its `from` begins with it.
    func canonicalTable(of source: String) -> String? {
        targets.filter {
            $0.value.from.split { !($0.isLetter || $0.isNumber || $0 == "_") }.first.map(String.init) == source
        }
        .keys.sorted().first
    }

    private struct File: Decodable {
        let mapping: String
        let title: BilingualText
        let source: String
        let target: [String: TargetTable]
        let archive: [String: BilingualText]?
        let discard: [String: BilingualText]?
        let timeZone: String?
        let evidence: [String: EvidenceTable]?

        private enum CodingKeys: String, CodingKey {
            case mapping, title, source, target, archive, discard, evidence
            case timeZone = "time_zone"
        }
    }

    /// Reads a mapping from YAML; an error names the file and the line.
    public static func read(path: String) throws -> Mapping {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw RecoveryError(
                code: "mapping_not_found", message: "no mapping file at \(path)",
                hint: "List the shipped mappings with: digitalbank recover mappings", exitStatus: .badInput)
        }
        do {
            let file = try YAMLDecoder().decode(File.self, from: String(decoding: data, as: UTF8.self))
            return Mapping(
                name: file.mapping, title: file.title, shapes: try TableShape.parse(sql: file.source),
                targets: file.target, archived: file.archive ?? [:], discarded: file.discard ?? [:],
                timeZone: file.timeZone ?? "UTC", evidence: file.evidence ?? [:])
        } catch {
            throw RecoveryError(
                code: "mapping_unreadable", message: "\(path) is not a mapping: \(error)",
                hint: "See docs/reference/mapping.md for its form.", exitStatus: .badInput)
        }
    }
}
