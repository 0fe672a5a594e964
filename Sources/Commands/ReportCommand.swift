internal import ArgumentParser
internal import Platform

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report", abstract: "Reports for people.", subcommands: [Daily.self])

    struct Daily: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The bank's day: operations, fraud, security, availability, backups. HTML, PDF, XLSX and CSV.")

        @Option(help: ArgumentHelp("The day; without it yesterday.", valueName: "2026-03-31"))
        var date: String?

        @Option(help: ArgumentHelp("A folder for the files; the database keeps the report anyway.", valueName: "dir"))
        var out: String?

        @Option(help: ArgumentHelp("fr, which the database keeps, or en.", valueName: "language"))
        var language = "fr"

        @OptionGroup var place: BICommand.Place

        func validate() throws {
            guard ["fr", "en"].contains(language) else { throw ValidationError("the language is fr or en") }
        }

        func run() async throws {
            try await CommandRunner.run {
                let lines = try await ReportService.daily(
                    day: date, out: out, language: language, dsn: place.dsn, dataDirectory: place.dataDir)
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }
}
