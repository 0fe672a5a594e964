internal import CLibpq

/// Where the server is and how much of it one pool may take. Printing it never shows a password.
public struct DatabaseConfiguration: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    /// A libpq connection string: `postgresql://user@host:port/db?sslmode=verify-full` or `host=… dbname=…`.
    public var connectionString: String
    /// Kept apart so that it is never printed with the connection string.
    public var password: String?
    public var limits: Limits

    public struct Limits: Sendable {
        public var connectionsMax = 8
        /// Statements in flight on one shared connection.
        public var pipelineDepthMax = 64
        /// Requests that wait for room on a connection; more are refused at once.
        public var waitingMax = 100_000
        /// How long a request waits for a free connection.
        public var waitMax: Duration = .seconds(10)
        /// `statement_timeout` of every connection; zero means none.
        public var statementTimeout: Duration = .zero
        /// With a statement time-out: how much later than it an answer may come before the connection counts as lost.
        public var silenceMax: Duration = .seconds(5)
        /// Per host of the connection string, in whole seconds; libpq waits 2 seconds at least.
        public var connectTimeout: Duration = .seconds(10)
        /// First pause after a failed connection attempt; it doubles, with jitter, up to `reconnectPauseMax`.
        public var reconnectPauseMin: Duration = .milliseconds(50)
        public var reconnectPauseMax: Duration = .seconds(5)
        /// Prepared statements kept per connection.
        public var preparedStatementsMax = 256

        public init() {}

        /// Connections that `transaction` and `withConnection` may hold at once: one is kept for `run`, so that a
        /// statement inside a transaction's body that uses the pool cannot wait for itself for ever.
        public var exclusiveMax: Int { max(1, connectionsMax - 1) }
    }

    public init(_ connectionString: String, password: String? = nil, limits: Limits = Limits()) {
        self.connectionString = connectionString
        self.password = password
        self.limits = limits
    }

    /// Host, port, database and user.
    public var description: String {
        guard let options = ConnectionOptions(parsing: connectionString) else {
            return "an unreadable connection string"
        }
        return ["host", "hostaddr", "port", "dbname", "user", "sslmode"]
            .compactMap { name in options[name].map { "\(name)=\($0)" } }
            .joined(separator: " ")
    }

    public var debugDescription: String { description }
    public var customMirror: Mirror { Mirror(self, children: ["target": description]) }
}

/// A connection string taken apart by libpq.
struct ConnectionOptions {
    private let values: [String: String]

    /// Nil when libpq cannot read it. Its message may quote the string, password included, so it is not kept.
    init?(parsing connectionString: String) {
        var message: UnsafeMutablePointer<CChar>?
        guard let list = PQconninfoParse(connectionString, &message) else {
            PQfreemem(message)
            return nil
        }
        defer { PQconninfoFree(list) }
        var found: [String: String] = [:]
        var option = list
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { found[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        values = found
    }

    subscript(name: String) -> String? { values[name] }
}
