internal import Foundation
internal import Glibc

/// A PostgreSQL cluster of ours: made by `initdb`, reached through a private Unix socket.
///
/// Copies share one server. When `outlivesOwner` is false, the server also ends with the last copy.
public struct Cluster: Sendable {
    public let options: Options
    public let binaries: PostgresBinaries
    public let superuserPassword: String
    let files: ClusterFiles
    let supervisor: Supervisor

    public var socketDirectory: String { files.socket }
    public var dataDirectory: String { files.data }
    /// The server's newest log.
    public var logFile: String { files.newestLog }
    /// The loopback port in use, nil for socket only.
    public var port: Int? { supervisor.port }

    /// Makes a new cluster below `options.directory`, which must not hold one already. It is not started.
    ///
    /// Checksums on, SCRAM passwords everywhere, UTF-8, byte-wise collation. A creation that was killed half-way is begun again.
    public static func create(_ options: Options, _ binaries: PostgresBinaries? = nil) async throws -> Cluster {
        let user = try ServerUser.current()
        let binaries = try binaries ?? PostgresBinaries.find()
        let files = try ClusterFiles(directory: options.directory)
        let password = randomPassword()
        try files.checkFree()
        try files.makeFolder()
        let lock = try await onThread { try FileLock(files.lock, timeMax: .seconds(300)) }
        defer { lock.release() }
        do {
            try await onThread { try files.create(password: password, user: user) }
            try await initialise(options, binaries, files)
            try ServerSettings(options: options, files: files, port: options.port).write(user: user)
            try files.complete(ClusterRecord(options: options, socket: files.socket), password: password)
        } catch {
            files.removeIncomplete()
            files.removeIfEmpty()
            throw error
        }
        return Cluster(options: options, binaries: binaries, superuserPassword: password, files: files)
    }

    /// The cluster that `create` made in `directory`, running or not.
    public static func attach(_ directory: String, _ binaries: PostgresBinaries? = nil) throws -> Cluster {
        let files = try ClusterFiles(directory: directory)
        let (record, password, major) = try files.load()
        var options = record.options
        options.directory = directory
        let binaries = try binaries ?? PostgresBinaries.find(major: major)
        guard binaries.majorVersion == major else {
            throw ServerError(
                code: "postgresql_version_differs",
                message: "\(files.data) is of PostgreSQL \(major), the programs are of \(binaries.majorVersion)",
                hint: "Install it with: apt-get install postgresql-\(major)")
        }
        return Cluster(
            options: options, binaries: binaries, superuserPassword: password,
            files: try ClusterFiles(directory: directory, socket: record.socket), chosenPort: record.chosenPort)
    }

    /// Whether `directory` holds a complete cluster of ours.
    public static func exists(in directory: String) -> Bool {
        access(directory + "/" + ClusterFiles.recordName, F_OK) == 0
    }

    init(
        options: Options, binaries: PostgresBinaries, superuserPassword: String, files: ClusterFiles,
        chosenPort: Int? = nil
    ) {
        self.options = options
        self.binaries = binaries
        self.superuserPassword = superuserPassword
        self.files = files
        supervisor = Supervisor(options: options, binaries: binaries, files: files, chosenPort: chosenPort)
    }

    private static func initialise(_ options: Options, _ binaries: PostgresBinaries, _ files: ClusterFiles) async throws
    {
        var arguments = [
            "--pgdata", files.data, "--username", options.superuser, "--pwfile", files.passwordForInitdb,
            "--auth=scram-sha-256", "--data-checksums", "--encoding=UTF8", "--locale=C.UTF-8", "--lc-collate=C",
            "--no-instructions",
        ]
        if !options.isDurable { arguments.append("--no-sync") }
        let run = try await ToolRun.run(
            binaries.path(of: "initdb"), arguments, asServerUser: true, timeMax: .seconds(300))
        try run.checked("initdb")
    }

    /// Starts the server and returns when it takes connections; nothing happens when it runs already.
    public func start(timeMax: Duration = .seconds(60)) async throws {
        let supervisor = supervisor
        try await onThread { try supervisor.start(timeMax: timeMax) }
    }

    /// Stops the server; nothing happens when it does not run.
    public func stop(_ mode: StopMode = .fast, timeMax: Duration = .seconds(60)) async throws {
        let supervisor = supervisor
        try await onThread { try supervisor.stop(mode, timeMax: timeMax) }
    }

    /// Flushes every file of a stopped cluster to disk: what ran without fsync is durable after it.
    public func flushToDisk() async throws {
        let run = try await ToolRun.run(
            binaries.path(of: "initdb"), ["--sync-only", "--pgdata", files.data], asServerUser: true,
            timeMax: .seconds(3600))
        try run.checked("initdb --sync-only")
    }

    /// Stops the server at once and removes the cluster's folder.
    public func destroy() async throws {
        try await stop(.immediate)
        let files = files
        try await onThread { try files.removeAll() }
    }

    public var status: Status { supervisor.status }

    public var isRunning: Bool {
        if case .running = status { true } else { false }
    }

    /// Why we stopped the server ourselves, when a limit was passed: the cause behind lost connections.
    public var limitPassed: ServerError? { supervisor.limitPassed }

    /// 32 characters from the system's random source: 190 bits.
    private static func randomPassword() -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
        var generator = SystemRandomNumberGenerator()
        return String((0..<32).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
    }
}
