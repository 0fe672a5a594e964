public import Diagnostics

/// The numbered `.sql` files of one target.
public struct MigrationSet: Sendable {
    /// The owner, as in `meta.migrations.owner`: `bank`, `vault`.
    public let owner: String
    public let migrations: [Migration]

    public init(owner: String, migrations: [Migration]) {
        self.owner = owner
        self.migrations = migrations.sorted { $0.number < $1.number }
    }
}

/// One file: `0001_comptes.sql`.
public struct Migration: Sendable, Hashable {
    public let number: Int
    public let name: String
    public let sql: String

    public init(number: Int, name: String, sql: String) {
        self.number = number
        self.name = name
        self.sql = sql
    }
}

public struct MigrationError: Fault {
    public let code: String
    public let message: String
    public let hint: String
}
