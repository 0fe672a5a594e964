internal import ArgumentParser
internal import Foundation
internal import Platform

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Make a plausible French bank, attack it, dump it, damage the dump; write the truth beside it.")

    @Option(help: "How many clients.")
    var clients = 1000

    @Option(help: "How many days of history.")
    var days = 90

    @Option(help: "The same seed gives the same bank, attack and damage.")
    var seed: UInt64 = 1

    @Option(help: "custom, custom-plain (-Z0), directory, tar, plain, plain-gzip.")
    var format = "custom"

    @Option(help: "The kind of damage, or none. A wrong name lists the kinds.")
    var damage = "bit-flip"

    @Flag(inversion: .prefixedNo, help: "Attack the bank before it is dumped.")
    var attack = true

    @Option(help: ArgumentHelp("Where dump, logs and truth go.", valueName: "dir"))
    var output = "var/simulation"

    func run() async throws {
        try await CommandRunner.run {
            let printer = ProgressPrinter(style: .bar)
            defer { printer.finish() }
            let lines = try await SimulateService.simulate(
                clients: clients, days: days, seed: seed, format: format, damage: damage, attack: attack,
                output: output, progress: printer.sink)
            printer.finish()
            for line in lines { Terminal.output(line) }
            return 0
        }
    }
}

struct UpCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Start the restored bank; the first time, simulate, attack, damage and recover one.")

    @Option(help: ArgumentHelp("Where everything is kept.", valueName: "dir"))
    var dataDir = "var"

    @Option(help: "How many clients the simulated bank has.")
    var clients = 1000

    @Option(help: "How many days of history it has.")
    var days = 90

    @Option(help: "The seed of the simulation.")
    var seed: UInt64 = 1

    @Flag(help: "Start Prometheus, Alertmanager and the exporters beside the bank, where they are installed.")
    var monitoring = false

    func run() async throws {
        try await CommandRunner.run {
            let printer = ProgressPrinter(style: .bar)
            defer { printer.finish() }
            let lines = try await UpService.up(
                dataDirectory: dataDir, clients: clients, days: days, seed: seed, monitoring: monitoring,
                progress: printer.sink)
            printer.finish()
            for line in lines { Terminal.output(line) }
            return 0
        }
    }
}

struct DownCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "down", abstract: "Stop the restored bank.",
        discussion: "Ends with 1 when a server of the bank still runs, which is named.")

    @Option(help: ArgumentHelp("Where everything is kept.", valueName: "dir"))
    var dataDir = "var"

    func run() async throws {
        try await CommandRunner.run {
            let (lines, isClean) = try await UpService.down(dataDirectory: dataDir)
            for line in lines { Terminal.output(line) }
            return isClean ? 0 : 1
        }
    }
}

struct CleanDataCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clean-data", abstract: "Stop the restored bank and remove its data, after asking.")

    @Option(help: ArgumentHelp("What is removed.", valueName: "dir"))
    var dataDir = "var"

    @Flag(help: "Do not ask.")
    var yes = false

    func run() async throws {
        try await CommandRunner.run {
            guard yes || Terminal.confirms("Remove the bank, its keys and its backups below \(dataDir)?") else {
                Terminal.error("nothing removed\nhint: Answer oui on a terminal, or give --yes.")
                return 1
            }
            Terminal.output(try await UpService.removeAll(dataDirectory: dataDir))
            return 0
        }
    }
}

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Bring a database to this version's schema.")

    @Option(help: ArgumentHelp("The database; by default the restored bank's.", valueName: "dsn"))
    var into: String?

    @Option(help: ArgumentHelp("Where the embedded cluster is.", valueName: "dir"))
    var dataDir = "var"

    func run() async throws {
        try await CommandRunner.run {
            for line in try await MigrateService.migrate(into: into, dataDirectory: dataDir) { Terminal.output(line) }
            return 0
        }
    }
}

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Say what is missing on this machine, and the command that installs it.")

    @OptionGroup var place: DataPlace

    func run() async throws {
        try await CommandRunner.run {
            let findings = await Doctor.examine()
            for line in findings.lines { Terminal.output(line) }
            let troubles = await ContinuityService.storeTroubles(dataDirectory: place.dataDir)
            for line in troubles { Terminal.output("NOT SAFE " + line) }
            return findings.isHealthy && troubles.isEmpty ? 0 : 6
        }
    }
}
