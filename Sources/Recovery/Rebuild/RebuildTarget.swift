internal import Postgres
internal import PostgresServer

/// Where the bank is rebuilt.
struct RebuildTarget: Sendable {
    let configuration: DatabaseConfiguration
    let databaseName: String
    let connectionLine: String
    let cluster: Cluster?

    /// Makes sure that the target is empty; what an interrupted rebuild of this run left there is removed.
    func empty(hasBegun: Bool) async throws {
        if let cluster {
            if hasBegun { try await cluster.dropDatabase(databaseName) }
            let exists = try await cluster.withSuperuser { connection in
                try await connection.first(RebuildTargetStore.exists(databaseName), as: Int.self) != nil
            }
            if exists { throw Self.notEmpty(databaseName) }
            return try await cluster.createDatabase(databaseName)
        }
        let database = Database(configuration)
        do {
            if hasBegun { for statement in RebuildStore.wipe { try await database.run(statement) } }
            let count = try await database.one(RebuildStore.occupants, as: Int64.self)
            guard count == 0 else { throw Self.notEmpty(databaseName) }
            await database.close()
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
    /// Before anything is done: a target that holds data is refused, and stays as it is.
    func refuseUnlessEmpty() async throws {
        if let cluster {
            let exists = try await cluster.withSuperuser { connection in
                try await connection.first(RebuildTargetStore.exists(databaseName), as: Int.self) != nil
            }
            if exists { throw Self.notEmpty(databaseName) }
            return
        }
        let database = Database(configuration)
        do {
            let count = try await database.one(RebuildStore.occupants, as: Int64.self)
            await database.close()
            guard count == 0 else { throw Self.notEmpty(databaseName) }
        } catch {
            await database.close()
            throw error
        }
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
