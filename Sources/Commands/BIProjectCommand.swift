internal import ArgumentParser
internal import Platform

extension BICommand {
    struct ProjectCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "project", abstract: "Write a Power BI project: model, measures, report of five pages.",
            discussion: "Open DigitalBank.pbip in Power BI Desktop; docs/guides/powerbi.md says how to connect.")

        @Option(help: ArgumentHelp("The folder to write.", valueName: "dir"))
        var out: String

        @Option(help: ArgumentHelp("PostgreSQL as Power BI sees it.", valueName: "host:port"))
        var server = "127.0.0.1:5432"

        @Option(help: ArgumentHelp("The database there.", valueName: "name"))
        var database = "digitalbank_restored"

        @Option(help: ArgumentHelp("The OData service.", valueName: "url"))
        var odata = "http://127.0.0.1:8000/bi/odata"

        @Option(help: ArgumentHelp("Of the report's pages: fr or en.", valueName: "language"))
        var language = "fr"

        @OptionGroup var place: BICommand.Place

        func validate() throws {
            guard ["fr", "en"].contains(language) else { throw ValidationError("the language is fr or en") }
        }

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isClean) = try await BICommandService.project(
                    out: out, server: server, database: database, odata: odata, language: language,
                    dsn: place.dsn, dataDirectory: place.dataDir)
                for line in lines { Terminal.output(line) }
                return isClean ? 0 : 1
            }
        }
    }
}
