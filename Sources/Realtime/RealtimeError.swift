public import Diagnostics

/// Why the change feed cannot run.
public struct RealtimeError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    public init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    static func notLogical(_ level: String) -> RealtimeError {
        RealtimeError(
            code: "realtime_wal_level",
            message: "the server writes its log with wal_level = \(level); changes can be read from \"logical\" only",
            hint: "Set wal_level = logical and restart PostgreSQL (on a managed one: its page of settings).")
    }

    static func notAllowed(_ role: String) -> RealtimeError {
        RealtimeError(
            code: "realtime_no_replication",
            message: "the role \(role) may not read the log: it lacks the attribute REPLICATION",
            hint: "Ask an administrator for: alter role … replication (or, on Amazon RDS: grant rds_replication to …).")
    }

    static func notMigrated() -> RealtimeError {
        RealtimeError(
            code: "realtime_not_migrated", message: "the schema realtime or its publications are missing",
            hint: "Apply the migrations of Realtime to this database first.")
    }
}
