internal import Diagnostics
internal import Salvage

/// What the dump says it holds.
struct Inspected: Codable, Sendable {
    let summary: DumpSummary
    let objects: [DumpObject]
    let damage: [DamageItem]
    /// The file of the mapping that fits.
    let mapping: String
    let mappingName: String
}

extension RecoveryEngine {
    func inspect(_ intake: Intake) throws -> Inspected {
        let (mapping, path) = try MappingLibrary.choose(asked: options.mapping, dump: options.dump)
        let reader = try DumpReader(path: options.dump, shapes: mapping.shapes, manifest: options.manifest)
        let found = reader.inspection
        let summary = DumpSummary(
            path: intake.path, bytes: intake.bytes, sha256: intake.sha256, format: found.format.rawValue,
            compression: found.compression, archiveVersion: found.archiveVersion, serverVersion: found.serverVersion,
            dumpToolVersion: found.dumpToolVersion, databaseName: found.databaseName, createdAt: found.createdAt)
        return Inspected(
            summary: summary, objects: found.objects, damage: found.damage.map(Self.item), mapping: path,
            mappingName: mapping.name)
    }
}
