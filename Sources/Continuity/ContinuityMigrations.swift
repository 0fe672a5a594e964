internal import Diagnostics
public import Migrations

/// Schema `continuity`.
public enum ContinuityMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(
            owner: "continuity", bundleDirectory: ResourceFolder.find(target: "Continuity", name: "Migrations"))
    }
}
