internal import Cryptography
internal import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer

/// A throw-away cluster, reached through a private socket only, where the dump's rows are data and nothing else.
///
/// The rows are loaded by a role that owns one schema and has no other right; the cluster dies with the process.
struct CleanRoom: Sendable {
    let cluster: Cluster
    private let loaderPassword: String

    /// How long one statement may run there, how much it may sort in memory and spill to disk.
    private static let limits = ["temp_file_limit": "20GB", "max_connections": "20"]
    /// What must stay free on the disk beside the room.
    private static let diskBytesSpared: Int64 = 1 << 30
    private static let statementMillisecondsMax = 30 * 60 * 1000

    /// Starts the room, making it first when it is not there.
    static func open(
        in run: RunDirectory, binaries: PostgresBinaries, password: String
    ) async throws -> CleanRoom {
        let ready = run.cleanRoomDirectory + "/ready"
        // A room of another run is of no use to this one: its role has another password.
        let name = Data(SHA256.hash(Array(password.utf8)).hex.utf8)
        let exists = FileManager.default.contents(atPath: ready) == name
        if !exists {
            guard !run.isFinished(.salvage) else { throw lost(run.cleanRoomDirectory) }
            try await destroy(run.cleanRoomDirectory, binaries)
        }
        var options = Cluster.Options(directory: run.cleanRoomDirectory)
        options.isDurable = false
        options.settings = limits
        options.limits.statementMillisecondsMax = statementMillisecondsMax
        // Address space counts memory that is shared or only reserved: twice the machine's own is beyond all honest work.
        options.limits.memoryBytesMax = Int64(clamping: ProcessInfo.processInfo.physicalMemory) &* 2
        options.limits.diskBytesMax = diskBytesMax(run.path)
        let cluster =
            exists
            ? try Cluster.attach(run.cleanRoomDirectory, binaries) : try await Cluster.create(options, binaries)
        try await cluster.start()
        let room = CleanRoom(cluster: cluster, loaderPassword: password)
        if !exists {
            try await room.furnish()
            try DurableFile.write(name, to: ready)
        }
        return room
    }

    /// What is free on the disk, less what the rest of the recovery needs; nil when nothing tells.
    private static func diskBytesMax(_ path: String) -> Int64? {
        let attributes = try? FileManager.default.attributesOfFileSystem(forPath: path)
        guard let free = (attributes?[.systemFreeSize] as? NSNumber)?.int64Value else { return nil }
        return max(free - diskBytesSpared, diskBytesSpared)
    }

    /// Ends the room's server, when one runs, and removes everything in it.
    static func destroy(_ directory: String, _ binaries: PostgresBinaries) async throws {
        if Cluster.exists(in: directory), let cluster = try? Cluster.attach(directory, binaries) {
            try await cluster.destroy()
        }
        guard FileManager.default.fileExists(atPath: directory) else { return }
        do {
            try FileManager.default.removeItem(atPath: directory)
        } catch {
            throw RecoveryError(
                code: "clean_room_not_removed", message: "cannot remove \(directory): \(error)",
                hint: "Remove it by hand: it holds the dump's rows in clear.", exitStatus: .environment)
        }
    }

    private static func lost(_ directory: String) -> RecoveryError {
        RecoveryError(
            code: "clean_room_lost", message: "the clean room at \(directory), with the salvaged rows in it, is gone",
            hint: "Begin anew with: digitalbank recover DUMP --restart", exitStatus: .conflict)
    }

    /// The unprivileged role's connection.
    func configuration() -> DatabaseConfiguration {
        cluster.configuration(database: CleanRoomStore.database, user: CleanRoomStore.role, password: loaderPassword)
    }

    private func furnish() async throws {
        let server = Database(cluster.configuration())
        try await server.run(CleanRoomStore.createRole(password: loaderPassword))
        try await server.run(CleanRoomStore.createDatabase)
        await server.close()
        let database = Database(cluster.configuration(database: CleanRoomStore.database))
        for statement in CleanRoomStore.furnish { try await database.run(statement) }
        await database.close()
    }
}
