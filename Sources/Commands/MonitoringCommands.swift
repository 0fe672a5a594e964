internal import ArgumentParser
internal import Platform

struct MonitoringCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitoring", abstract: "Look after what looks after the bank.", subcommands: [Check.self])

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "check",
            abstract: "Ask Prometheus every query of every dashboard, and say which gives nothing.",
            discussion: "Ends with 0 when each gives data or is excused in deploy/grafana/exceptions.json, else with 1."
        )

        @Option(help: ArgumentHelp("Where Prometheus is; by default the one of --data-dir.", valueName: "url"))
        var prometheus: String?

        @Option(help: ArgumentHelp("The folder of dashboards; by default the shipped ones.", valueName: "dir"))
        var dashboards: String?

        @Option(help: ArgumentHelp("The span that rates are taken over.", valueName: "span"))
        var rate = "5m"

        @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws {
            try await CommandRunner.run {
                let result = try await MonitoringService.check(
                    prometheus: prometheus, dashboards: dashboards, rate: rate, dataDirectory: dataDir)
                for line in result.lines { Terminal.output(line) }
                return result.isGood ? 0 : 1
            }
        }
    }
}
