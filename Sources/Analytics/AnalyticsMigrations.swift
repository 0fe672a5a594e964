internal import Diagnostics
public import Migrations

/// Schema `bi`.
public enum AnalyticsMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(
            owner: "bi", bundleDirectory: ResourceFolder.find(target: "Analytics", name: "Migrations"))
    }
}
