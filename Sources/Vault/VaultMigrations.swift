internal import Diagnostics
public import Migrations

/// Schema `vault`.
public enum VaultMigrations {
    public static func set() throws -> MigrationSet {
        try MigrationSet.load(
            owner: "vault", bundleDirectory: ResourceFolder.find(target: "Vault", name: "Migrations"))
    }
}
