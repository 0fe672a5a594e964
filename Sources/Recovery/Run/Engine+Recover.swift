internal import Cryptography
internal import Diagnostics
internal import Evidence
internal import Foundation
internal import Postgres
internal import PostgresServer

extension RecoveryEngine {
    /// The version of the product, for the report.
    static let version = "0.1.0"

    /// Runs what is left to run and returns the report and where it was written.
    public func recover() async throws -> (RecoveryReport, ReportFiles) {
        let start = now()
        do {
            return try await runStages()
        } catch {
            throw DiskSpace.cause(
                of: error, dataDirectory: options.dataDirectory, room: run.cleanRoomDirectory, since: start)
        }
    }

    private func runStages() async throws -> (RecoveryReport, ReportFiles) {
        // Read now, so that a wrong path is told before anything is done.
        _ = try LegacyColumns(keyFile: options.legacyKeyFile)
        let password = try roomPassword()
        // Two clusters are made side by side; when the target is refused, the room's server ends with its last copy.
        async let opening = CleanRoom.open(in: run, binaries: binaries, password: password)
        let place = try await openTarget()
        if !run.hasBegunRebuild { try await place.refuseUnlessEmpty() }
        let intake = try await perform(.intake) { try takeIn() }
        let inspected = try await perform(.inspect) { try inspect(intake) }
        let mapping = try Mapping.read(path: inspected.mapping)
        let room = try await opening
        do {
            let outcome = try await work(intake, inspected, mapping, room, place)
            try await room.cluster.stop(.immediate)
            return outcome
        } catch {
            try? await room.cluster.stop(.fast)
            throw error
        }
    }

    private func work(
        _ intake: Intake, _ inspected: Inspected, _ mapping: Mapping, _ room: CleanRoom, _ place: RebuildTarget
    ) async throws -> (RecoveryReport, ReportFiles) {
        _ = try await perform(.cleanRoom) { room.cluster.options }
        let salvaged = try await perform(.salvage) { try await salvage(shapes: mapping.shapes, into: room) }
        guard salvaged.tables.contains(where: { $0.loaded > 0 }) else {
            return try await report(intake, inspected, salvaged, nil, nil, nil, nil, mapping)
        }
        let disinfected = try await perform(.disinfect) { try disinfect(inspected.objects, tables: mapping.shapes) }
        let reconciled = try await perform(.reconcile) { try await reconcile(salvaged, inspected, mapping, in: room) }
        var backup: FirstBackup?
        let rebuilt = try await perform(.rebuild) {
            var kept = salvaged
            kept.tables.removeAll { disinfected.tablesLeftBehind.contains($0.name) }
            let (rebuilt, taken) = try await rebuild(kept, mapping, from: room, into: place)
            backup = taken
            return rebuilt
        }
        var protection: Protection?
        if options.makesBackup {
            protection = try await perform(.protect) { try await protect(place.configuration, in: room, backup) }
        }
        return try await report(intake, inspected, salvaged, disinfected, reconciled, rebuilt, protection, mapping)
    }

    /// The embedded cluster, made and started when needed, or the server of `--into`.
    private func openTarget() async throws -> RebuildTarget {
        switch options.target {
        case .embedded:
            let directory = options.dataDirectory + "/bank"
            var wanted = Cluster.Options(directory: directory)
            wanted.port = 0
            wanted.outlivesOwner = true
            let cluster =
                Cluster.exists(in: directory)
                ? try Cluster.attach(directory, binaries) : try await Cluster.create(wanted, binaries)
            try await cluster.start()
            return RebuildTarget(
                configuration: cluster.configuration(database: Self.databaseName), databaseName: Self.databaseName,
                connectionLine: cluster.connectionLines(database: Self.databaseName).psql, cluster: cluster)
        case .server(let connectionString):
            let configuration = DatabaseConfiguration(connectionString, password: ServerPassword.fromEnvironment)
            let database = Database(configuration)
            do {
                let name = try await database.one(RebuildTargetStore.currentDatabase, as: String.self)
                await database.close()
                return RebuildTarget(
                    configuration: configuration, databaseName: name,
                    connectionLine: "psql \"\(connectionString)\"", cluster: nil)
            } catch {
                await database.close()
                throw error
            }
        }
    }

    /// The clean room's loader role has a password that lives as long as the run.
    private func roomPassword() throws -> String {
        let path = run.path + "/clean-room.password"
        if let data = FileManager.default.contents(atPath: path) { return String(decoding: data, as: UTF8.self) }
        let password = try SecureRandom.bytes(24).hex
        try DurableFile.write(Data(password.utf8), to: path)
        return password
    }
}

/// The password of `--into`: never on the command line, where every user of the machine can read it.
public enum ServerPassword {
    public static var fromEnvironment: String? { ProcessInfo.processInfo.environment["PGPASSWORD"] }
}
