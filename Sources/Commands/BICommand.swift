internal import ArgumentParser
internal import Platform

struct BICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bi", abstract: "The bank's figures: the star schema, its tokens, and Power BI.",
        subcommands: [Refresh.self, Check.self, Token.self, Login.self, ProjectCommand.self])

    struct Place: ParsableArguments {
        @Option(help: ArgumentHelp("Where the embedded cluster is.", valueName: "dir"))
        var dataDir = "var"

        @Option(help: ArgumentHelp("A database elsewhere; its password comes from PGPASSWORD.", valueName: "dsn"))
        var dsn: String?
    }

    struct Refresh: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read what is new into the star schema; run again it changes nothing.")

        @OptionGroup var place: Place

        func run() async throws {
            try await CommandRunner.run {
                let lines = try await BICommandService.refresh(dsn: place.dsn, dataDirectory: place.dataDir)
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look for faults in rules/measures.yml: its SQL and its DAX against the schema.")

        @OptionGroup var place: Place

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isClean) = try await BICommandService.check(dsn: place.dsn, dataDirectory: place.dataDir)
                for line in lines { Terminal.output(line) }
                return isClean ? 0 : 1
            }
        }
    }

    struct Token: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Tokens that BI programs sign in with.", subcommands: [Add.self, List.self, Revoke.self])

        struct Add: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "Make a token; it is shown once.")

            @Option(help: "Who uses it.")
            var name: String

            @Option(help: "How long it lives.")
            var days = 90

            @OptionGroup var place: Place

            func run() async throws {
                try await CommandRunner.run {
                    let lines = try await BICommandService.addToken(
                        name: name, days: days, dsn: place.dsn, dataDirectory: place.dataDir)
                    for line in lines { Terminal.output(line) }
                    return 0
                }
            }
        }

        struct List: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "All tokens, without their secrets.")

            @OptionGroup var place: Place

            func run() async throws {
                try await CommandRunner.run {
                    let lines = try await BICommandService.tokens(dsn: place.dsn, dataDirectory: place.dataDir)
                    for line in lines { Terminal.output(line) }
                    return 0
                }
            }
        }

        struct Revoke: AsyncParsableCommand {
            static let configuration = CommandConfiguration(abstract: "End a token.")

            @Argument(help: "Its number in the list.")
            var id: Int64

            @OptionGroup var place: Place

            func run() async throws {
                try await CommandRunner.run {
                    let lines = try await BICommandService.revokeToken(id, dsn: place.dsn, dataDirectory: place.dataDir)
                    for line in lines { Terminal.output(line) }
                    return 0
                }
            }
        }
    }

    struct Login: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a role for Power BI's direct connection; its password is shown once.")

        @Argument(help: "The role's name.")
        var name: String

        @OptionGroup var place: Place

        func run() async throws {
            try await CommandRunner.run {
                let lines = try await BICommandService.addLogin(name, dsn: place.dsn, dataDirectory: place.dataDir)
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }
}
