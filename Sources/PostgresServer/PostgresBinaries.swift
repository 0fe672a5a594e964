public import Foundation
internal import Glibc

/// The PostgreSQL programs of one installed major version.
public struct PostgresBinaries: Sendable, Hashable {
    /// Holds `initdb`, `postgres`, `pg_ctl`, `pg_dump`, …
    public let directory: String
    public let majorVersion: Int

    public static let supportedVersions = 14...17
    /// Names the folder of the programs, before any other place.
    public static let setting = "DIGITALBANK_PG_BINDIR"

    public func path(of tool: String) -> String { directory + "/" + tool }

    /// The programs to use: those of the setting, else the newest of Debian's layout, else what `pg_config` on PATH names.
    ///
    /// `major` asks for one version, that of a cluster which exists.
    public static func find(
        major: Int? = nil, root: String = "/usr/lib/postgresql",
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(ServerError) -> PostgresBinaries {
        if let asked = environment[setting], !asked.isEmpty { return try inspect(asked) }
        let wanted = major.map { [$0] } ?? supportedVersions.reversed()
        for version in wanted where isComplete("\(root)/\(version)/bin") {
            return PostgresBinaries(directory: "\(root)/\(version)/bin", majorVersion: version)
        }
        if let folder = try configured(environment), isComplete(folder) {
            let found = try inspect(folder)
            if wanted.contains(found.majorVersion) { return found }
        }
        let names = major.map { "PostgreSQL \($0)" } ?? "PostgreSQL 14 to 17"
        throw ServerError(
            code: "postgresql_not_installed", message: "no \(names) below \(root), nor where pg_config on PATH points",
            hint: "Install it with: apt-get install postgresql-\(major ?? 15), or name its folder in \(setting).")
    }

    /// The programs in `folder`, which must be whole and of a version we know.
    static func inspect(_ folder: String) throws(ServerError) -> PostgresBinaries {
        guard isComplete(folder) else {
            throw ServerError(
                code: "postgresql_not_installed", message: "\(folder) lacks initdb, postgres or pg_ctl",
                hint: "Set \(setting) to the folder that holds them, such as /usr/lib/postgresql/15/bin.")
        }
        let words = try output(of: [folder + "/postgres", "--version"])
        guard let version = majorVersion(in: words), supportedVersions.contains(version) else {
            throw ServerError(
                code: "postgresql_version_unsupported", message: "\(folder) holds \(words)",
                hint: "Install PostgreSQL 14, 15, 16 or 17: apt-get install postgresql-15")
        }
        return PostgresBinaries(directory: folder, majorVersion: version)
    }

    /// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` is 15; so are `16beta1` and `17rc1` of their majors.
    static func majorVersion(in words: String) -> Int? {
        guard let marker = words.firstRange(of: "(PostgreSQL) ") else { return nil }
        return Int(words[marker.upperBound...].prefix { $0.isASCII && $0.isNumber })
    }

    private static func isComplete(_ folder: String) -> Bool {
        ["initdb", "postgres", "pg_ctl"].allSatisfy { access(folder + "/" + $0, X_OK) == 0 }
    }

    private static func configured(_ environment: [String: String]) throws(ServerError) -> String? {
        for folder in (environment["PATH"] ?? "").split(separator: ":") {
            let program = String(folder) + "/pg_config"
            if access(program, X_OK) == 0 { return try output(of: [program, "--bindir"]) }
        }
        return nil
    }

    private static func output(of command: [String]) throws(ServerError) -> String {
        let session = try ToolSession(
            command: command, environment: ToolRun.defaultEnvironment, directory: nil, inputFile: nil, outputFile: nil)
        return try session.collect(timeMax: .seconds(30)).outputText.trimmingCharacters(in: .whitespacesAndNewlines)
    }
}
