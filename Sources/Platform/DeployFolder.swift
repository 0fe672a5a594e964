internal import Foundation

/// The folder `deploy` that comes with the program: rules, dashboards, templates.
enum DeployFolder {
    /// Named by `DIGITALBANK_DEPLOY`, beside the program, in `../share/digitalbank` of it, or below the current folder.
    static var path: String? {
        let asked = ProcessInfo.processInfo.environment["DIGITALBANK_DEPLOY"].flatMap { $0.isEmpty ? nil : $0 }
        let folder = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let here = FileManager.default.currentDirectoryPath
        let places: [String?] = [
            asked, folder.appending(path: "deploy").path,
            folder.deletingLastPathComponent().appending(path: "share/digitalbank/deploy").path, here + "/deploy",
        ]
        return places.compactMap { $0 }.first {
            FileManager.default.fileExists(atPath: $0 + "/prometheus/rules")
        }
    }
}
