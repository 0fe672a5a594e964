internal import ArgumentParser
internal import Platform

struct RespondCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "respond", abstract: "Ban, freeze, put out, ask for proof: for a time, journaled, undone at will.",
        subcommands: [Act.self, TakeBack.self, List.self, Incidents.self])

    struct Act: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "do", abstract: "Do one thing about one target.",
            discussion: """
                ban_address ADDRESS or BLOCK; revoke_sessions USER, SESSION or address:ADDRESS; freeze_account NUMBER;
                freeze_card NUMBER; require_step_up ACCOUNT. Servers that run follow within a second.
                """)

        @Argument(help: ArgumentHelp("The action.", valueName: "action"))
        var action: String

        @Argument(help: ArgumentHelp("About whom or what.", valueName: "target"))
        var target: String

        @Option(help: "Why: the journal keeps it.")
        var reason: String

        @Option(help: ArgumentHelp("How long.", valueName: "seconds"))
        var seconds: Int64 = 3_600

        @Flag(help: "Only write down that it would be done.")
        var dryRun = false

        @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws {
            try await CommandRunner.run {
                var request = RespondService.Request(
                    action: action, target: target, reason: reason, dataDirectory: dataDir)
                (request.seconds, request.isDryRun) = (seconds, dryRun)
                for line in try await RespondService.respond(request) { Terminal.output(line) }
                return 0
            }
        }
    }

    struct TakeBack: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "undo", abstract: "Take a response back: what was frozen is as it was before.")

        @Argument(help: "The response's number.")
        var number: Int64

        @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws {
            try await CommandRunner.run {
                for line in try await RespondService.takeBack(number, dataDirectory: dataDir) { Terminal.output(line) }
                return 0
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "What is in force, as JSON.")

        @Flag(help: "What has ended and what was only planned too.")
        var all = false

        @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws {
            try await CommandRunner.run(json: true) {
                Terminal.output(try await RespondService.list(all: all, dataDirectory: dataDir))
                return 0
            }
        }
    }

    struct Incidents: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "incidents", abstract: "What was found, as JSON: those that wait first.")

        @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
        var dataDir = "var"

        func run() async throws {
            try await CommandRunner.run(json: true) {
                Terminal.output(try await RespondService.incidents(dataDirectory: dataDir))
                return 0
            }
        }
    }
}
