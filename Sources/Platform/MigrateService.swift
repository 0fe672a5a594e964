internal import Bank
internal import Evidence
internal import Migrations
internal import Postgres
internal import Recovery
internal import Vault

/// Brings a database to this version's schema.
public enum MigrateService {
    public static func migrate(into: String?, dataDirectory: String) async throws -> [String] {
        guard let into else {
            return try await BankDatabase.with(DataDirectory(dataDirectory)) { try await migrate($0) }
        }
        let database = Database(DatabaseConfiguration(into, password: ServerPassword.fromEnvironment))
        do {
            let lines = try await migrate(database)
            await database.close()
            return lines
        } catch {
            await database.close()
            throw error
        }
    }

    private static func migrate(_ database: Database) async throws -> [String] {
        let report = try await Migrator(database).apply([
            BankMigrations.set(), VaultMigrations.set(), EvidenceMigrations.set(),
        ])
        let lines = report.applied.map { "applied  \($0.owner) \($0.migration.fileName)" }
        return lines + ["\(report.applied.count) applied, \(report.alreadyAppliedCount) there already"]
    }
}
