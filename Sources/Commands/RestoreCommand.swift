internal import ArgumentParser
internal import Platform

struct RestoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Restore the bank to a moment, into a cluster beside the running one; switch over to it.",
        subcommands: [Cluster.self, FindDestruction.self, Rows.self, Switch.self], defaultSubcommand: Cluster.self)

    struct Cluster: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "cluster", abstract: "Restore into a fresh cluster beside the running one (the default).",
            discussion: """
                Without a moment: as far as the log reaches. On a machine that has nothing else: with --repository PATH, the \
                folder of a repository, and --keys DIR, a copy of the bank's keys. Ends with 3 when a check fails or log is \
                known to be lost.
                """)

        @OptionGroup var place: DataPlace

        @Option(help: ArgumentHelp("To this time, with its zone: '2026-11-29 10:00:00+01'.", valueName: "time"))
        var toTime: String?

        @Option(help: ArgumentHelp("To this place in the log: 0/3000060.", valueName: "lsn"))
        var toLsn: String?

        @Option(help: ArgumentHelp("To just before this incident's first hostile act.", valueName: "id"))
        var beforeIncident: String?

        @Flag(help: "Stop just before the place of --to-lsn.")
        var exclusive = false

        @Option(help: ArgumentHelp("The new cluster's folder.", valueName: "dir"))
        var into: String?

        @Option(help: ArgumentHelp("From this set.", valueName: "label"))
        var set: String?

        @Option(
            help: ArgumentHelp(
                "From this repository only, by its number; with --keys by its folder.", valueName: "number|dir"))
        var repository: String?

        @Option(help: ArgumentHelp("The bank's keys, from where they are kept apart.", valueName: "dir"))
        var keys: String?

        func validate() throws {
            guard [toTime, toLsn, beforeIncident].compactMap({ $0 }).count <= 1 else {
                throw ValidationError("give one of --to-time, --to-lsn and --before-incident")
            }
            if let repository,
                keys == nil ? Int(repository) == nil : !["/", "s3://"].contains(where: repository.hasPrefix)
            {
                throw ValidationError(
                    "--repository takes a number; with --keys, a repository's folder or s3://bucket/prefix")
            }
            if keys != nil, repository == nil { throw ValidationError("--keys needs --repository PATH") }
            if let into, !into.hasPrefix("/") { throw ValidationError("--into takes an absolute path") }
        }

        func run() async throws {
            try await CommandRunner.run {
                var order = ContinuityService.RestoreOrder(dataDirectory: place.dataDir)
                order.time = toTime
                order.position = toLsn
                order.incident = beforeIncident
                order.isPositionIncluded = !exclusive
                order.into = into
                order.label = set
                order.repository = repository.flatMap { Int($0) }
                if let repository, let keys { order.lost = (repository, keys) }
                let restored = try await ContinuityService.restore(order)
                for line in restored.lines { Terminal.output(line) }
                return restored.isSound ? 0 : 3
            }
        }
    }

    struct FindDestruction: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "find-destruction",
            abstract: "Find drops, truncations and mass changes in the log, with the restore that stops before each.",
            discussion: "Ends with 3 when a part of the log could not be read.")

        @OptionGroup var place: DataPlace

        @Option(
            help: ArgumentHelp(
                "Begin at this segment of the log, not at the newest backup that is a day old.", valueName: "name"))
        var from: String?

        @Option(help: "Rows of one transaction that make a mass change.")
        var rows = 1000

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isWhole) = try await ContinuityService.findDestruction(
                    dataDirectory: place.dataDir, from: from, rowsMin: rows)
                for line in lines { Terminal.output(line) }
                return isWhole ? 0 : 3
            }
        }
    }

    struct Switch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "switch", abstract: "Put a restored cluster in the bank's place; the one before is kept.",
            discussion: """
                Ends with 6 when a step failed and the bank before is in its place again, with 3 when the restored one failed its \
                checks, when something is left to be done by hand, or when the way back failed too, with 8 where nothing was tried.
                """)

        @OptionGroup var place: DataPlace

        @Argument(help: "The restored cluster's folder.")
        var directory: String

        @Flag(help: "Although a check of it failed, or nobody checked it.")
        var despiteFailedChecks = false

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isWhole) = try await ContinuityService.switchOver(
                    dataDirectory: place.dataDir, to: directory, despiteFailed: despiteFailedChecks)
                for line in lines { Terminal.output(line) }
                return isWhole ? 0 : 3
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

        @Option(
            help: """
                newest, older, lost-repository-1, lost-server, lost-table; played on a copy: dropped-database, damaged-pages, \
                ransomware, lost-key, bad-migration, malicious-insider.
                """)
        var scenario = "newest"

        @Option(help: ArgumentHelp("This set instead of one that is chosen.", valueName: "label"))
        var set: String?

        @Flag(help: "Keep the restored cluster when a check fails.")
        var keepFailed = false

        func validate() throws {
            let known = ContinuityService.drillScenarios
            guard known.contains(scenario) else {
                throw ValidationError(
                    "there is no drill \(scenario.prefix(40)); --scenario takes one of \(known.joined(separator: ", "))"
                )
            }
        }

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

struct PlanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "The continuity plan, with the evidence of the last drills.",
        subcommands: [Export.self])

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export", abstract: "Write the plan as HTML and PDF, signed.")

        @OptionGroup var place: DataPlace

        @Option(help: ArgumentHelp("The folder to write into.", valueName: "dir"))
        var output = "var/plan"

        func run() async throws {
            try await CommandRunner.run {
                for line in try await ContinuityService.exportPlan(dataDirectory: place.dataDir, to: output) {
                    Terminal.output(line)
                }
                return 0
            }
        }
    }
}
