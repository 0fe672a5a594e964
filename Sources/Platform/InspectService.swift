internal import Foundation
internal import Recovery
internal import Salvage

/// What a dump holds, for a terminal or a program.
public struct DumpInspection: Sendable {
    let inspection: Inspection
    let mapping: String?
    let tables: [TableSummary]
    let damage: [Damage]

    public var isDamaged: Bool { !damage.isEmpty }

    public func lines() -> [String] {
        var lines = [
            "format       " + inspection.format.rawValue + (inspection.compression.map { ", " + $0 } ?? ""),
            "made by      pg_dump \(inspection.dumpToolVersion ?? "?") of PostgreSQL \(inspection.serverVersion ?? "?")",
            "database     \(inspection.databaseName ?? "?")" + (inspection.createdAt.map { ", " + $0 } ?? ""),
            "mapping      \(mapping ?? "none fits: see docs/reference/mapping.md")", "",
        ]
        lines += RecoverOutcome.table(
            [["table", "proven", "intact", "suspect"]]
                + tables.map { [$0.table, "\($0.proven)", "\($0.intact)", "\($0.suspect + $0.inferred)"] })
        let kinds = Dictionary(grouping: inspection.objects, by: \.kind).mapValues(\.count).sorted { $0.key < $1.key }
        lines += [
            "",
            "definitions  " + (kinds.isEmpty ? "none" : kinds.map { "\($0.value) \($0.key)" }.joined(separator: ", ")),
        ]
        lines.append("damage       " + (damage.isEmpty ? "none found" : "\(damage.count) found"))
        lines += damage.prefix(40).map {
            "  \($0.kind.rawValue) at byte \($0.range.lowerBound)\($0.table.map { " in " + $0 } ?? ""): \($0.explanation)"
        }
        if damage.count > 40 { lines.append("  … and \(damage.count - 40) more") }
        return lines
    }

    public func json() throws -> String {
        struct Table: Encodable {
            let name: String
            let proven, intact, suspect, inferred: Int
        }
        struct Whole: Encodable {
            let format: String
            let compression, archiveVersion, serverVersion, dumpToolVersion, databaseName, createdAt, mapping: String?
            let tables: [Table]
            let objects: [DumpObject]
            let damage: [Damage]
        }
        let whole = Whole(
            format: inspection.format.rawValue, compression: inspection.compression,
            archiveVersion: inspection.archiveVersion, serverVersion: inspection.serverVersion,
            dumpToolVersion: inspection.dumpToolVersion, databaseName: inspection.databaseName,
            createdAt: inspection.createdAt, mapping: mapping,
            tables: tables.map {
                Table(name: $0.table, proven: $0.proven, intact: $0.intact, suspect: $0.suspect, inferred: $0.inferred)
            }, objects: inspection.objects, damage: damage)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(whole), as: UTF8.self)
    }
}

extension RecoverService {
    /// Reads a dump from end to end and writes nothing.
    public static func inspect(dump: String, mapping asked: String?) async throws -> DumpInspection {
        try DumpPathCheck.check(dump)
        let path = absolute(dump)
        let chosen = try? MappingLibrary.choose(asked: asked, dump: path)
        if asked != nil, chosen == nil { _ = try MappingLibrary.choose(asked: asked, dump: path) }
        let reader = try DumpReader(path: path, shapes: chosen?.0.shapes ?? [])
        let report = try reader.read(progress: { _ in }) { _ in }
        return DumpInspection(
            inspection: reader.inspection, mapping: chosen?.0.name, tables: report.tables, damage: report.damage)
    }
}
