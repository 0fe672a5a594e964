internal import Bank
internal import Evidence
internal import Foundation
internal import Migrations
internal import Postgres
internal import PostgresServer
internal import Privacy
internal import Vault

/// The privacy desk, wired to this machine's keys.
enum PrivacyDeskService {
    /// - Parameters:
    ///   - database: owns every schema; its migrations are brought up to date.
    ///   - keys: reads the vault's keys while a transaction of the desk is open; another pool, so that none waits for itself.
    static func open(_ database: Database, keys: Database? = nil, data: DataDirectory) async throws -> PrivacyDesk {
        try await Migrator(database).apply([
            try BankMigrations.set(), try VaultMigrations.set(), try EvidenceMigrations.set(),
        ])
        try await PrivacyMigrations.apply(to: database)
        let folder = KeyFolder(data.keys)
        try KeyProvider.createIfMissing(data.indexKey)
        let vault = Vault(
            database: keys ?? database, keyring: try await folder.keyring(), reload: { try await folder.keyring() })
        let secrets = PrivacySecrets(vault: vault, indexing: try KeyProvider.file(data.indexKey).key())
        let desk = PrivacyDesk(
            database: database, secrets: secrets, ledgerPath: ledger(data),
            signer: FileSigner(key: try SigningKey.open(path: data.evidenceKey)))
        try await desk.prepare()
        _ = try await desk.takeInIdentities(identities(data))
        return desk
    }

    /// What the pseudonyms of recovered logs stand for, sealed, until the bank has taken it in.
    static func identities(_ data: DataDirectory) -> String { data.keys + "/log-identities" }

    static func ledger(_ data: DataDirectory) -> String { data.keys + "/erasures.ledger" }

    /// After a recovery or a restore into the embedded cluster: whoever was erased stays so. Without a ledger nobody was.
    static func replayErasures(_ data: DataDirectory) async throws {
        guard FileManager.default.fileExists(atPath: ledger(data)), Cluster.exists(in: data.cluster) else { return }
        let cluster = try Cluster.attach(data.cluster)
        guard cluster.isRunning else { return }
        try await replayErasures(data, in: cluster.configuration(database: UpService.databaseName))
    }

    /// The same in a database elsewhere.
    static func replayErasures(_ data: DataDirectory, in configuration: DatabaseConfiguration) async throws {
        guard FileManager.default.fileExists(atPath: ledger(data)) else { return }
        let database = Database(configuration)
        let result: Result<Void, any Error>
        do {
            _ = try await open(database, data: data)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        await database.close()
        try result.get()
    }
}
