internal import ArgumentParser
internal import Platform

struct UsersCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "users", abstract: "The accounts that people sign in with.", subcommands: [Add.self])

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

        func run() async throws {
            try await CommandRunner.run {
                let lines = try await UsersService.add(
                    email: email, role: role, client: client, password: password, dataDirectory: dataDir)
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }
}
