internal import Diagnostics
public import Migrations

/// Schema `auth`. Goes behind the bank's own migrations, which make the API's roles and `auth.uid()`.
public enum AuthMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(owner: "auth", bundleDirectory: ResourceFolder.find(target: "Auth", name: "Migrations"))
    }
}
