internal import ArgumentParser
internal import Platform

struct EvidenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evidence", abstract: "Verify journals, exports and reports, off line.",
        subcommands: [Verify.self])

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Verify a report, a recovery journal or a journal export; no server is needed.")

        @Argument(help: "The file.")
        var file: String

        @Option(help: ArgumentHelp("The fingerprint the signing key must have.", valueName: "hex"))
        var key: String?

        func run() async throws {
            try await CommandRunner.run {
                let verdict = try EvidenceService.verify(file: file, fingerprint: key)
                for line in verdict.lines { Terminal.output(line) }
                return verdict.isValid ? 0 : 1
            }
        }
    }
}
