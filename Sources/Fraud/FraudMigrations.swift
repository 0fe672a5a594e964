internal import Diagnostics
public import Migrations

/// Schema `fraud`.
public enum FraudMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(owner: "fraud", bundleDirectory: ResourceFolder.find(target: "Fraud", name: "Migrations"))
    }
}
