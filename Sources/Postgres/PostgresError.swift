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
        /// The server stopped the statement after `Limits.statementTimeout`; it changed nothing.
        case statementTimeout
        /// A value cannot be sent: text with a zero byte, too many values.
        case encoding
        /// The call does not fit the statement: `set` on a shared connection, `copy` through `run`.
        case misuse
    }

    public let kind: Kind
    /// Five characters, for `kind == .server` (`23505`).
    public var sqlState: String?
    public let message: String
    /// `ERROR`, `FATAL` or `PANIC`, in English whatever the server speaks.
    public var severity: String?
    public var detail: String?
    public var serverHint: String?
    /// Where in the statement's text, counted in characters from 1.
    public var position: Int?
    /// Where a COPY or a function stood: `COPY clients, line 12, column email`.
    public var context: String?
    public var schema: String?
    public var table: String?
    public var column: String?
    public var dataType: String?
    public var constraint: String?
    /// The server function that raised it: `RevalidateCachedQuery`.
    public var routine: String?

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
        case .closed: return "Make a new Database; this one was closed."
        case .cancelled: return "Nothing to do: the caller gave up."
        case .statementTimeout: return "Make the statement cheaper, or raise Limits.statementTimeout."
        case .encoding: return "Bind bytes as bytea, or remove the zero byte."
        case .misuse: return "Use transaction, withConnection, copyIn or copyOut for it."
        case .server, .decoding: return detail ?? "See the PostgreSQL documentation for this message."
        }
    }

    static func decoding(column: String, reason: String) -> PostgresError {
        PostgresError(kind: .decoding, message: "column \(column): \(reason)")
    }

    static let cancelled = PostgresError(kind: .cancelled, message: "the task was cancelled")
    static let closed = PostgresError(kind: .closed, message: "the connection was closed")

    /// The same report under another kind.
    func with(kind: Kind) -> PostgresError {
        var other = PostgresError(kind: kind, message: message, sqlState: sqlState)
        other.severity = severity
        other.detail = detail
        other.serverHint = serverHint
        other.position = position
        other.context = context
        other.schema = schema
        other.table = table
        other.column = column
        other.dataType = dataType
        other.constraint = constraint
        other.routine = routine
        return other
    }
}
