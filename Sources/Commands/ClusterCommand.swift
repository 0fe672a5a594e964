internal import ArgumentParser
internal import Foundation
internal import Platform

struct ClusterCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "A bank on several machines: Patroni, etcd, HAProxy; failover that is drilled.",
        subcommands: [Initialise.self, Status.self, Switchover.self, Drill.self, Guard.self, Witness.self])

    struct Initialise: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init", abstract: "Write a folder of files for each host: settings, units, an install script.",
            discussion: "Nothing is installed by it. Pass words that were made before stay.")

        @OptionGroup var place: DataPlace

        @Option(help: "The cluster's name.")
        var name = "bank"

        @Option(
            help: ArgumentHelp(
                "A host of PostgreSQL, Patroni and etcd; three, five or seven of them.",
                valueName: "name=address[,front address]"))
        var databaseHost: [String] = []

        @Option(
            help: ArgumentHelp("A host of a server of the bank with HAProxy; two or more.", valueName: "name=address"))
        var serverHost: [String] = []

        @Option(help: ArgumentHelp("Another machine that may connect; may be repeated.", valueName: "address"))
        var client: [String] = []

        @Flag(help: "Refuse writes while no second machine has them.")
        var strict = false

        @Flag(help: "No TLS between etcd, Patroni and whoever asks them.")
        var plain = false

        func run() async throws {
            try await CommandRunner.run {
                let lines = try await ClusterService.prepare(
                    dataDirectory: place.dataDir, name: name, databases: databaseHost, servers: serverHost,
                    clients: client,
                    isStrict: strict, isEncrypted: !plain)
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "status", abstract: "Who leads, who is synchronous, who is out of step.",
            discussion: "Ends with 3 when anything is not as it should be.")

        @OptionGroup var place: DataPlace

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isSound) = try await ClusterService.status(dataDirectory: place.dataDir)
                for line in lines { Terminal.output(line) }
                return isSound ? 0 : 3
            }
        }
    }

    struct Switchover: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "switchover", abstract: "Hand the lead to a synchronous standby, and measure the pause.")

        @OptionGroup var place: DataPlace

        @Option(help: ArgumentHelp("The host that is to lead.", valueName: "name"))
        var to: String?

        func run() async throws {
            try await CommandRunner.run {
                let lines = try await ClusterService.switchover(dataDirectory: place.dataDir, to: to)
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Drill: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drill",
            abstract: "Play a cluster on this machine, in network namespaces, and let faults befall it.",
            discussion: """
                Three database hosts and two servers; clients move money all the while. Needs root, Patroni, etcd and HAProxy.
                Ends with 3 when an acknowledged transfer was lost or two leaders accepted writes.
                """)

        @OptionGroup var place: DataPlace

        @Option(help: "Rounds; the faults take turns.")
        var rounds = 8

        @Option(help: ArgumentHelp("Only this fault; may be repeated.", valueName: "fault"))
        var fault: [String] = []

        @Flag(help: "Without the bank's servers: the databases alone.")
        var withoutServers = false

        @Flag(help: .hidden)
        var inside = false

        func validate() throws {
            let known = ClusterService.faults.map(\.name)
            for name in fault where !known.contains(name) {
                throw ValidationError("--fault \(name) is none of: \(known.joined(separator: ", "))")
            }
            guard (1...1000).contains(rounds) else { throw ValidationError("--rounds takes 1 to 1000") }
        }

        func run() async throws {
            try await CommandRunner.run {
                if let obstacle = ClusterService.obstacle() {
                    Terminal.error("no cluster can be played here: \(obstacle)")
                    return 6
                }
                let program = try program()
                guard inside else {
                    return try seclude(program)
                }
                var order = ClusterService.DrillOrder(
                    dataDirectory: place.dataDir, faults: fault, rounds: rounds, program: program)
                order.hasServers = !withoutServers
                let (lines, isSound) = try await ClusterService.drill(order) { Terminal.output($0) }
                for line in lines { Terminal.output(line) }
                return isSound ? 0 : 3
            }
        }

        private func program() throws -> String {
            guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
                throw ValidationError("this program's own file can not be found")
            }
            return path
        }

        /// The same command again, in networks and processes of its own.
        private func seclude(_ program: String) throws -> Int32 {
            let command = ClusterService.secluded(
                [program, "cluster", "drill", "--inside", "--data-dir", place.dataDir, "--rounds", "\(rounds)"]
                    + fault.flatMap { ["--fault", $0] } + (withoutServers ? ["--without-servers"] : []))
            return try ClusterService.become(command)
        }
    }

    struct Guard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "guard",
            abstract: "Beside Patroni: as the synchronous standby, end the lease of a leader that is gone.",
            discussion: "Runs on each database host until it is stopped; cluster init writes its unit.")

        @Argument(help: "The host's name in the cluster.")
        var host: String

        @Option(help: "The cluster's name.")
        var cluster = "digitalbank"

        @Option(help: "Where etcd of this host answers.")
        var etcd = "https://127.0.0.1:2379"

        @Option(help: ArgumentHelp("The folder of host.pem, host.key and ca.pem.", valueName: "dir"))
        var certificates: String?

        func run() async throws {
            try await CommandRunner.run {
                try await ClusterService.guardLease(
                    host: host, cluster: cluster, etcd: etcd, certificates: certificates
                ) { Terminal.output($0) }
                return 0
            }
        }
    }

    struct Witness: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "witness", abstract: "Write beside one database host and note what it acknowledges.",
            shouldDisplay: false)

        @Argument(help: "The host's name.")
        var host: String

        @Option(help: "The host's own server.")
        var database: String

        @Option(help: "Where acknowledged writes are noted.")
        var log: String

        func run() async throws {
            try await CommandRunner.run {
                try await ClusterService.witness(host: host, address: database, log: log)
                return 0
            }
        }
    }
}
