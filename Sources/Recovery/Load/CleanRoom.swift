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
    private static let statementMillisecondsMax = 30 * 60 * 1000

    /// Starts the room, making it first when it is not there.
    static func open(
        in run: RunDirectory, binaries: PostgresBinaries, password: String
    ) async throws -> CleanRoom {
        let ready = run.cleanRoomDirectory + "/ready"
        let exists = FileManager.default.fileExists(atPath: ready)
        if !exists { try? FileManager.default.removeItem(atPath: run.cleanRoomDirectory) }
        var options = Cluster.Options(directory: run.cleanRoomDirectory)
        options.isDurable = false
        options.settings = limits
        options.limits.statementMillisecondsMax = statementMillisecondsMax
        let cluster =
            exists
            ? try Cluster.attach(run.cleanRoomDirectory, binaries) : try await Cluster.create(options, binaries)
        try await cluster.start()
        let room = CleanRoom(cluster: cluster, loaderPassword: password)
        if !exists {
            try await room.furnish()
            try DurableFile.write(Data(), to: ready)
        }
        return room
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
