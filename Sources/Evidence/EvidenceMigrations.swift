internal import Diagnostics
public import Migrations

/// Schema `evidence`.
public enum EvidenceMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(
            owner: "evidence", bundleDirectory: ResourceFolder.find(target: "Evidence", name: "Migrations"))
    }
}
