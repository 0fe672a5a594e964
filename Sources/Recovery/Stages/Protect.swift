internal import Cryptography
internal import Diagnostics
internal import Evidence
internal import Foundation
internal import Postgres
internal import PostgresServer
internal import Salvage

/// A backup that is not proved yet, and what the bank held when it was made, by table.
struct FirstBackup: Sendable {
    let path: String
    let digests: [String: String]
    /// Indexes, constraints, triggers and policies.
    let definitions: Set<String>
    let seconds: Double
}

extension RecoveryEngine {
    /// Makes the first backup of the bank, and takes the digests of what it holds.
    ///
    /// The rebuild calls it while its checks run: nothing writes to the bank any more, so that what is read beside the dump
    /// is what the dump holds.
    func takeBackup(of target: DatabaseConfiguration) async throws -> FirstBackup {
        let startedAt = ContinuousClock.now
        let folder = options.dataDirectory + "/backups"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let path = folder + "/first.dump"
        let aside = path + ".new"
        async let digests = BackupProofStore.digests(of: target)
        let definitions = try await BackupProofStore.definitions(of: target)
        try await dump(target, to: aside)
        guard rename(aside, path) == 0 else { throw DurableFile.failure("rename", path) }
        return FirstBackup(
            path: path, digests: try await digests, definitions: definitions,
            seconds: (ContinuousClock.now - startedAt) / .seconds(1))
    }

    /// Proves the first backup of the restored bank: restores its rows into the clean room and compares every table, row by
    /// row, through a digest that does not depend on order; then restores what holds the rows (indexes, constraints,
    /// triggers, policies) and compares that. On equal rows the bank has just validated the same constraints and verified the
    /// same indexes: they are not built a second time over them.
    ///
    /// - Parameter taken: the backup that this run has made; nil when the rebuild ended in an earlier run.
    func protect(
        _ target: DatabaseConfiguration, in room: CleanRoom, _ taken: FirstBackup?
    ) async throws -> Protection {
        let startedAt = ContinuousClock.now
        async let prepared: Void = prepareProof(in: room)
        let backup: FirstBackup
        if let taken { backup = taken } else { backup = try await takeBackup(of: target) }
        let path = backup.path
        let manifest = path + ".manifest.json"
        try await prepared
        async let manifested: Void = writeManifest(of: path, to: manifest)
        let differences = try await differencesAfterRestoring(backup, in: room)
        try await manifested
        var hash = try SHA256()
        let size = try FileBytes.read(path) { hash.update($0) }
        let detail =
            differences.isEmpty
            ? "restored into a second cluster, every table equal"
            : "differs after restore: \(differences.joined(separator: ", "))"
        let seconds = (ContinuousClock.now - startedAt) / .seconds(1)
        return Protection(
            path: path, manifest: manifest, bytes: size, sha256: hash.finalize().hex, isProved: differences.isEmpty,
            detail: detail, seconds: seconds + (taken?.seconds ?? 0))
    }

    /// A signed digest of every block of rows, so that the next damage to this backup is located and its rows proved.
    private func writeManifest(of dump: String, to path: String) async throws {
        try await withCheckedThrowingContinuation { (done: CheckedContinuation<Void, any Error>) in
            // Ends with the file; reading a dump never suspends, so it has a thread of its own.
            let thread = Thread { done.resume(with: Result { try DumpManifest.write(dump: dump, to: path) }) }
            thread.stackSize = 8 << 20
            thread.start()
        }
        try FileSigner(key: key).sign(path, at: now())
    }

    private func dump(_ target: DatabaseConfiguration, to path: String) async throws {
        let run = try await ToolRun.run(
            binaries.path(of: "pg_dump"),
            [
                "--format=custom", "--compress=1", "--no-password", "--file=\(path)",
                "--dbname=\(target.connectionString)",
            ],
            environment: target.password.map { ["PGPASSWORD": $0] } ?? [:])
        try run.checked("pg_dump")
    }

    private static let proofDatabase = "preuve"

    /// An empty database for the restored copy, anew.
    private func prepareProof(in room: CleanRoom) async throws {
        try await room.cluster.dropDatabase(Self.proofDatabase)
        try await room.cluster.createDatabase(Self.proofDatabase)
        try await room.cluster.withSuperuser { connection in
            for statement in BackupProofStore.makeRoles { try await connection.run(statement) }
        }
    }

    /// The names of the tables, and the definitions, that are not the same after a restore.
    private func differencesAfterRestoring(_ backup: FirstBackup, in room: CleanRoom) async throws -> [String] {
        let name = Self.proofDatabase
        let copy = room.cluster.configuration(database: name)
        let rows = try await restore(backup.path, into: copy, ["--section=pre-data", "--section=data", "--jobs=2"])
        let restored = try await BackupProofStore.digests(of: copy)
        try await BackupProofStore.empty(copy)
        let holds = try await restore(backup.path, into: copy, ["--section=post-data"])
        let definitions = try await BackupProofStore.definitions(of: copy)
        try await room.cluster.dropDatabase(name)
        let names = Set(backup.digests.keys).union(restored.keys)
        var differences = names.filter { backup.digests[$0] != restored[$0] }.sorted()
        differences += definitions.symmetricDifference(backup.definitions).sorted().prefix(20).map {
            String($0.prefix(200))
        }
        for run in [rows, holds] where run.status != 0 && differences.isEmpty {
            differences = ["pg_restore: \(run.errorText.prefix(200))"]
        }
        return differences
    }

    private func restore(
        _ path: String, into copy: DatabaseConfiguration, _ what: [String]
    ) async throws -> ToolRun {
        try await ToolRun.run(
            binaries.path(of: "pg_restore"),
            ["--no-owner", "--no-acl", "--no-password", "--dbname=\(copy.connectionString)"] + what + [path],
            environment: ["PGPASSWORD": copy.password ?? ""])
    }
}
