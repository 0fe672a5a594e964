internal import ArgumentParser
internal import Platform

struct UsersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "The accounts that people sign in with.",
        subcommands: [Add.self, Breached.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add", abstract: "Make an account; its password is shown once.")

        @Option(help: "The address to sign in with.")
        var email: String

        @Option(help: "client, analyst or admin.")
        var role = "client"

        @Option(help: ArgumentHelp("The client whose account it is.", valueName: "number"))
        var client: Int64?

        @Option(help: "A password of your own; without it one is made.")
        var password: String?

        @Option(help: ArgumentHelp("Where the embedded cluster is.", valueName: "dir"))
        var dataDir = "var"

        @OptionGroup var elsewhere: DatabaseElsewhere

        func run() async throws {
            try await CommandRunner.run {
                let lines = try await UsersService.add(
                    email: email, role: role, client: client, password: password, dataDirectory: dataDir,
                    database: elsewhere.database)
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Breached: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "breached-passwords",
            abstract: "Make the file of passwords in circulation that new accounts may not choose.",
            discussion: """
                The list has one password or one SHA-1 digest (haveibeenpwned.com's format) a line. Nothing of a password \
                leaves this machine when it is looked up.
                """)

        @Argument(help: ArgumentHelp("The list.", valueName: "list"))
        var source: String

        @Argument(help: ArgumentHelp("The file to make.", valueName: "file"))
        var file: String

        func run() async throws {
            try await CommandRunner.run {
                for line in try UsersService.breachedPasswords(from: source, to: file) { Terminal.output(line) }
                return 0
            }
        }
    }
}
