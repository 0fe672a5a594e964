internal import Diagnostics
public import Migrations

/// The bank's own migrations: schema `public`.
public enum BankMigrations {
    /// The last migration that makes tables without keys between them: a bulk load goes in after it.
    public static let beforeBulkLoad = 2

    public static func set() throws -> MigrationSet {
        try MigrationSet.load(
            owner: "bank", bundleDirectory: ResourceFolder.find(target: "Bank", name: "Migrations"))
    }
}
