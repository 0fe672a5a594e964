/// Where the server is and how much of it one pool may take.
public struct DatabaseConfiguration: Sendable {
    /// A libpq connection string: `postgresql://user@host:port/db?sslmode=verify-full` or `host=… dbname=…`.
    public var connectionString: String
    /// Kept apart so that it is never printed with the connection string.
    public var password: String?
    public var limits: Limits

    public struct Limits: Sendable {
        public var connectionsMax = 8
        /// Statements in flight on one shared connection.
        public var pipelineDepthMax = 64
        /// How long a request waits for a free connection.
        public var waitMax: Duration = .seconds(10)
        /// `statement_timeout` of every connection; zero means none.
        public var statementTimeout: Duration = .zero
        public var connectTimeout: Duration = .seconds(10)
        /// Prepared statements kept per connection.
        public var preparedStatementsMax = 256

        public init() {}
    }

    public init(_ connectionString: String, password: String? = nil, limits: Limits = Limits()) {
        self.connectionString = connectionString
        self.password = password
        self.limits = limits
    }
}
