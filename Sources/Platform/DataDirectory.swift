internal import Diagnostics
internal import Foundation
internal import Recovery

/// What stands where below `--data-dir`.
struct DataDirectory: Sendable {
    let path: String

    init(_ path: String) {
        self.path = path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
    }

    var cluster: String { path + "/bank" }
    var keys: String { path + "/keys" }
    /// The key-encryption key of the vault.
    var vaultKey: String { keys + "/vault.key" }
    /// Root of the blind indexes: stays when the vault key is rotated.
    var indexKey: String { keys + "/index.key" }
    /// Signs journals and reports.
    var evidenceKey: String { keys + "/evidence.pem" }
    var simulation: String { path + "/simulation" }
    var report: String { path + "/report" }
    var backups: String { path + "/backups" }

    var holdsBank: Bool { FileManager.default.fileExists(atPath: cluster + "/data/PG_VERSION") }

    /// Makes the folder of keys, which nobody else may enter.
    func prepare() throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        try FileManager.default.createDirectory(
            atPath: keys, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    }
}
