internal import Diagnostics
public import Migrations

/// Schema `monitoring`.
public enum MonitoringMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(
            owner: "monitoring", bundleDirectory: ResourceFolder.find(target: "Monitoring", name: "Migrations"))
    }
}
