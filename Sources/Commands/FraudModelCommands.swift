internal import ArgumentParser
internal import Platform

extension FraudCommand {
    struct Train: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Train a model on history and sign it.")

        @Argument(help: ArgumentHelp("The folder of transactions.csv.gz.", valueName: "dir"))
        var folder: String

        @Option(help: "Days to train on, the last seven of them to choose and calibrate.")
        var trainDays = 28

        @Option(help: ArgumentHelp("The day after the last one whose labels are known.", valueName: "date"))
        var until: String?

        @Option(help: "Of the model's random choices.")
        var seed = 42

        @Option(name: .shortAndLong, help: ArgumentHelp("Where the model goes.", valueName: "file"))
        var output = "fraud-model.json"

        @Option(help: ArgumentHelp("Where the bank's keys are.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws {
            try await CommandRunner.run {
                for line in try await FraudService.train(
                    folder: folder, trainDays: trainDays, until: until, seed: seed, output: output,
                    dataDirectory: dataDir)
                { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Retrain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Train a candidate; it challenges the champion only if it is no worse on the last days.",
            discussion: "Ends with 0 when the candidate challenges and with 1 when it stays out.")

        @Argument(help: ArgumentHelp("The folder of transactions.csv.gz.", valueName: "dir"))
        var folder: String

        @Option(help: "Days to train on, before the seven that decide.")
        var trainDays = 28

        @Option(help: ArgumentHelp("The day after the last one whose labels are known.", valueName: "date"))
        var until: String?

        @Option(help: "Of the model's random choices.")
        var seed = 42

        @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws {
            try await CommandRunner.run {
                let report = try await FraudRetraining.run(
                    folder: folder, trainDays: trainDays, until: until, seed: seed, dataDirectory: dataDir)
                for line in report.lines { Terminal.output(line) }
                return report.isOpen ? 0 : 1
            }
        }
    }

    struct Score: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Score every payment of a file.",
            discussion: """
                CSV with a header (payment, time, customer, terminal, amount) or JSON lines as POST /fraud/v1/score takes
                them, plain or compressed; or a folder in the handbook's form. Answers come in the order of the file.
                """)

        @Argument(help: ArgumentHelp("A file of payments, or a folder of transactions.csv.gz.", valueName: "file"))
        var file: String

        @Option(help: ArgumentHelp("A signed model.", valueName: "file"))
        var model = "fraud-model.json"

        @Flag(help: "CSV with a header instead of JSON lines.")
        var csv = false

        @Option(help: ArgumentHelp("Where the bank's keys are.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws {
            try await CommandRunner.run {
                try FraudService.score(path: file, model: model, asCSV: csv, dataDirectory: dataDir) {
                    Terminal.output($0)
                }
                return 0
            }
        }
    }

    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Why a transaction scores as it does.")

        @Argument(help: ArgumentHelp("The folder of transactions.csv.gz.", valueName: "dir"))
        var folder: String

        @Argument(help: ArgumentHelp("The transaction's number.", valueName: "number"))
        var transaction: Int64

        @Option(help: ArgumentHelp("A signed model.", valueName: "file"))
        var model = "fraud-model.json"

        @Option(help: ArgumentHelp("Where the bank's keys are.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws {
            try await CommandRunner.run {
                for line in try FraudService.explain(
                    folder: folder, model: model, transaction: transaction, dataDirectory: dataDir)
                { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Rules: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The rules beside the model.", subcommands: [Test.self])

        struct Test: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Try each rule on the examples beside it.")

            @Argument(help: ArgumentHelp("A file of rules; its tests stand beside it.", valueName: "file"))
            var rules: String?

            func run() async throws {
                try await CommandRunner.run {
                    let report = try FraudService.testRules(path: rules)
                    for line in report.lines { Terminal.output(line) }
                    return report.isClean ? 0 : 1
                }
            }
        }
    }

    struct Backtest: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What the rules would have done over history: hits, frauds, false alarms, money.")

        @Argument(help: ArgumentHelp("The folder of transactions.csv.gz.", valueName: "dir"))
        var folder: String

        @Option(help: ArgumentHelp("A file of rules instead of those in force.", valueName: "file"))
        var rules: String?

        @Option(help: "Days of history.")
        var days = 28

        @Option(help: ArgumentHelp("The day after the last one.", valueName: "date"))
        var until: String?

        func run() async throws {
            try await CommandRunner.run {
                for line in try FraudService.backtest(folder: folder, rules: rules, days: days, until: until) {
                    Terminal.output(line)
                }
                return 0
            }
        }
    }

    struct Models: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "The models of the bank, the newest first.")

        @Option(help: ArgumentHelp("Adds a signed model.", valueName: "file"))
        var add: String?

        @Option(help: ArgumentHelp("Lets a model score in the shadow.", valueName: "number"))
        var challenge: Int64?

        @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws {
            let work = add.map(FraudService.ModelWork.add) ?? challenge.map(FraudService.ModelWork.challenge) ?? .list
            try await FraudCommand.models(work, dataDir)
        }
    }

    struct Promote: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a model the champion; an entry in the journal.")

        @Argument(help: ArgumentHelp("The model's number.", valueName: "number"))
        var model: Int64

        @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws { try await FraudCommand.models(.promote(model), dataDir) }
    }

    struct Rollback: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Bring the champion before the present one back.")

        @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws { try await FraudCommand.models(.rollback, dataDir) }
    }

    struct Audit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Recompute all features from the decisions and compare them with those in service.")

        @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws {
            try await CommandRunner.run {
                let report = try await FraudService.audit(dataDirectory: dataDir)
                for line in report.lines { Terminal.output(line) }
                return report.isClean ? 0 : 1
            }
        }
    }

    static func models(_ work: FraudService.ModelWork, _ dataDirectory: String) async throws {
        try await CommandRunner.run {
            for line in try await FraudService.models(work, dataDirectory: dataDirectory) { Terminal.output(line) }
            return 0
        }
    }
}
