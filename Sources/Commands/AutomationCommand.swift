internal import ArgumentParser
internal import Platform

struct AutomationCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "automation", abstract: "Alerts, reports and other scenarios: look, try, run, replay.",
        subcommands: [
            List.self, Run.self, DryRun.self, History.self, Replay.self, Destinations.self, HookSecret.self,
            Export.self, Check.self, Serve.self,
        ])

    struct DataOption: ParsableArguments {
        @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
        var dataDir = "var"

        @OptionGroup var elsewhere: DatabaseElsewhere

        func perform(_ work: AutomationService.Work) async throws {
            try await CommandRunner.run {
                let answer = try await AutomationService.perform(
                    work, dataDirectory: dataDir, database: elsewhere.database)
                for line in answer.lines { Terminal.output(line) }
                return answer.isClean ? 0 : 1
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "All scenarios and what starts them.")
        @OptionGroup var data: DataOption

        func run() async throws { try await data.perform(.list) }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run a scenario now; the same key runs it once.")
        @Argument(help: "The scenario's name.") var scenario: String
        @Option(help: ArgumentHelp("The event, one JSON object.", valueName: "json")) var event = "{}"
        @Option(help: "Tells this run apart.") var key: String
        @OptionGroup var data: DataOption

        func run() async throws { try await data.perform(.run(scenario, event: event, key: key)) }
    }

    struct DryRun: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "dry-run", abstract: "What a scenario would do with an event; nothing is sent.")
        @Argument(help: "The scenario's name.") var scenario: String
        @Option(help: ArgumentHelp("The event of a run of the past, by its number.", valueName: "number"))
        var of: Int64?
        @Option(help: ArgumentHelp("An event of your own, one JSON object.", valueName: "json")) var event: String?
        @OptionGroup var data: DataOption

        func run() async throws { try await data.perform(.dryRun(scenario, event: event, run: of)) }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The last runs and their deliveries, masked.")
        @Option(help: "Only this scenario's.") var scenario: String?
        @Option(help: "Only runs with a delivery that is pending, sent, dead or dropped.") var status: String?
        @Option(help: "Every attempt of one delivery.") var delivery: Int64?
        @Option(help: "How many runs.") var limit = 20
        @OptionGroup var data: DataOption

        func run() async throws {
            if let delivery { return try await data.perform(.delivery(delivery)) }
            try await data.perform(.history(scenario: scenario, status: status, limit: limit))
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send again what was given up: by number, or all of a scenario or a destination.")
        @Argument(help: "Numbers of deliveries.") var deliveries: [Int64] = []
        @Option(help: "All of this scenario.") var scenario: String?
        @Option(help: "All that go there.") var destination: String?
        @OptionGroup var data: DataOption

        func validate() throws {
            guard !deliveries.isEmpty || scenario != nil || destination != nil else {
                throw ValidationError("say which: numbers, --scenario or --destination")
            }
        }

        func run() async throws {
            try await data.perform(.replay(ids: deliveries, scenario: scenario, destination: destination))
        }
    }

    struct Destinations: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Where deliveries go; with --keep, make or change one.",
            discussion: "docs/reference/automations.md shows a destination of each kind.")
        @Option(help: ArgumentHelp("One JSON object: name, kind, settings, secret, rate, burst.", valueName: "json"))
        var keep: String?
        @OptionGroup var data: DataOption

        func run() async throws {
            try await data.perform(keep.map { .destination($0) } ?? .destinations)
        }
    }

    struct HookSecret: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "hook-secret", abstract: "Give a webhook that comes in its secret: a new one, or yours.")
        @Argument(help: "The webhook's name.") var hook: String
        @Option(help: "At least 16 characters.") var secret: String?
        @OptionGroup var data: DataOption

        func run() async throws { try await data.perform(.hookSecret(hook, secret: secret)) }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Write the scenarios as blueprints of Make.")
        @Flag(help: "The only form there is.") var make = false
        @Option(help: ArgumentHelp("Scenarios of your own.", valueName: "dir")) var folder: String?
        @Option(name: .shortAndLong, help: ArgumentHelp("Where they go.", valueName: "dir")) var output = "blueprints"

        func run() async throws {
            try await CommandRunner.run {
                guard make else { throw ValidationError("say --make") }
                for line in try AutomationService.exportMake(folder: folder, to: output) { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read scenarios and say what is wrong with them; with --bank, what needs a person there.")
        @Option(help: ArgumentHelp("Scenarios of your own.", valueName: "dir")) var folder: String?
        @Flag(help: "Ask the bank too.") var bank = false
        @OptionGroup var data: DataOption

        func run() async throws {
            if bank { return try await data.perform(.problems) }
            try await CommandRunner.run {
                for line in try AutomationService.check(folder: folder) { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Serve: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Do the automations' work without serving the API; any number of these may run.")
        @OptionGroup var data: DataOption

        func run() async throws {
            try await CommandRunner.run {
                try await AutomationService.serve(dataDirectory: data.dataDir, database: data.elsewhere.database) {
                    Terminal.output("automations  at work")
                }
                return 0
            }
        }
    }
}
