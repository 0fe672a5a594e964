internal import ArgumentParser
internal import Platform

struct EvidenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence", abstract: "Seal and export the bank's journal; verify journals and reports, off line.",
        subcommands: [Verify.self, Seal.self, Export.self])

    struct Place: ParsableArguments {
        @Option(help: ArgumentHelp("Where the embedded cluster and the keys are.", valueName: "dir"))
        var dataDir = "var"

        @Option(help: ArgumentHelp("Another database; its password in PGPASSWORD.", valueName: "dsn"))
        var into: String?
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Verify a report, a recovery journal or a journal export; no server is needed.")

        @Argument(help: "The file.")
        var file: String

        @Option(help: ArgumentHelp("The fingerprint the signing key must have.", valueName: "hex"))
        var key: String?

        @Option(
            help: ArgumentHelp(
                "For a journal export: the file its heads were published to. Shows a tail that was cut off.",
                valueName: "file"))
        var head: String?

        func run() async throws {
            try await CommandRunner.run {
                let verdict = try EvidenceService.verify(file: file, fingerprint: key, heads: head)
                for line in verdict.lines { Terminal.output(line) }
                return verdict.isValid ? 0 : 1
            }
        }
    }

    struct Seal: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "seal", abstract: "Seal the journal's new entries in signed blocks and publish the head.",
            discussion: """
                Writers do not wait for it. Entries younger than a transaction that still runs are sealed by a later run.
                """)

        @OptionGroup var place: Place

        @Option(help: ArgumentHelp("Append the head to this file, best of another owner's.", valueName: "file"))
        var heads: String?

        @Option(help: ArgumentHelp("Give the head to this program on its standard input.", valueName: "program"))
        var publisher: String?

        @Option(help: ArgumentHelp("Go on, sealing as often as this.", valueName: "seconds"))
        var every: Int?

        func validate() throws {
            if let every, !(1...86_400).contains(every) { throw ValidationError("--every takes 1 to 86400 seconds") }
        }

        func run() async throws {
            try await CommandRunner.run {
                let journal = EvidenceService.Place(
                    dataDirectory: place.dataDir, into: place.into, heads: heads, publisher: publisher)
                try await EvidenceService.seal(journal, every: every.map { .seconds($0) }) { lines in
                    for line in lines { Terminal.output(line) }
                }
                return 0
            }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "export", abstract: "Write the journal to a file that can be verified without the database.")

        @OptionGroup var place: Place

        @Argument(help: "The file to write.")
        var file: String

        func run() async throws {
            try await CommandRunner.run {
                let journal = EvidenceService.Place(dataDirectory: place.dataDir, into: place.into)
                for line in try await EvidenceService.export(journal, to: file) { Terminal.output(line) }
                return 0
            }
        }
    }
}
