internal import Continuity
internal import Foundation
internal import PostgresServer

/// A bank on several machines, for the command line.
public enum ClusterService {
    /// Hosts as `name=address`, or `name=address,front address`.
    public static func prepare(
        dataDirectory: String, name: String, databases: [String], servers: [String], clients: [String], isStrict: Bool,
        isEncrypted: Bool = true
    ) async throws -> [String] {
        let data = DataDirectory(dataDirectory)
        try data.prepare()
        var plan = ClusterPlan(
            name: name, databases: try databases.map(host), servers: try servers.map(host),
            binaries: try PostgresBinaries.find().directory)
        plan.isStrict = isStrict
        plan.isEncrypted = isEncrypted
        plan.clients = clients
        return try await ClusterDesk(dataDirectory: data.path).prepare(plan)
    }

    private static func host(_ text: String) throws -> ClusterPlan.Host {
        guard let host = ClusterPlan.Host(text) else { throw ClusterDesk.unreadable(text) }
        return host
    }

    public static func status(dataDirectory: String) async throws -> (lines: [String], isSound: Bool) {
        try await ClusterDesk(dataDirectory: DataDirectory(dataDirectory).path).status()
    }

    public static func switchover(dataDirectory: String, to host: String?) async throws -> [String] {
        try await ClusterDesk(dataDirectory: DataDirectory(dataDirectory).path).switchover(to: host)
    }

    /// A client beside one database host, for a drill; until the process ends.
    public static func witness(host: String, address: String, log: String) async throws {
        try await FailoverWitness(host: host, address: address, log: log).run()
    }

    /// Beside Patroni on a database host, until the process ends: ends the lease of a leader that is gone.
    public static func guardLease(
        host: String, cluster: String, etcd: String, certificates: String?, report: @Sendable (String) -> Void
    ) async throws {
        try await LeaseGuard(host: host, cluster: cluster, etcd: etcd, certificates: certificates).run(report: report)
    }

    /// What a drill plays.
    public struct DrillOrder: Sendable {
        public var dataDirectory: String
        public var faults: [String]
        public var rounds: Int
        public var hasServers = true
        public var program: String

        public init(dataDirectory: String, faults: [String], rounds: Int, program: String) {
            self.dataDirectory = dataDirectory
            self.faults = faults
            self.rounds = rounds
            self.program = program
        }
    }

    public static var faults: [(name: String, words: String)] {
        FailoverFault.allCases.map { ($0.rawValue, $0.words) }
    }

    /// Why no cluster can be played on this machine; nil when one can.
    public static func obstacle() -> String? { FailoverDrill.obstacle() }

    /// The command that runs `arguments` where hosts can be played: with networks and processes of its own, which all end with it.
    public static func secluded(_ command: [String]) -> [String] {
        // A shell that reaps whatever the programs of the hosts leave behind: a dead server that nobody buries looks alive.
        let script = "mkdir -p /run/netns && mount -t tmpfs tmpfs /run/netns && \"$@\"; exit $?"
        return [
            "/usr/bin/unshare", "--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
            "--mount-proc", "/bin/bash", "-c", script, "cluster-drill",
        ] + command
    }

    /// Puts another program in this one's place; comes back only when that fails.
    public static func become(_ command: [String]) throws -> Int32 {
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) }
        arguments.append(nil)
        execv(command[0], &arguments)
        throw ClusterDesk.notStarted(command[0], String(cString: strerror(errno)))
    }

    public static func drill(
        _ order: DrillOrder, report: @escaping @Sendable (String) -> Void
    ) async throws -> (lines: [String], isSound: Bool) {
        let data = DataDirectory(order.dataDirectory)
        let chosen = order.faults.compactMap(FailoverFault.init(rawValue:))
        let all = chosen.isEmpty ? FailoverFault.allCases : chosen
        var request = FailoverDrill.Request(
            directory: data.path + "/cluster-play", program: order.program,
            faults: (0..<order.rounds).map { all[$0 % all.count] }
        ) { directory in
            let played = DataDirectory(directory)
            _ = try await played.vaultKeys()
            return try ApiKeys.open(played).key(for: "service_role")
        }
        request.hasServers = order.hasServers
        let found = try await FailoverDrill(request, report: report).run()
        return (found.table() + [try found.write(to: data.path + "/cluster-play")], found.isSound)
    }
}
