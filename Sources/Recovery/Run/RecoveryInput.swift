internal import Foundation
internal import Salvage

/// Checks of what the operator gave, before anything is written.
public enum RecoveryInput {
    /// Refuses a dump that is missing, empty, or a folder that holds none; and one in which nothing of a dump is found.
    public static func check(_ dump: String) throws {
        _ = try DumpPath.files(of: dump)
        try DumpPath.refuseUnlessDump(dump)
    }

    /// The same for all that stands beside the dump: what is small is read whole.
    public static func check(_ options: RecoveryOptions) throws {
        try check(options.dump)
        if let asked = options.mapping { try MappingLibrary.check(asked) }
        if let plan = options.repairPlan { _ = try RepairPlan.read(plan) }
        if let manifest = options.manifest { _ = try DumpManifest.read(manifest) }
        _ = try LegacyColumns(keyFile: options.legacyKeyFile)
        for (path, option) in [(options.baseline, "--baseline"), (options.logs, "--logs")] {
            guard let path, !FileManager.default.fileExists(atPath: path) else { continue }
            throw RecoveryError(
                code: "input_not_found", message: "\(option): there is no file or folder at \(path)",
                hint: "Check the path; nothing was changed.", exitStatus: .badInput)
        }
    }
}
