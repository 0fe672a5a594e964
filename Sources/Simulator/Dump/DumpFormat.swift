internal import Postgres
internal import PostgresServer

/// The forms that `pg_dump` writes and that a simulation offers.
public enum DumpFormat: String, Codable, Sendable, CaseIterable {
    case custom
    case customPlain = "custom-plain"
    case directory
    case tar
    case plain
    case plainGzip = "plain-gzip"

    /// The name of the dump: a folder for `directory`.
    public var fileName: String {
        switch self {
        case .custom, .customPlain: "banque.dump"
        case .directory: "banque.dir"
        case .tar: "banque.tar"
        case .plain: "banque.sql"
        case .plainGzip: "banque.sql.gz"
        }
    }

    var options: [String] {
        switch self {
        case .custom: ["--format=custom", "--compress=6"]
        case .customPlain: ["--format=custom", "--compress=0"]
        case .directory: ["--format=directory", "--compress=6"]
        case .tar: ["--format=tar"]
        case .plain: ["--format=plain"]
        case .plainGzip: ["--format=plain", "--compress=6"]
        }
    }

    /// Dumps a database of `cluster` to `path`.
    func dump(_ database: String, of cluster: Cluster, to path: String) async throws {
        let target = cluster.configuration(database: database)
        let run = try await ToolRun.run(
            cluster.binaries.path(of: "pg_dump"),
            options + ["--no-password", "--file=\(path)", "--dbname=\(target.connectionString)"],
            environment: ["PGPASSWORD": target.password ?? ""])
        try run.checked("pg_dump")
    }
}
