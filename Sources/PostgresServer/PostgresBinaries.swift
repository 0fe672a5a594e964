internal import Foundation

/// The PostgreSQL programs of one installed major version.
public struct PostgresBinaries: Sendable {
    /// Holds `initdb`, `postgres`, `pg_ctl`, `pg_dump`, …
    public let directory: String
    public let majorVersion: Int

    public static let supportedVersions = 14...17

    public func path(of tool: String) -> String { directory + "/" + tool }

    /// The newest supported version below Debian's `/usr/lib/postgresql`.
    public static func find(root: String = "/usr/lib/postgresql") throws(ServerError) -> PostgresBinaries {
        for version in supportedVersions.reversed() {
            let directory = "\(root)/\(version)/bin"
            if FileManager.default.isExecutableFile(atPath: directory + "/initdb") {
                return PostgresBinaries(directory: directory, majorVersion: version)
            }
        }
        throw ServerError(
            code: "postgresql_not_installed", message: "no PostgreSQL 14 to 17 below \(root)",
            hint: "Install it with: apt-get install postgresql-15")
    }
}
