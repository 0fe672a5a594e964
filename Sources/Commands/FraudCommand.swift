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
        var folder: String

        @Option(help: "Days to train on.")
        var trainDays = 28

        @Option(help: ArgumentHelp("When labels are known: 7d, 1d, 1h.", valueName: "time"))
        var labelDelay = "7d"

        @Option(
            parsing: .upToNextOption,
            help: ArgumentHelp("First days of the test weeks.", valueName: "date"))
        var tests = ["2018-08-08", "2018-08-15", "2018-08-22"]

        @Option(help: ArgumentHelp("15 (the handbook's) or own.", valueName: "set"))
        var columns = "own"

        @Option(help: "Of the model's random choices.")
        var seed = 42

        @Flag(help: "One JSON object instead of lines.")
        var json = false

        func validate() throws {
            guard protocolName == "handbook" else { throw ValidationError("the only protocol is: handbook") }
        }

        func run() async throws {
            try await CommandRunner.run(json: json) {
                let report = try FraudEvaluation.handbook(
                    .init(
                        folder: folder, trainDays: trainDays, labelDelay: labelDelay, tests: tests, columns: columns,
                        seed: seed))
                if json { Terminal.output(report.json) } else { for line in report.lines { Terminal.output(line) } }
                return 0
            }
        }
    }
}
