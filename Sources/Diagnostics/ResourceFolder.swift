internal import Foundation

/// Finds the files that a target ships beside its code: migrations, mappings, legacy schemas.
///
/// `Bundle.module` ends the process when the folder is missing, and looks at the build machine's absolute path; a copied
/// binary must say what is missing instead.
public enum ResourceFolder {
    /// Overrides every other place: the folder that holds the `digitalbank_<Target>.resources` folders.
    public static let setting = "DIGITALBANK_RESOURCES"

    /// The folder `name` of `target`: below the setting, beside the executable, or in `../share/digitalbank` of it.
    public static func find(target: String, name: String) throws(ResourceError) -> String {
        let asked = ProcessInfo.processInfo.environment[setting].flatMap { $0.isEmpty ? nil : $0 }
        return try find(target: target, name: name, asked: asked, executable: executable)
    }

    static func find(
        target: String, name: String, asked: String?, executable: URL
    ) throws(ResourceError) -> String {
        let beside = executable.deletingLastPathComponent()
        let places =
            asked.map { [URL(filePath: $0)] }
            ?? [beside, beside.deletingLastPathComponent().appending(path: "share/digitalbank")]
        for place in places {
            let folder = place.appending(path: "digitalbank_\(target).resources").appending(path: name)
            var isDirectory: ObjCBool = false
            if FileManager.default.fileExists(atPath: folder.path, isDirectory: &isDirectory), isDirectory.boolValue {
                return folder.path
            }
        }
        throw ResourceError(
            code: "resources_missing",
            message:
                "the folder digitalbank_\(target).resources/\(name) is not in \(places.map(\.path).joined(separator: " or "))",
            hint:
                "Keep the .resources folders beside the digitalbank program, or name their place in DIGITALBANK_RESOURCES."
        )
    }

    private static var executable: URL { URL(filePath: "/proc/self/exe").resolvingSymlinksInPath() }
}

public struct ResourceError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String
}
