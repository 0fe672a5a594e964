internal import Postgres
internal import PostgresServer

/// Where the bank is rebuilt.
struct RebuildTarget: Sendable {
    let configuration: DatabaseConfiguration
    let databaseName: String
    let connectionLine: String
    let cluster: Cluster?

    /// Makes the target empty and marks it as this run's; what an interrupted rebuild of this run left there is removed.
    func prepare(_ run: RunDirectory) async throws {
        let mark = try run.rebuildMark()
        if let cluster {
            if try await exists(in: cluster) {
                guard try await isOurs(mark) else { throw Self.notEmpty(databaseName) }
                try await cluster.dropDatabase(databaseName)
            }
            try await cluster.createDatabase(databaseName)
        } else {
            try await withDatabase { database in
                let place = try await database.one(RebuildTargetStore.identity, as: DatabaseIdentity.self)
                guard mark?.matches(place) == true else { return }
                for statement in RebuildStore.wipe { try await database.run(statement) }
            }
        }
        try await withDatabase { database in
            let place = try await database.one(RebuildTargetStore.identity, as: DatabaseIdentity.self)
            guard place.occupants == 0 else { throw Self.notEmpty(databaseName) }
            let new = try RebuildMark.make(for: place)
            // The file first: the mark in the database means nothing without it.
            try run.keep(new)
            for statement in RebuildTargetStore.mark(new.words) { try await database.run(statement) }
        }
    }

    /// Whether what stands in the target may be removed: this run's own rebuild, or nothing at all.
    private func isOurs(_ mark: RebuildMark?) async throws -> Bool {
        try await withDatabase { database in
            let place = try await database.one(RebuildTargetStore.identity, as: DatabaseIdentity.self)
            return place.occupants == 0 || mark?.matches(place) == true
        }
    }

    private func exists(in cluster: Cluster) async throws -> Bool {
        try await cluster.withSuperuser { connection in
            try await connection.first(RebuildTargetStore.exists(databaseName), as: Int.self) != nil
        }
    }

    private func withDatabase<Answer: Sendable>(
        _ work: (Database) async throws -> Answer
    ) async throws -> Answer {
        let database = Database(configuration)
        do {
            let answer = try await work(database)
            await database.close()
            return answer
        } catch {
            await database.close()
            throw error
        }
    }

    static func notEmpty(_ name: String) -> RecoveryError {
        RecoveryError(
            code: "target_not_empty", message: "the target database \(name) holds tables already; nothing was changed",
            hint: "Choose an empty database, or another --data-dir.", exitStatus: .targetNotEmpty)
    }
}

extension RebuildTarget {
    /// Before anything is done: a target that holds data is refused, unless this run has put it there; it stays as it is.
    func refuseUnlessOurs(_ run: RunDirectory) async throws {
        if let cluster, try await !exists(in: cluster) { return }
        guard try await isOurs(try run.rebuildMark()) else { throw Self.notEmpty(databaseName) }
    }

    /// Once the bank is rebuilt: the rest of the recovery must see that bank.
    func refuseUnlessRebuilt(_ run: RunDirectory) async throws {
        guard let mark = try run.rebuildMark() else { return }
        let place = try await withDatabase { database in
            try await database.one(RebuildTargetStore.identity, as: DatabaseIdentity.self)
        }
        guard !mark.matches(place) else { return }
        throw RecoveryError(
            code: "target_changed",
            message: "\(place.database) is not the database that this recovery has rebuilt the bank in",
            hint: "Let --into lead to the same server and database again, then: digitalbank recover resume",
            exitStatus: .conflict)
    }
}

extension RebuildTarget {
    /// Restarts our own cluster for a bulk load: without flushes and with the least WAL. A server of somebody else's
    /// stays as it is.
    func beginBulkLoad() async throws {
        guard let cluster else { return }
        try await cluster.withSuperuser { connection in
            for (name, value) in RebuildTargetStore.bulkSettings {
                try await connection.run(RebuildTargetStore.set(name, to: value))
            }
        }
        try await cluster.stop()
        try await cluster.start()
    }

    /// Back to full durability: everything written is flushed to disk before the server takes connections again.
    func endBulkLoad() async throws {
        guard let cluster else { return }
        try await cluster.withSuperuser { connection in
            for name in RebuildTargetStore.bulkSettings.keys {
                try await connection.run(RebuildTargetStore.reset(name))
            }
        }
        try await cluster.stop()
        try await cluster.flushToDisk()
        try await cluster.start()
    }
}
