internal import Foundation
public import Postgres

/// A PostgreSQL cluster of ours: made by `initdb`, reached through a private Unix socket.
public struct Cluster: Sendable {
    public struct Options: Sendable {
        /// Everything of the cluster goes below it: `data`, `socket`, `log`.
        public var directory: String
        public var superuser = "digitalbank"
        /// Loopback TCP port; nil for a Unix socket only.
        public var port: Int?
        /// False for throw-away clusters: no fsync, minimal WAL.
        public var isDurable = true
        /// Extra lines for `postgresql.conf`.
        public var settings: [String: String] = [:]

        public init(directory: String) { self.directory = directory }
    }

    public let options: Options
    public let binaries: PostgresBinaries
    public let superuserPassword: String

    public var socketDirectory: String { options.directory + "/socket" }
    public var logFile: String { options.directory + "/log/postgresql.log" }

    /// The superuser's connection to `database`.
    public func configuration(database: String = "postgres") -> DatabaseConfiguration {
        DatabaseConfiguration(
            "host=\(socketDirectory) port=\(options.port ?? 5432) user=\(options.superuser) dbname=\(database)",
            password: superuserPassword)
    }
}
