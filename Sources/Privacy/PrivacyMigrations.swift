internal import Diagnostics
public import Migrations
public import Postgres

/// Schema `privacy`.
public enum PrivacyMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(
            owner: "privacy", bundleDirectory: ResourceFolder.find(target: "Privacy", name: "Migrations"))
    }

    /// Brings the schema up to date and marks the columns of whatever schemas came since.
    public static func apply(to database: Database) async throws {
        try await Migrator(database).apply([set()])
        _ = try await DataMapStore(database: database).applyLabels()
    }
}
