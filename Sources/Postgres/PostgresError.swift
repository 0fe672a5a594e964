public import Diagnostics

/// What PostgreSQL, the connection or the pool refused.
public struct PostgresError: Fault, Hashable {
    public enum Kind: String, Sendable {
        /// The server answered with an error; `sqlState` says which.
        case server
        /// No connection could be made.
        case connect
        /// The connection was lost; whether the statement ran is unknown.
        case connectionLost
        /// No connection became free in `Limits.waitMax`.
        case poolExhausted
        /// The pool or connection was closed by us.
        case closed
        /// A column was not of the type asked for.
        case decoding
        /// The Swift task was cancelled and the statement with it.
        case cancelled
    }

    public let kind: Kind
    /// Five characters, for `kind == .server` (`23505`).
    public var sqlState: String?
    public let message: String
    public var detail: String?
    public var serverHint: String?
    public var constraint: String?
    public var table: String?
    public var column: String?
    /// Where a COPY or a function stood: `COPY clients, line 12, column email`.
    public var context: String?

    public init(kind: Kind, message: String, sqlState: String? = nil) {
        self.kind = kind
        self.message = message
        self.sqlState = sqlState
    }

    public var code: String { sqlState.map { "postgres_\($0)" } ?? "postgres_\(kind.rawValue)" }

    public var hint: String {
        if let serverHint { return serverHint }
        switch kind {
        case .connect: return "Check the host, port, user and password of the connection string."
        case .connectionLost: return "See the PostgreSQL server's log; retry when it is up."
        case .poolExhausted: return "Raise connectionsMax, or look for statements that never end."
        default: return detail ?? "See the PostgreSQL documentation for this message."
        }
    }

    static func decoding(column: String, reason: String) -> PostgresError {
        PostgresError(kind: .decoding, message: "column \(column): \(reason)")
    }
}
