internal import ArgumentParser
internal import Platform

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Restore the bank to a moment, into a cluster beside the running one; switch over to it.",
        subcommands: [Cluster.self, Switch.self], defaultSubcommand: Cluster.self)

    struct Cluster: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cluster", abstract: "Restore into a fresh cluster beside the running one (the default).",
            discussion: "Without a moment: as far as the log reaches.")

        @OptionGroup var place: DataPlace

        @Option(help: ArgumentHelp("To this time, with its zone: '2026-11-29 10:00:00+01'.", valueName: "time"))
        var toTime: String?

        @Option(help: ArgumentHelp("To this place in the log: 0/3000060.", valueName: "lsn"))
        var toLsn: String?

        @Flag(help: "Stop just before the place of --to-lsn.")
        var exclusive = false

        @Option(help: ArgumentHelp("The new cluster's folder.", valueName: "dir"))
        var into: String?

        @Option(help: ArgumentHelp("From this set.", valueName: "label"))
        var set: String?

        @Option(help: "From this repository only.")
        var repository: Int?

        func validate() throws {
            if toTime != nil, toLsn != nil { throw ValidationError("give one of --to-time and --to-lsn") }
            if let into, !into.hasPrefix("/") { throw ValidationError("--into takes an absolute path") }
        }

        func run() async throws {
            try await CommandRunner.run {
                var order = ContinuityService.RestoreOrder(dataDirectory: place.dataDir)
                order.time = toTime
                order.position = toLsn
                order.isPositionIncluded = !exclusive
                order.into = into
                order.label = set
                order.repository = repository
                for line in try await ContinuityService.restore(order) { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Switch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "switch", abstract: "Put a restored cluster in the bank's place; the one before is kept.")

        @OptionGroup var place: DataPlace

        @Argument(help: "The restored cluster's folder.")
        var directory: String

        func run() async throws {
            try await CommandRunner.run {
                let lines = try await ContinuityService.switchOver(dataDirectory: place.dataDir, to: directory)
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }
}

struct DrillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drill", abstract: "Prove a backup: restore it in a clean room and ask whether it is a bank.",
        subcommands: [Run.self])

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run", abstract: "Restore, check, measure RTO and RPO, sign the report.")

        @OptionGroup var place: DataPlace

        @Option(help: "newest, older, lost-repository-1, lost-server.")
        var scenario = "newest"

        @Option(help: ArgumentHelp("This set instead of one that is chosen.", valueName: "label"))
        var set: String?

        @Flag(help: "Keep the restored cluster when a check fails.")
        var keepFailed = false

        func run() async throws {
            try await CommandRunner.run {
                let (lines, passed) = try await ContinuityService.drill(
                    dataDirectory: place.dataDir, scenario: scenario, label: set, keepsFailed: keepFailed)
                for line in lines { Terminal.output(line) }
                return passed ? 0 : 3
            }
        }
    }
}
