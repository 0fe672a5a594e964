internal import ArgumentParser
internal import Platform

/// What the house knows of its logs.
struct LogTuning: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where addresses are, for journeys too fast: a .mmdb of cities, or CSV ranges.", valueName: "file"))
    var geo: String?

    @Option(
        help: ArgumentHelp("What is no news until a date: a YAML list of rule, block, user.", valueName: "file"))
    var suppress: String?

    @Option(
        help: ArgumentHelp("What a field of JSON or CSV logs means, quand=time; may be repeated.", valueName: "a=b"))
    var map: [String] = []

    var tuning: LogsService.Tuning {
        var tuning = LogsService.Tuning()
        (tuning.places, tuning.suppressions, tuning.mapping) = (geo, suppress, map)
        return tuning
    }
}

struct MeasureLogs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "measure",
        abstract: "Precision, recall and F1 of detection by class, on labelled logs that are made for it.",
        discussion: "Ends with 1 when a bar is not met. The same seed makes the same logs.")

    @Option(help: "Attacks, and as many ordinary requests.")
    var size = 2_400

    @Option(help: "Of the labelled logs.")
    var seed: UInt64 = 7

    @Option(
        help: ArgumentHelp("Public sets in this folder; by default ../shared/data/logs where it is.", valueName: "dir"))
    var publicSets: String?

    @Option(help: "Simulated attacks that must be one incident each.")
    var simulations = 2

    @Flag(help: "Show what was judged wrong.")
    var samples = false

    @Flag(help: "Answer in JSON.")
    var json = false

    func validate() throws {
        guard (100...1_000_000).contains(size) else { throw ValidationError("--size takes 100 to 1000000") }
        guard (0...20).contains(simulations) else { throw ValidationError("--simulations takes 0 to 20") }
    }

    func run() async throws {
        try await CommandRunner.run(json: json) {
            var request = LogsMeasureService.Request()
            (request.size, request.seed, request.publicSets) = (size, seed, publicSets)
            (request.simulations, request.showsSamples, request.json) = (simulations, samples, json)
            let (lines, isGood) = try LogsMeasureService.run(request)
            for line in lines { Terminal.output(line) }
            return isGood ? 0 : 1
        }
    }
}
