internal import Diagnostics
public import Migrations

/// Schema `api`: answers kept for idempotency keys, and the event triggers that announce a changed schema. Stands alone;
/// it needs neither the bank's tables nor those of Auth.
public enum RestMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(owner: "api", bundleDirectory: ResourceFolder.find(target: "Rest", name: "Migrations"))
    }
}
