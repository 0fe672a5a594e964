internal import ArgumentParser
internal import Foundation
internal import Platform

struct RecoverCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover",
        abstract: "Recover a bank from a dump, whatever its state.",
        subcommands: [Run.self, Inspect.self, Resume.self, Mappings.self], defaultSubcommand: Run.self)

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run",
            abstract: "Read, salvage, disinfect, reconcile, rebuild, protect, report.",
            discussion: """
                Formats: plain SQL (also gzip or zstd), custom, directory and tar of pg_dump 9.6 to 17.
                Nothing is written outside --data-dir and --report. Exit status: 0 all is back, 3 something is \
                missing, quarantined or repaired (read the report), 4 no row could be recovered, 5 to 8 see \
                docs/reference/exit-codes.md.
                """)

        @Argument(help: "The dump: a file, or the folder of a directory-format dump.")
        var dump: String

        @Option(help: ArgumentHelp("Logs that survived, read for evidence.", valueName: "dir"))
        var logs: String?

        @Option(help: ArgumentHelp("A schema file or an older dump that is known to be clean.", valueName: "file"))
        var baseline: String?

        @Option(help: ArgumentHelp("A mapping file (YAML), or the name of a shipped one.", valueName: "file"))
        var mapping: String?

        @Option(help: ArgumentHelp("Rebuild in this database instead of an embedded cluster.", valueName: "dsn"))
        var into: String?

        @Option(
            help: ArgumentHelp("Where clean room, quarantine, journal, keys and cluster are kept.", valueName: "dir"))
        var dataDir: String = "var"

        @Option(help: ArgumentHelp("Where the report goes; by default DATA-DIR/report.", valueName: "dir"))
        var report: String?

        @Option(help: ArgumentHelp("The key of columns written with pgp_sym_encrypt, in a file.", valueName: "file"))
        var legacyKeyFile: String?

        @Option(help: ArgumentHelp("The digest manifest written beside the dump when it was made.", valueName: "file"))
        var manifest: String?

        @Option(help: ArgumentHelp("A repair plan that a person has approved.", valueName: "file"))
        var plan: String?

        @Flag(help: "Apply the repairs that the rules call certain.")
        var yes = false

        @Flag(help: "Do not make and prove a first backup.")
        var noBackup = false

        @Flag(help: "Do not typeset the report as PDF.")
        var noPdf = false

        @Flag(help: "Keep the clean room, with the dump's rows in clear, after the report.")
        var keepRoom = false

        @Flag(help: "Progress as JSON lines and the report as a last JSON object, on standard output.")
        var json = false

        @Flag(help: "Forget a recovery that was begun in this data directory and start anew.")
        var restart = false

        func run() async throws {
            try await CommandRunner.run(json: json) {
                var request = RecoverRequest(dump: dump, dataDirectory: dataDir)
                request.logs = logs
                request.baseline = baseline
                request.mapping = mapping
                request.into = into
                request.reportDirectory = report
                request.legacyKeyFile = legacyKeyFile
                request.manifest = manifest
                request.repairPlan = plan
                request.appliesRepairs = yes
                request.makesBackup = !noBackup
                request.typesetsReport = !noPdf
                request.restarts = restart
                request.keepsRoom = keepRoom
                return try await RecoverOutput.follow(json: json) { progress in
                    try await RecoverService.recover(request, progress: progress)
                }
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "resume", abstract: "Go on with a recovery that was interrupted.")

        @Option(help: ArgumentHelp("The data directory of the interrupted recovery.", valueName: "dir"))
        var dataDir: String = "var"

        @Flag(help: "Do not typeset the report as PDF.")
        var noPdf = false

        @Flag(help: "Progress as JSON lines and the report as a last JSON object, on standard output.")
        var json = false

        func run() async throws {
            try await CommandRunner.run(json: json) {
                try await RecoverOutput.follow(json: json) { progress in
                    try await RecoverService.resume(dataDirectory: dataDir, progress: progress)
                }
            }
        }
    }

    struct Inspect: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "inspect", abstract: "Say what a dump holds and what is broken in it; change nothing.")

        @Argument(help: "The dump: a file, or the folder of a directory-format dump.")
        var dump: String

        @Option(help: ArgumentHelp("A mapping file (YAML), or the name of a shipped one.", valueName: "file"))
        var mapping: String?

        @Flag(help: "As one JSON object.")
        var json = false

        func run() async throws {
            try await CommandRunner.run(json: json) {
                let inspection = try await RecoverService.inspect(dump: dump, mapping: mapping)
                if json {
                    Terminal.output(try inspection.json())
                } else {
                    for line in inspection.lines() { Terminal.output(line) }
                }
                return inspection.isDamaged ? 3 : 0
            }
        }
    }

    struct Mappings: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "mappings", abstract: "List the mappings that ship with the product.")

        func run() throws {
            for mapping in try RecoverService.shippedMappings() {
                Terminal.output(mapping.name.padding(toLength: 20, withPad: " ", startingAt: 0) + mapping.title)
            }
        }
    }
}
