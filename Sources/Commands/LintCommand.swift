internal import ArgumentParser
internal import Platform

struct LintCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint", abstract: "Look for faults before somebody else does.", subcommands: [RowSecurity.self])

    struct RowSecurity: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rls",
            abstract: "Faults in row level security, each with its reason and the SQL that mends it.",
            discussion: "Ends with 0 when there is none and with 1 when there is one; nothing is changed.")

        @Option(help: ArgumentHelp("Where the embedded cluster is.", valueName: "dir"))
        var dataDir = "var"

        @Option(help: ArgumentHelp("A database elsewhere; its password comes from PGPASSWORD.", valueName: "dsn"))
        var dsn: String?

        @Option(help: ArgumentHelp("A schema that is served; may be repeated.", valueName: "name"))
        var schema: [String] = ["public"]

        @Flag(help: "One JSON object instead of lines.")
        var json = false

        func run() async throws {
            try await CommandRunner.run(json: json) {
                let report = try await LintService.rowSecurity(dsn: dsn, dataDirectory: dataDir, schemas: schema)
                if json { Terminal.output(report.json) } else { for line in report.lines { Terminal.output(line) } }
                return report.isClean ? 0 : 1
            }
        }
    }
}
