public import Postgres

/// Applies numbered migrations, each in its own transaction, one migrator at a time per database.
///
/// Needs no superuser: the owner of the database is enough, with CREATEROLE where a migration makes roles.
public struct Migrator: Sendable {
    private let database: Database

    public init(_ database: Database) { self.database = database }

    /// Applies what is missing of each set, in the order given, and says what ran.
    @discardableResult
    public func apply(_ sets: [MigrationSet]) async throws -> MigrationReport {
        for set in sets { try set.checkNumbers() }
        return try await database.withConnection { connection in
            let store = MigrationStore(connection: connection)
            return try await store.locked {
                try await store.prepare()
                var report = MigrationReport()
                for set in sets { try await apply(set, store, &report) }
                return report
            }
        }
    }

    /// What `apply` would run, set by set. Changes nothing; an edited or unknown migration is refused as `apply` does.
    public func pending(_ sets: [MigrationSet]) async throws -> [MigrationReport.Pending] {
        for set in sets { try set.checkNumbers() }
        return try await database.withConnection { connection in
            let store = MigrationStore(connection: connection)
            let isPrepared = try await store.isPrepared
            var pending: [MigrationReport.Pending] = []
            for set in sets {
                let known = isPrepared ? try await store.applied(owner: set.owner) : []
                try check(known, against: set, try await store.checksums(of: set.migrations))
                pending += set.migrations.dropFirst(known.count).map { .init(owner: set.owner, migration: $0) }
            }
            return pending
        }
    }

    private func apply(_ set: MigrationSet, _ store: MigrationStore, _ report: inout MigrationReport) async throws {
        let known = try await store.applied(owner: set.owner)
        let checksums = try await store.checksums(of: set.migrations)
        try check(known, against: set, checksums)
        for (migration, checksum) in zip(set.migrations, checksums).dropFirst(known.count) {
            let duration: Duration
            do {
                duration = try await store.run(migration, checksum: checksum, owner: set.owner)
            } catch let error as MigrationError {
                throw error
            } catch {
                throw MigrationError.failed(owner: set.owner, migration, error)
            }
            report.applied.append(.init(owner: set.owner, migration: migration, duration: duration))
        }
        report.alreadyAppliedCount += known.count
    }

    /// What has run must be what we have, number by number.
    private func check(
        _ known: [AppliedMigration], against set: MigrationSet, _ checksums: [String]
    ) throws(MigrationError) {
        for (index, applied) in known.enumerated() {
            guard index < set.migrations.count, applied.number == set.migrations[index].number else {
                throw .unknown(owner: set.owner, number: applied.number, name: applied.name)
            }
            guard applied.checksum == checksums[index] else {
                throw .edited(owner: set.owner, set.migrations[index])
            }
        }
    }
}

/// What one call of `Migrator.apply` did.
public struct MigrationReport: Sendable {
    public struct Applied: Sendable {
        public let owner: String
        public let migration: Migration
        public let duration: Duration
    }

    public struct Pending: Sendable, Hashable {
        public let owner: String
        public let migration: Migration
    }

    public internal(set) var applied: [Applied] = []
    public internal(set) var alreadyAppliedCount = 0
}
