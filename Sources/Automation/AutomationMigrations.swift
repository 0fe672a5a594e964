internal import Diagnostics
public import Migrations

/// Schema `automation`.
public enum AutomationMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(
            owner: "automation", bundleDirectory: ResourceFolder.find(target: "Automation", name: "Migrations"))
    }
}
