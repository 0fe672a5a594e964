internal import ArgumentParser
internal import Platform

extension RestoreCommand {
    struct Rows: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rows",
            abstract: "Give chosen tables or one client back from a past moment, without touching the rest.",
            discussion: """
                Restores beside the living bank and lists what differs; with --plan the list is a file. With --yes and that \
                file the rows are given back that are still as the list saw them. Rows that came since stay, and the \
                ledger is never rewritten. Ends with 3 when a row is in conflict.
                """)

        @OptionGroup var place: DataPlace

        @Option(help: ArgumentHelp("A table, schema.name; as often as needed.", valueName: "table"))
        var table: [String] = []

        @Option(
            help: ArgumentHelp(
                "One client's rows only; without a table: in all tables that lead to one.", valueName: "id"))
        var client: String?

        @Option(help: ArgumentHelp("As of this time, with its zone.", valueName: "time"))
        var toTime: String?

        @Option(help: ArgumentHelp("As of this place in the log.", valueName: "lsn"))
        var toLsn: String?

        @Option(help: ArgumentHelp("As of just before this incident's first hostile act.", valueName: "id"))
        var beforeIncident: String?

        @Flag(help: "Stop just before the place of --to-lsn.")
        var exclusive = false

        @Option(help: ArgumentHelp("A cluster that was restored already.", valueName: "dir"))
        var from: String?

        @Option(help: ArgumentHelp("Where the list is written, or read with --yes.", valueName: "file"))
        var plan: String?

        @Flag(help: "Give the rows of the plan back.")
        var yes = false

        func validate() throws {
            guard [toTime, toLsn, beforeIncident, from].compactMap({ $0 }).count == 1 else {
                throw ValidationError("give one of --to-time, --to-lsn, --before-incident and --from")
            }
            guard !table.isEmpty || client != nil else { throw ValidationError("name a table, a client, or both") }
            guard !yes || plan != nil else { throw ValidationError("--yes needs the --plan that was read") }
        }

        func run() async throws {
            try await CommandRunner.run {
                var moment = ContinuityService.RestoreOrder(dataDirectory: place.dataDir)
                moment.time = toTime
                moment.position = toLsn
                moment.incident = beforeIncident
                moment.isPositionIncluded = !exclusive
                var order = ContinuityService.RowsOrder(moment: moment)
                order.tables = table
                order.client = client
                order.from = from
                order.planFile = plan
                order.applies = yes
                let (lines, isWhole) = try await ContinuityService.giveBack(order)
                for line in lines { Terminal.output(line) }
                return isWhole ? 0 : 3
            }
        }
    }
}
