internal import ArgumentParser
internal import Platform

struct FraudCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fraud", abstract: "Score payments, and judge and improve the model that does.",
        subcommands: [
            Evaluate.self, Train.self, Retrain.self, Score.self, Explain.self, Models.self, Promote.self, Rollback.self,
            Rules.self,
            Backtest.self, Audit.self,
        ])

    struct Evaluate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "How good the model is, by a public protocol on public data.",
            discussion: """
                The handbook's protocol trains on some days, leaves those whose labels are not known yet, and tests on
                a week. Its data are not shipped: docs/guides/fraud.md says where they are.
                """)

        @Option(name: .customLong("protocol"), help: ArgumentHelp("Only: handbook.", valueName: "name"))
        var protocolName = "handbook"

        @Argument(help: ArgumentHelp("The folder of transactions.csv.gz.", valueName: "dir"))
        var folder: String?

        @Flag(help: "Judge a simulated bank under attack instead: what is stopped, kind by kind.")
        var simulated = false

        @Option(help: "Clients of the simulated bank.")
        var clients = 2_000

        @Option(help: "Days of the simulated bank.")
        var days = 120

        @Option(help: ArgumentHelp("Share of frauds that clients tell of within a day, 0 to 1.", valueName: "share"))
        var answers = 0.0

        @Option(help: "Days to train on.")
        var trainDays = 28

        @Option(help: ArgumentHelp("When labels are known: 7d, 1d, 1h.", valueName: "time"))
        var labelDelay = "7d"

        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("First days of the test weeks.", valueName: "date"))
        var tests = ["2018-08-08", "2018-08-15", "2018-08-22"]

        @Option(
            help: ArgumentHelp(
                "15 (the handbook's) or own; of a simulated bank own or bank, which sees devices, places and flows too.",
                valueName: "set"))
        var columns: String?

        @Option(help: "Of the model's random choices.")
        var seed = 42

        @Flag(help: "One JSON object instead of lines.")
        var json = false

        func validate() throws {
            guard protocolName == "handbook" else { throw ValidationError("the only protocol is: handbook") }
            guard simulated != (folder != nil) else { throw ValidationError("give a folder, or --simulated") }
            guard (0...1).contains(answers) else { throw ValidationError("--answers takes a share from 0 to 1") }
        }

        func run() async throws {
            try await CommandRunner.run(json: json) {
                guard let folder else {
                    for line in try FraudSimulation.run(
                        clients: clients, days: days, seed: UInt64(bitPattern: Int64(seed)), columns: columns)
                    {
                        Terminal.output(line)
                    }
                    return 0
                }
                var request = FraudEvaluation.Request(
                    folder: folder, trainDays: trainDays, labelDelay: labelDelay, tests: tests,
                    columns: columns ?? "own", seed: seed)
                request.answers = answers
                let report = try FraudEvaluation.handbook(request)
                if json { Terminal.output(report.json) } else { for line in report.lines { Terminal.output(line) } }
                return 0
            }
        }
    }
}
