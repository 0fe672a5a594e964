public import Diagnostics

/// Why a database was not migrated. Nothing of the refused migration stays behind.
public struct MigrationError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    static func folderUnreadable(_ path: String) -> MigrationError {
        MigrationError(
            code: "migrations_missing", message: "the migrations folder \(path) cannot be read",
            hint: "Keep the .resources folders beside the digitalbank program.")
    }

    static func fileUnreadable(_ path: String) -> MigrationError {
        MigrationError(
            code: "migrations_missing", message: "the migration \(path) cannot be read as UTF-8",
            hint: "Restore the file from the release.")
    }

    static func badFileName(_ file: String, owner: String) -> MigrationError {
        MigrationError(
            code: "migration_bad_name", message: "\(owner) has a migration named \(file)",
            hint: "Name it NNNN_what.sql, for example 0004_holds.sql.")
    }

    static func numbersNotContiguous(owner: String, expected: Int, found: Migration) -> MigrationError {
        MigrationError(
            code: "migrations_not_contiguous",
            message: "\(owner) has the migration \(found.fileName) where number \(expected) is expected",
            hint: "Number the migrations of a target 1, 2, 3, … with neither a gap nor a repetition.")
    }

    static func edited(owner: String, _ migration: Migration) -> MigrationError {
        MigrationError(
            code: "migration_edited",
            message: "\(owner)'s migration \(migration.fileName) is not the one that this database has run",
            hint: "Put the file back as it was and write the change as a new migration.")
    }

    static func unknown(owner: String, number: Int, name: String) -> MigrationError {
        MigrationError(
            code: "migration_unknown",
            message:
                "this database has run migration \(number) (\(name)) of \(owner), which this program does not have",
            hint: "Use the release of digitalbank that migrated this database, or a later one.")
    }

    static func failed(owner: String, _ migration: Migration, _ cause: any Error) -> MigrationError {
        let words = (cause as? any Fault)?.message ?? "\(cause)"
        return MigrationError(
            code: "migration_failed", message: "\(owner)'s migration \(migration.fileName) failed: \(words)",
            hint: (cause as? any Fault)?.hint ?? "Nothing of it was kept; repair the cause and migrate again.")
    }

    static func endsTransaction(owner: String, _ migration: Migration) -> MigrationError {
        MigrationError(
            code: "migration_ends_transaction",
            message: "\(owner)'s migration \(migration.fileName) commits or rolls back",
            hint: "Take commit, rollback and begin out of the file: each migration runs in one transaction.")
    }
}
