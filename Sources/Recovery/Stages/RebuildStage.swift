internal import Bank
internal import Diagnostics
internal import Evidence
internal import Foundation
internal import Migrations
internal import Postgres
internal import PostgresServer
internal import Salvage
internal import Synchronization
internal import Vault

/// What stands in the restored bank.
struct Rebuilt: Codable, Sendable {
    var bank: RestoredBank
    var checks: [CheckResult]
    /// Rows refused on the way, by canonical table.
    var refused: [String: Int64]
    var notes: [String: Int64]
    /// Legacy encrypted columns that did not open.
    var closed: [ClosedCount]?
    /// Archived rows whose card data was masked, by table; nil in results of earlier versions.
    var masked: [String: Int64]?
}

extension RecoveryEngine {
    static let databaseName = "digitalbank_restored"

    /// The canonical bank, made of the clean room's rows: schema, rows, then keys and indexes, then checks.
    func rebuild(
        _ salvaged: Salvaged, _ mapping: Mapping, from room: CleanRoom, into place: RebuildTarget
    ) async throws -> (Rebuilt, FirstBackup?) {
        try await place.prepare(run)
        try setHeadsAside()
        try await place.beginBulkLoad()
        let target = Database(place.configuration)
        let source = Database(room.configuration())
        do {
            let rebuilt = try await rebuild(salvaged, mapping, source, target, place)
            await source.close()
            await target.close()
            try await place.endBulkLoad()
            return rebuilt
        } catch {
            await source.close()
            await target.close()
            throw error
        }
    }

    private func rebuild(
        _ salvaged: Salvaged, _ mapping: Mapping, _ source: Database, _ target: Database, _ place: RebuildTarget
    ) async throws -> (Rebuilt, FirstBackup?) {
        let bank = try BankMigrations.set()
        let tables = MigrationSet(
            owner: bank.owner, migrations: Array(bank.migrations.prefix(BankMigrations.beforeBulkLoad)))
        try await Migrator(target).apply([tables, VaultMigrations.set()])
        let (rebuilder, beside) = try await copy(salvaged, mapping, source, target)
        try await Migrator(target).apply([bank, VaultMigrations.set(), EvidenceMigrations.set()])
        // The rule on the log's pseudonyms is told twice before its last form, the quickest: on an empty table.
        try await beside.copyLogs()
        try await target.run(RebuildStore.summariseLog)
        try rebuilder.take(beside)
        try await rebuilder.archiveClosedColumns()
        try await target.run(RebuildStore.takeOverBalances)
        for statement in RebuildStore.synchroniseSequences { try await target.run(statement) }
        try await target.run(RebuildStore.openDay)
        try await beginJournal(salvaged, mapping, target)
        // From here on the bank is only read (amcheck's extension has to be in the backup): it is backed up meanwhile.
        if let cluster = place.cluster { try await installAmcheck(cluster, place.databaseName) }
        async let backup: FirstBackup? = options.makesBackup ? takeBackup(of: place.configuration) : nil
        let checks =
            try await analyzeAndCheck(target, place) + [conservation(salvaged, mapping, rebuilder, source)]
        let (rows, refused, notes) = rebuilder.state.withLock { ($0.rows, $0.refused, $0.notes) }
        let closed = rebuilder.state.withLock { $0.closed }.sorted { $0.key < $1.key }
            .map { ClosedCount(place: $0.key, count: Int64($0.value.count)) }
        let balance = try await target.one(RebuildStore.trialBalance, as: Int64.self)
        let rebuilt = Rebuilt(
            bank: RestoredBank(
                database: place.databaseName,
                serverVersion: try await target.one(RebuildStore.serverVersion, as: String.self),
                connectionLine: place.connectionLine, mapping: mapping.name, rows: rows, trialBalanceMinor: balance),
            checks: checks, refused: refused, notes: notes, closed: closed,
            masked: rebuilder.state.withLock { $0.masked })
        return (rebuilt, try await backup)
    }

    /// The server's own verifier needs no statistics: it runs while they are made.
    private func analyzeAndCheck(_ target: Database, _ place: RebuildTarget) async throws -> [CheckResult] {
        async let verified: [CheckResult] = place.cluster == nil ? [] : [amcheck(place)]
        try await analyze(target)
        return try await check(target) + verified
    }

    /// Copies the bank's tables one after the other, as they refer to each other, and beside them the archived ones, which
    /// refer to nothing. The second one is for the log, to be copied and joined later.
    private func copy(
        _ salvaged: Salvaged, _ mapping: Mapping, _ source: Database, _ target: Database
    ) async throws -> (Rebuilder, beside: Rebuilder) {
        func make(_ file: String) throws -> Rebuilder {
            Rebuilder(
                mapping: mapping, room: source, target: target, keys: vault,
                quarantine: try QuarantineFile(path: run.quarantineDirectory + file),
                legacy: try LegacyColumns(keyFile: options.legacyKeyFile), progress: progress)
        }
        let (rebuilder, beside) = (try make("/rebuild.jsonl"), try make("/rebuild-beside.jsonl"))
        let unverified = try await unverifiedBeneficiaries(source)
        rebuilder.state.withLock { $0.unverifiedBeneficiaries = unverified }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.archive(salvaged, beside) }
            group.addTask {
                try await rebuilder.copyClients()
                try await rebuilder.copyAccounts()
                try await rebuilder.copyCards()
                try await rebuilder.copyBeneficiaries()
                for statement in RebuildStore.synchroniseSequences { try await target.run(statement) }
                try await rebuilder.copyOperations()
                try await rebuilder.copyOrders()
            }
            try await group.waitForAll()
        }
        return (rebuilder, beside)
    }

    private func analyze(_ target: Database) async throws {
        let others = try await target.all(RebuildStore.tablesBesidesOperations, as: String.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for statement in [RebuildStore.analyzeOperations, RebuildStore.analyze(others)] {
                group.addTask {
                    _ = try await target.withConnection { try await $0.run(statement) }
                }
            }
            try await group.waitForAll()
        }
    }

    /// The first entry of the bank's own journal: what the bank was made from. It is sealed at once, so that no later
    /// hand can put a bank with another past in its place.
    private func beginJournal(_ salvaged: Salvaged, _ mapping: Mapping, _ target: Database) async throws {
        struct Origin: Encodable {
            let mapping: String
            let rows: Int64
            let journal: String
        }
        let origin = Origin(
            mapping: mapping.name, rows: salvaged.tables.reduce(0) { $0 + $1.loaded }, journal: await journal.headHash)
        let body = String(decoding: try RunDirectory.encoder.encode(origin), as: UTF8.self)
        try await EvidenceJournal.append("bank.recovered", mapping.name, body, in: target)
        let publisher = FileHeadPublisher(path: RecoveryOptions.evidenceHeads(in: options.dataDirectory))
        try await EvidenceSealer(database: target, key: key, publishers: [publisher]).seal()
    }

    /// Heads of a bank that is made anew here would contradict the new one's.
    private func setHeadsAside() throws {
        let path = RecoveryOptions.evidenceHeads(in: options.dataDirectory)
        guard FileManager.default.fileExists(atPath: path) else { return }
        guard rename(path, path + ".before") == 0 else { throw DurableFile.failure("rename", path) }
    }

    private func archive(_ salvaged: Salvaged, _ rebuilder: Rebuilder) async throws {
        let reader = try DumpReader(path: options.dump, shapes: rebuilder.mapping.shapes)
        try await rebuilder.archive(salvaged.tables.filter { $0.loaded > 0 }.map(\.name)) { table in
            let shape = reader.shape(of: table)
            return (salvaged.columns[table] ?? []).map { name in
                (name, shape?.columns.first { $0.name == name }?.type.safeSQL ?? "text")
            }
        }
    }
}
