internal import ArgumentParser
internal import Platform

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Look at the encryption keys, renew and destroy them.",
        subcommands: [Status.self, Api.self, Rotate.self, Shred.self, Forget.self, Carry.self],
        defaultSubcommand: Status.self)

    struct Place: ParsableArguments {
        @Option(help: ArgumentHelp("Where the embedded cluster is.", valueName: "dir"))
        var dataDir = "var"
    }

    struct Status: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "status", abstract: "Which keys are in use.")

        @OptionGroup var place: Place

        func run() async throws {
            try await CommandRunner.run {
                for line in try await KeysService.status(dataDirectory: place.dataDir) { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Api: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "api", abstract: "The address and the keys that clients connect with, as environment lines.")

        @OptionGroup var place: Place

        @Option(help: "The address that clients reach the server at; by default where it serves now.")
        var url: String?

        func run() async throws {
            try await CommandRunner.run {
                for line in try ServeService.environment(dataDirectory: place.dataDir, url: url) {
                    Terminal.output(line)
                }
                return 0
            }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate",
            abstract: "Put a new key-encryption key in place and re-wrap the clients' keys, while the bank runs.",
            discussion: """
                No sealed row is rewritten. Interrupted, it goes on when it is run again. The old key stays in \
                DATA-DIR/keys/old until it is destroyed with: digitalbank keys forget ID
                """)

        @OptionGroup var place: Place

        @Option(
            help: ArgumentHelp("Give this client a new data key for what is written from now on.", valueName: "number"))
        var client: Int64?

        @Flag(help: "Sign access tokens with the next key, which clients know already.")
        var signing = false

        func validate() throws {
            if signing, client != nil { throw ValidationError("give --signing or --client, not both") }
        }

        func run() async throws {
            try await CommandRunner.run {
                let lines: [String]
                if signing {
                    lines = try await KeysService.rotateSigning(dataDirectory: place.dataDir)
                } else if let client {
                    lines = try await KeysService.rotateClient(number: client, dataDirectory: place.dataDir)
                } else {
                    lines = try await KeysService.rotate(dataDirectory: place.dataDir) { count in
                        if count % 50_000 == 0 { Terminal.error("\(count) re-wrapped") }
                    }
                }
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Shred: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "shred", abstract: "Destroy a client's keys: what they sealed can not be read any more.")

        @OptionGroup var place: Place

        @Option(help: ArgumentHelp("The client's number.", valueName: "number"))
        var client: Int64

        @Flag(help: "Do not ask.")
        var yes = false

        func run() async throws {
            try await CommandRunner.run {
                guard yes || Terminal.confirms("Make the data of client \(client) unreadable for ever?") else {
                    Terminal.error("nothing destroyed\nhint: Answer oui on a terminal, or give --yes.")
                    return 1
                }
                for line in try await KeysService.shred(number: client, dataDirectory: place.dataDir) {
                    Terminal.output(line)
                }
                return 0
            }
        }
    }

    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "forget",
            abstract: "Destroy an old key-encryption key that wraps nothing any more; older backups close with it.")

        @OptionGroup var place: Place

        @Argument(help: "The key's id, as keys status shows it.")
        var id: String

        @Flag(help: "Do not ask.")
        var yes = false

        func run() async throws {
            try await CommandRunner.run {
                guard yes || Terminal.confirms("Destroy the key \(id)? Backups made under it close for ever.") else {
                    Terminal.error("nothing destroyed\nhint: Answer oui on a terminal, or give --yes.")
                    return 1
                }
                for line in try await KeysService.forget(id, dataDirectory: place.dataDir) { Terminal.output(line) }
                return 0
            }
        }
    }
}
