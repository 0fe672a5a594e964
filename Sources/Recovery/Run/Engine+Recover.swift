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
        if run.isFinished(.report) { return try await finished() }
        let password = try roomPassword()
        // Two clusters are made side by side; when the target is refused, the room's server ends with its last copy.
        async let opening = CleanRoom.open(in: run, binaries: binaries, password: password)
        let place = try await openTarget()
        if run.isFinished(.rebuild) {
            try await place.refuseUnlessRebuilt(run)
        } else {
            try await place.refuseUnlessOurs(run)
        }
        let wasTakenIn = run.isFinished(.intake)
        let intake = try await perform(.intake) { try takeIn() }
        if wasTakenIn, !run.isFinished(.rebuild) { try refuseUnlessSame(intake) }
        let inspected = try await perform(.inspect) { try inspect(intake) }
        let mapping = try Mapping.read(path: inspected.mapping)
        let room = try await opening
        let outcome: (RecoveryReport, ReportFiles)
        do {
            outcome = try await work(intake, inspected, mapping, room, place)
            try await room.cluster.stop(.immediate)
        } catch {
            let passed = room.cluster.limitPassed
            try? await room.cluster.stop(.fast)
            if let passed { throw passed }
            throw error
        }
        try await removeRoom()
        return outcome
    }

    /// What an earlier run took in is what this one goes on with.
    private func refuseUnlessSame(_ intake: Intake) throws {
        guard try takeIn().sha256 != intake.sha256 else { return }
        throw RecoveryError(
            code: "dump_changed", message: "\(options.dump) is not what this recovery took in: its bytes have changed",
            hint: "Put the file back as it was, or begin anew with --restart.", exitStatus: .conflict)
    }

    /// A recovery whose report is written: nothing is done again, but for the room that a killed run left.
    private func finished() async throws -> (RecoveryReport, ReportFiles) {
        if case .embedded = options.target { _ = try await openTarget() }
        guard let intake = try earlier(.intake, as: Intake.self),
            let inspected = try earlier(.inspect, as: Inspected.self),
            let salvaged = try earlier(.salvage, as: Salvaged.self)
        else {
            throw RecoveryError(
                code: "run_unreadable", message: "results of stages are missing in \(run.path)",
                hint: "Start a new recovery in another --data-dir.", exitStatus: .conflict)
        }
        let outcome = try await report(
            intake, inspected, salvaged, try earlier(.disinfect, as: Disinfected.self),
            try earlier(.reconcile, as: Reconciled.self), try earlier(.rebuild, as: Rebuilt.self),
            try earlier(.protect, as: Protection.self), try Mapping.read(path: inspected.mapping))
        try await removeRoom()
        return outcome
    }

    /// The clean room holds card numbers, passwords' hashes and addresses as the old bank had them: once the report is
    /// written nothing needs it any more.
    private func removeRoom() async throws {
        guard options.keepsRoom != true else { return }
        try? FileManager.default.removeItem(atPath: run.targetPasswordFile)
        guard FileManager.default.fileExists(atPath: run.cleanRoomDirectory) else { return }
        try await CleanRoom.destroy(run.cleanRoomDirectory, binaries)
        try? FileManager.default.removeItem(atPath: roomPasswordFile)
        try await journal.append(
            kind: "recovery.room.destroyed", subject: run.cleanRoomDirectory, body: "{}", at: now())
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
            let configuration = serverConfiguration ?? DatabaseConfiguration(connectionString)
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

    private var roomPasswordFile: String { run.path + "/clean-room.password" }

    /// The clean room's loader role has a password that lives as long as the run.
    private func roomPassword() throws -> String {
        let path = roomPasswordFile
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
