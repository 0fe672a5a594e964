import Bank
import Evidence
import Migrations
import Vault

enum BankSets {
    static func bank() throws -> MigrationSet { try BankMigrations.set() }
    static func vault() throws -> MigrationSet { try VaultMigrations.set() }
    static func evidence() throws -> MigrationSet { try EvidenceMigrations.set() }
}
