internal import Foundation
internal import PostgresServer

/// A cluster of three database hosts and two servers that run on this machine, each in a network namespace of its own. Ends
/// with the process namespace it runs in.
final class PlayedCluster: Sendable {
    let plan: ClusterPlan
    let secrets: ClusterSecrets
    let network = PlayedNetwork()
    let directory: String
    /// Our own program, for servers and witnesses.
    let program: String

    static let needed = PlayedNetwork.programs + ["/usr/bin/patroni", "/usr/bin/etcd", "/usr/sbin/haproxy"]

    /// What keeps a cluster from being played here; nil when nothing does.
    static func obstacle() -> String? {
        if let missing = needed.first(where: { access($0, X_OK) != 0 }) { return "\(missing) is not installed" }
        return geteuid() == 0 ? nil : "network namespaces are made by root only"
    }

    init(directory: String, program: String) throws {
        var plan = ClusterPlan(
            name: "played", databases: (1...3).map { PlayedNetwork.host("db\($0)", $0) },
            servers: (1...2).map { PlayedNetwork.host("web\($0)", 10 + $0) },
            binaries: try PostgresBinaries.find().directory)
        plan.sockets = nil
        plan.clients = PlayedNetwork.Wire.allCases.map { $0.block + ".254" }
        plan.directory = directory
        plan.isEncrypted = true
        self.plan = try plan.checked()
        self.directory = directory
        self.program = program
        secrets = try ClusterSecrets.make()
    }

    var client: PatroniClient {
        PatroniClient(plan: plan, password: secrets.patroni, authority: authority.authority)
    }

    private var authority: ClusterAuthority { ClusterAuthority(folder: directory + "/authority") }

    func folder(_ host: String) -> String { "\(directory)/\(host)" }

    func start() async throws {
        try ContinuityFolder.make(directory, mode: 0o711)
        try await network.make(plan.databases + plan.servers)
        try await authority.prepare()
        for host in plan.databases {
            let folder = folder(host.name)
            try Cluster.makeServerFolder(folder)
            try await authority.certify(host, into: folder)
            let patroni = PatroniText(
                plan: plan, secrets: secrets, host: host, directory: folder, bootstrap: folder + "/bootstrap",
                certificates: folder)
            let files = [
                "patroni.yml": patroni.text,
                "etcd.yml": HostTexts.etcd(plan, host, directory: folder, certificates: folder),
                "bootstrap": HostTexts.bootstrap(secrets), PatroniStart.name: PatroniStart.script,
            ]
            for (name, text) in files {
                try ContinuityFolder.write(text, to: "\(folder)/\(name)")
                if ["bootstrap", PatroniStart.name].contains(name) { chmod("\(folder)/\(name)", 0o700) }
            }
            // Theirs, as the folder is.
            try await ToolRun.run("/usr/bin/chown", ["-R", "--reference=\(folder)", folder]).checked("chown")
        }
        for host in plan.databases { try startEtcd(host.name) }
        // One makes the bank, the others follow it.
        for host in plan.databases { try startPatroni(host.name) }
        for host in plan.databases {
            try run(
                host.name, "guard",
                [program] + HostTexts.guardArguments(plan, host, certificates: folder(host.name)))
        }
    }

    func startEtcd(_ host: String) throws {
        try run(host, "etcd", ["/usr/bin/etcd", "--config-file", folder(host) + "/etcd.yml"], asServerUser: true)
    }

    func startPatroni(_ host: String) throws {
        try run(
            host, "patroni", ["\(folder(host))/\(PatroniStart.name)", folder(host) + "/patroni.yml"], asServerUser: true
        )
    }

    /// A client on the host itself, which no cut cable keeps from its server.
    func startWitness(_ host: String) throws {
        let address =
            "postgresql://\(ClusterPlan.ownerName)@127.0.0.1:\(plan.ports.postgres)/\(ClusterPlan.databaseName)"
            + "?connect_timeout=2"
        try run(
            host, "witness",
            [program, "cluster", "witness", host, "--database", address, "--log", folder(host) + "/witnessed"],
            variables: ["PGPASSWORD=\(secrets.owner)"])
    }

    /// - Parameter keys: the folder of keys that all servers share.
    func startServer(_ host: ClusterPlan.Host, keys: String, isProxied: Bool) async throws {
        let folder = folder(host.name)
        try ContinuityFolder.make(folder, mode: 0o700)
        try await ToolRun.run("/usr/bin/cp", ["-a", keys, folder + "/keys"]).checked("cp")
        try ContinuityFolder.write(
            HostTexts.proxy(plan, bind: "127.0.0.1", certificates: authority.folder), to: folder + "/haproxy.cfg")
        try run(host.name, "haproxy", ["/usr/sbin/haproxy", "-W", "-f", folder + "/haproxy.cfg"])
        // Started again when it fails, as its unit does: the proxy may not listen yet.
        let again = ["/bin/sh", "-c", "until \"$@\"; do sleep 0.5; done", "serve"]
        try run(
            host.name, "serve",
            again + [
                program, "serve", "--database", isProxied ? plan.proxiedAddress() : plan.address(), "--data-dir",
                folder, "--host", "0.0.0.0", "--port", "\(plan.ports.serve)", "--admin-port",
                "\(plan.ports.serveAdmin)",
            ], variables: ["PGPASSWORD=\(secrets.owner)"])
    }

    /// Processes of a host's database: Patroni, PostgreSQL, and with `etcd` the cluster's memory too.
    func processes(_ host: String, withEtcd: Bool) async throws -> [Int32] {
        try await network.processes(host, withEtcd ? ["patroni", "postgres", "etcd"] : ["patroni", "postgres"])
    }

    func postmaster(_ host: String) -> Int32? {
        let file = folder(host) + "/data/postmaster.pid"
        guard let data = FileManager.default.contents(atPath: file) else { return nil }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").first.flatMap { Int32($0) }
    }

    private func run(
        _ host: String, _ name: String, _ command: [String], asServerUser: Bool = false, variables: [String] = []
    ) throws {
        var command = command
        if asServerUser {
            var status = stat()
            guard stat(folder(host), &status) == 0 else {
                throw ContinuityError.file("look at", folder(host), String(cString: strerror(errno)))
            }
            let user = ["--reuid=\(status.st_uid)", "--regid=\(status.st_gid)"]
            command = ["/usr/bin/setpriv"] + user + ["--clear-groups", "--no-new-privs", "--"] + command
        }
        if !variables.isEmpty { command = ["/usr/bin/env"] + variables + command }
        _ = try DetachedProcess.start(PlayedNetwork.entering(host, command), log: "\(directory)/\(host)-\(name).log")
    }
}
