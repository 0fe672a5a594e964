internal import Diagnostics
public import Migrations

/// Schema `console`.
public enum ConsoleMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(
            owner: "console", bundleDirectory: ResourceFolder.find(target: "Console", name: "Migrations"))
    }
}
