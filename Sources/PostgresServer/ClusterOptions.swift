extension Cluster {
    /// What a cluster is for and how much it may take.
    public struct Options: Sendable, Codable, Equatable {
        /// Everything of the cluster goes below it: `data`, `socket`, `log`.
        public var directory: String
        public var superuser = "digitalbank"
        /// Loopback TCP port; nil for a Unix socket only; 0 for a free one, chosen at the first start and kept.
        public var port: Int?
        /// False for throw-away clusters: no fsync, minimal WAL, no autovacuum.
        public var isDurable = true
        /// Extra lines for `postgresql.conf`; they win over ours.
        public var settings: [String: String] = [:]
        /// True for the restored bank, which stays up when our process ends; false for tests and clean rooms, which die
        /// with our process even when it is killed.
        public var outlivesOwner = false
        /// Removes `directory` when our process dies without stopping the cluster; needs `outlivesOwner == false`.
        public var isRemovedWithOwner = false
        public var limits = Limits()

        public init(directory: String) { self.directory = directory }
    }

    /// Bounds for a cluster that holds what nobody trusts. Nil means no bound.
    public struct Limits: Sendable, Codable, Equatable {
        /// Bytes on disk below the cluster's folder; beyond it the server is stopped at once. Looked at twice a second.
        public var diskBytesMax: Int64?
        /// Address space of each server process, shared memory included.
        public var memoryBytesMax: Int64?
        /// `statement_timeout` of every session that does not set its own.
        public var statementMillisecondsMax: Int?

        public init() {}
    }

    public enum StopMode: String, Sendable {
        /// Ends all sessions, writes everything out.
        case fast
        /// Ends at once; the next start recovers from the WAL. Right for what is thrown away.
        case immediate
    }

    public enum Status: Sendable, Equatable {
        case running(processIdentifier: Int32)
        /// Started, or recovering from a crash, and not yet taking connections.
        case starting(processIdentifier: Int32)
        case stopped
        /// `postmaster.pid` is there and its process is not: the server or the machine died. A start recovers.
        case crashed
    }
}
