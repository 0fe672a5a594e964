internal import Foundation

/// What befalls a cluster in a drill.
public enum FailoverFault: String, CaseIterable, Codable, Sendable {
    /// PostgreSQL of the leader gets kill -9.
    case killed
    /// The leader's cables are pulled, both.
    case cut
    /// Patroni and PostgreSQL of the leader stop, and go on long after another leads.
    case frozen
    /// The leader loses the other hosts, and not its clients.
    case split
    /// Everything on the leader's host gets kill -9; it is started again later.
    case lost
    /// No etcd answers for longer than a lease.
    case etcd
    /// The lead is handed over in order.
    case switchover
    /// The synchronous standby's host is lost.
    case standby

    public var words: String {
        switch self {
        case .killed: "kill -9 of the leader's PostgreSQL"
        case .cut: "cables of the leader's host pulled"
        case .frozen: "Patroni and PostgreSQL of the leader frozen, thawed behind the change"
        case .split: "the leader sees its clients but no other host"
        case .lost: "kill -9 of everything on the leader's host"
        case .etcd: "all etcd frozen for longer than a lease"
        case .switchover: "planned switchover"
        case .standby: "kill -9 of everything on the synchronous standby's host"
        }
    }

    /// Whether another host leads afterwards.
    var changesLeader: Bool { self != .etcd && self != .standby }

    func strike(_ cluster: PlayedCluster, leader: String, standby: String) async throws {
        let network = cluster.network
        switch self {
        case .killed:
            guard let postmaster = cluster.postmaster(leader) else { return }
            kill(postmaster, SIGKILL)
        case .cut:
            for wire in PlayedNetwork.Wire.allCases { try await network.set(leader, wire, isUp: false) }
        case .split: try await network.set(leader, .cluster, isUp: false)
        case .frozen: try await signal(SIGSTOP, cluster.processes(leader, withEtcd: false))
        case .lost: try await signal(SIGKILL, cluster.processes(leader, withEtcd: true))
        case .standby: try await signal(SIGKILL, cluster.processes(standby, withEtcd: true))
        case .etcd:
            for host in cluster.plan.databases { try await signal(SIGSTOP, network.processes(host.name, ["etcd"])) }
        case .switchover: try await cluster.client.switchover(from: leader, to: nil)
        }
    }

    func mend(_ cluster: PlayedCluster, leader: String, standby: String) async throws {
        let network = cluster.network
        switch self {
        case .killed, .switchover: break
        case .cut, .split:
            for wire in PlayedNetwork.Wire.allCases { try await network.set(leader, wire, isUp: true) }
        case .frozen: try await signal(SIGCONT, cluster.processes(leader, withEtcd: false))
        case .lost, .standby:
            let host = self == .lost ? leader : standby
            try cluster.startEtcd(host)
            try cluster.startPatroni(host)
        case .etcd:
            for host in cluster.plan.databases { try await signal(SIGCONT, network.processes(host.name, ["etcd"])) }
        }
    }

    private func signal(_ number: Int32, _ processes: [Int32]) {
        for process in processes { kill(process, number) }
    }
}
