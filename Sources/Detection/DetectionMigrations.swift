internal import Diagnostics
public import Migrations

/// Schema `detection`.
public enum DetectionMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(
            owner: "detection", bundleDirectory: ResourceFolder.find(target: "Detection", name: "Migrations"))
    }
}
