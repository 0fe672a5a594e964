internal import Foundation
internal import Glibc
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
        /// True for the restored bank, which stays up when our process ends; false for tests and clean rooms, which die
        /// with our process even when it is killed.
        public var outlivesOwner = false
        /// Removes `directory` when our process dies without stopping the cluster; needs `outlivesOwner == false`.
        public var isRemovedWithOwner = false

        public init(directory: String) { self.directory = directory }
    }

    public let options: Options
    public let binaries: PostgresBinaries
    public let superuserPassword: String
    let files: ClusterFiles
    let supervisor: Supervisor

    public var socketDirectory: String { files.socket }
    public var dataDirectory: String { files.data }
    public var logFile: String { files.log }

    /// Makes a new cluster below `options.directory`, which must not hold one already. It is not started.
    public static func create(_ options: Options, _ binaries: PostgresBinaries? = nil) async throws -> Cluster {
        let binaries = try binaries ?? PostgresBinaries.find()
        let user = try ServerUser.current()
        let files = try ClusterFiles(directory: options.directory)
        let password = randomPassword()
        try files.create(password: password, user: user)
        let arguments = [
            "--pgdata", files.data, "--username", options.superuser, "--pwfile", files.passwordForInitdb,
            "--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
        ]
        do {
            let run = try await ToolRun.run(
                binaries.path(of: "initdb"), arguments + (options.isDurable ? [] : ["--no-sync"]), asServerUser: true,
                timeMax: .seconds(300))
            try run.checked("initdb")
            unlink(files.passwordForInitdb)
        } catch {
            unlink(files.passwordForInitdb)
            throw error
        }
        try ServerSettings(options: options, files: files).write(user: user)
        return Cluster(options: options, binaries: binaries, superuserPassword: password, files: files)
    }

    init(options: Options, binaries: PostgresBinaries, superuserPassword: String, files: ClusterFiles) {
        self.options = options
        self.binaries = binaries
        self.superuserPassword = superuserPassword
        self.files = files
        supervisor = Supervisor(options: options, binaries: binaries, files: files)
    }

    /// Starts the server and returns when it takes connections.
    public func start(timeMax: Duration = .seconds(60)) async throws {
        let supervisor = supervisor
        try await onThread { try supervisor.start(timeMax: timeMax) }
    }

    public enum StopMode: String, Sendable {
        /// Ends all sessions, writes everything out.
        case fast
        /// Ends at once; the next start recovers from the WAL. Right for what is thrown away.
        case immediate
    }

    /// Stops the server; nothing happens when it does not run.
    public func stop(_ mode: StopMode = .fast, timeMax: Duration = .seconds(60)) async throws {
        let supervisor = supervisor
        try await onThread { try supervisor.stop(mode, timeMax: timeMax) }
    }

    /// Stops the server at once and removes the cluster's folder.
    public func destroy() async throws {
        try await stop(.immediate)
        let directory = options.directory
        try await onThread { try FileManager.default.removeItem(atPath: directory) }
    }

    public var isRunning: Bool { supervisor.isRunning }

    /// The superuser's connection to `database`.
    public func configuration(database: String = "postgres") -> DatabaseConfiguration {
        configuration(database: database, user: options.superuser, password: superuserPassword)
    }

    public func configuration(database: String, user: String, password: String) -> DatabaseConfiguration {
        DatabaseConfiguration(
            "host='\(socketDirectory)' port=\(options.port ?? 5432) user='\(user)' dbname='\(database)'",
            password: password)
    }

    /// Makes a database, owned by the superuser unless `owner` is given; a copy of `template` when one is named.
    public func createDatabase(_ name: String, owner: String? = nil, template: String? = nil) async throws {
        let database = Database(configuration())
        let ownership: Statement = owner.map { " owner \(identifier: $0)" } ?? ""
        let origin: Statement = template.map { " template \(identifier: $0)" } ?? ""
        do {
            try await database.run(
                "create database \(identifier: name)\(fragment: ownership)\(fragment: origin)")
        } catch {
            await database.close()
            throw error
        }
        await database.close()
    }

    public func dropDatabase(_ name: String) async throws {
        let database = Database(configuration())
        do {
            try await database.run("drop database if exists \(identifier: name) with (force)")
        } catch {
            await database.close()
            throw error
        }
        await database.close()
    }

    /// 32 characters from the system's random source: 190 bits.
    package static func randomPassword() -> String {
        var generator = SystemRandomNumberGenerator()
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        return String((0..<32).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
    }
}
