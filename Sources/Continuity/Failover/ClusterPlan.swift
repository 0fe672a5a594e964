internal import Foundation

/// A bank on several machines: which hosts hold PostgreSQL under Patroni with etcd beside it, which serve the API.
public struct ClusterPlan: Codable, Sendable, Hashable {
    public struct Host: Codable, Sendable, Hashable {
        public let name: String
        /// Where the other hosts of the cluster reach it.
        public let address: String
        /// Where servers and proxies reach it, when that is another network.
        public var front: String?

        public init(name: String, address: String, front: String? = nil) {
            self.name = name
            self.address = address
            self.front = front
        }

        var frontAddress: String { front ?? address }

        /// `db1=10.0.0.1`, or `db1=10.0.0.1,192.168.0.1` with the address for servers behind the comma.
        public init?(_ text: String) {
            let halves = text.split(separator: "=", maxSplits: 1).map(String.init)
            guard halves.count == 2 else { return nil }
            let addresses = halves[1].split(separator: ",", maxSplits: 1).map(String.init)
            guard Self.isName(halves[0]), !addresses.isEmpty, addresses.allSatisfy(Self.isAddress) else { return nil }
            self.init(name: halves[0], address: addresses[0], front: addresses.count > 1 ? addresses[1] : nil)
        }

        /// What may stand in a file of any of the programs, unquoted.
        static func isName(_ text: String) -> Bool {
            (1...32).contains(text.utf8.count) && text.first?.isLetter == true
                && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == 45 }
        }

        static func isAddress(_ text: String) -> Bool {
            (1...253).contains(text.utf8.count)
                && text.utf8.allSatisfy {
                    (97...122).contains($0) || (65...90).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 46
                }
        }
    }

    public struct Ports: Codable, Sendable, Hashable {
        public var postgres = 5432
        public var patroni = 8008
        public var etcdClients = 2379
        public var etcdPeers = 2380
        /// Of HAProxy on a server's host: to the leader, to the standbys, to the bank's servers.
        public var leader = 5442
        public var standbys = 5443
        public var bank = 8000
        /// Of `digitalbank serve` behind it.
        public var serve = 8080
        public var serveAdmin = 8081

        public init() {}
    }

    /// Seconds. Patroni refuses a `ttl` below 20; a loop and two retries must fit into it.
    public struct Timing: Codable, Sendable, Hashable {
        public var leaseSeconds = 20
        public var loopSeconds = 1
        public var retrySeconds = 3

        public init() {}
    }

    public var name: String
    public var databases: [Host]
    public var servers: [Host]
    /// Machines that may connect besides the hosts, such as the one where the cluster is administered.
    public var clients: [String] = []
    public var ports = Ports()
    public var timing = Timing()
    /// Refuse writes while no second machine has them; otherwise a lonely leader goes on alone.
    public var isStrict = false
    /// TLS between etcd, Patroni and whoever asks them; nil, of a cluster made before, is none.
    public var isEncrypted: Bool?
    public var binaries: String
    /// PostgreSQL's data on each host, etcd's beside it.
    public var directory = "/var/lib/digitalbank-cluster"
    /// Where the files of `cluster init` are installed on each host.
    public var configuration = "/etc/digitalbank-cluster"
    /// Nil for none: every connection goes over TCP.
    public var sockets: String? = "/var/run/postgresql"

    public static let databaseName = "digitalbank"
    public static let ownerName = "digitalbank"

    public init(name: String, databases: [Host], servers: [Host], binaries: String) {
        self.name = name
        self.databases = databases
        self.servers = servers
        self.binaries = binaries
    }

    var hasTLS: Bool { isEncrypted == true }
    var scheme: String { hasTLS ? "https" : "http" }

    func checked() throws(ContinuityError) -> ClusterPlan {
        let all = databases + servers
        guard databases.count >= 3, databases.count <= 7, databases.count % 2 == 1 else {
            throw .cluster("\(databases.count) database hosts: a majority needs 3, 5 or 7")
        }
        guard Host.isName(name) else { throw .cluster("\(name) is no name: small letters, digits and - only") }
        guard clients.allSatisfy(Host.isAddress) else { throw .cluster("a client's address can not be read") }
        guard Set(all.map(\.name)).count == all.count, Set(all.map(\.address)).count == all.count else {
            throw .cluster("two hosts have the same name or address")
        }
        let bound = max(timing.loopSeconds, 1) + 2 * timing.retrySeconds
        guard timing.leaseSeconds >= 20, bound <= timing.leaseSeconds else {
            throw .cluster(
                "a lease of \(timing.leaseSeconds) s is shorter than 20 s or than \(bound) s of a loop's retries")
        }
        return self
    }

    /// What a server connects with: all hosts, of which libpq takes the one that may write. A host that has vanished without a
    /// word is noticed after five seconds.
    public func address(user: String = Self.ownerName) -> String {
        let hosts = databases.map { "\($0.frontAddress):\(ports.postgres)" }.joined(separator: ",")
        return "postgresql://\(user)@\(hosts)/\(Self.databaseName)?target_session_attrs=read-write" + Self.patience
    }

    /// The same through HAProxy beside the server.
    public func proxiedAddress(user: String = Self.ownerName) -> String {
        "postgresql://\(user)@127.0.0.1:\(ports.leader)/\(Self.databaseName)?target_session_attrs=read-write"
            + Self.patience
    }

    static let patience =
        "&connect_timeout=2&tcp_user_timeout=5000&keepalives_idle=3&keepalives_interval=1&keepalives_count=3"
}

extension ContinuityError {
    static func cluster(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "cluster_invalid", message: what,
            hint:
                "Give three hosts: --database-host db1=10.0.0.1 (and db2, db3), servers with --server-host web1=10.0.0.11",
            exitStatus: .badInput)
    }

    static func clusterAway(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "cluster_unreachable", message: what,
            hint:
                "Ask each host with: systemctl status digitalbank-patroni digitalbank-etcd; see docs/runbooks/failover.md",
            exitStatus: .environment)
    }

    static func switchover(_ what: String) -> ContinuityError {
        ContinuityError(
            code: "cluster_switchover_refused", message: what,
            hint: "Look with: digitalbank cluster status. A switchover needs a leader and a synchronous standby.",
            exitStatus: .conflict)
    }
}
