internal import ArgumentParser
internal import Platform

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Sealed logical exports: every table in one snapshot, compressed, encrypted, signed.",
        subcommands: [Make.self, Verify.self, Open.self, Restore.self], defaultSubcommand: Make.self)

    struct Make: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "make", abstract: "Export the bank (the default).")

        @OptionGroup var place: DataPlace

        @Option(help: ArgumentHelp("A new folder; by default one below DATA-DIR/continuity/exports.", valueName: "dir"))
        var into: String?

        func run() async throws {
            try await CommandRunner.run {
                for line in try await ExportService.make(dataDirectory: place.dataDir, into: into) {
                    Terminal.output(line)
                }
                return 0
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify", abstract: "Look at an export off line: signature and digests of all files.",
            discussion: "Ends with 3 when anything is not as it was signed.")

        @OptionGroup var place: DataPlace

        @Argument(help: "The export's folder.")
        var directory: String

        @Flag(help: "Open every piece too, which needs the vault's key, and find each table's Merkle root again.")
        var deep = false

        @Option(help: "The fingerprint of the key that must have signed, where the bank's keys are not at hand.")
        var fingerprint: String?

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isSound) = try await ExportService.verify(
                    dataDirectory: place.dataDir, directory, deep: deep, fingerprint: fingerprint)
                for line in lines { Terminal.output(line) }
                return isSound ? 0 : 3
            }
        }
    }

    struct Open: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "open", abstract: "Write an export as a plain dump, which digitalbank recover reads.",
            discussion: "The dump is in clear. Ends with 3 when rows are lost.")

        @OptionGroup var place: DataPlace

        @Argument(help: "The export's folder.")
        var directory: String

        @Argument(help: "The dump to write.")
        var dump: String

        @Flag(help: "Write what is whole of a damaged export, and name the rows that are lost.")
        var partial = false

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isWhole) = try await ExportService.open(
                    dataDirectory: place.dataDir, directory, to: dump, isPartial: partial)
                for line in lines { Terminal.output(line) }
                return isWhole ? 0 : 3
            }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "restore", abstract: "Put a whole export into a new database, and compare what was read back.")

        @OptionGroup var place: DataPlace

        @Argument(help: "The export's folder.")
        var directory: String

        @Option(help: ArgumentHelp("The new database in the bank's cluster.", valueName: "name"))
        var into: String

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isWhole) = try await ExportService.restore(
                    dataDirectory: place.dataDir, directory, into: into)
                for line in lines { Terminal.output(line) }
                return isWhole ? 0 : 3
            }
        }
    }
}
