internal import ArgumentParser
internal import Platform

extension PrivacyCommand {
    struct Scan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look for stray personal data in files: logs, exports, notes.",
            discussion: "Shows where and of what kind, never the datum. Ends with 1 when there is some.")

        @Argument(help: "Files.") var files: [String]
        @Option(help: "A JSON file of the lists first and last: names to look for.") var names: String?

        func run() async throws {
            try await CommandRunner.run {
                let count = try PrivacyScanService.scan(files, names: names) { Terminal.output($0) }
                return count == 0 ? 0 : 1
            }
        }
    }

    struct Pseudonymise: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take persons out of a log: addresses, accounts and names become keyed pseudonyms.",
            discussion:
                "The same value gives the same pseudonym. What they stand for is kept sealed; two admins can read it.")

        @OptionGroup var place: Place
        @Argument(help: "The log.") var file: String
        @Argument(help: "The file to write.") var output: String

        func run() async throws {
            try await CommandRunner.run {
                let lines = try await PrivacyScanService.pseudonymise(file, to: output, dataDirectory: place.dataDir)
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }
}
