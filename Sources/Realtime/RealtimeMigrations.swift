internal import Diagnostics
public import Migrations

/// Schema `realtime`.
public enum RealtimeMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(
            owner: "realtime", bundleDirectory: ResourceFolder.find(target: "Realtime", name: "Migrations"))
    }
}
