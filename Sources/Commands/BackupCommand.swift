internal import ArgumentParser
internal import Platform

/// Where the bank is.
struct DataPlace: ParsableArguments {
    @Option(help: ArgumentHelp("Where the bank, its keys and its backups are.", valueName: "dir"))
    var dataDir = "var"
}

struct BackupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Back the bank up, and prove that the backups are whole.",
        subcommands: [
            Initialise.self, Now.self, List.self, Verify.self, Expire.self, Pages.self, Run.self, Sync.self, Copy.self,
        ])

    struct Initialise: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "init",
            abstract: "Make the repositories and switch archiving on; restarts the bank's server once.",
            discussion: "Again: what is not said stays as it was.")

        @OptionGroup var place: DataPlace

        @Option(
            help: ArgumentHelp("A repository's folder, or s3://bucket/prefix; give it twice for two.", valueName: "dir")
        )
        var repository: [String] = []

        @OptionGroup var stores: StoreOptions

        @Option(
            help: ArgumentHelp(
                "Copy each sound set there too, into files that not even root can change (chattr +i).",
                valueName: "dir"))
        var immutableCopy: String?

        @Option(help: "Days for which any moment can be restored; 35 unless it was said before.")
        var days: Int?

        @Option(help: "Full backups that stay whatever their age; 2 unless it was said before.")
        var fulls: Int?

        @Flag(help: "Begin a repository again that held backups and is empty now: they are lost.")
        var beginAnew = false

        func run() async throws {
            try await CommandRunner.run {
                var order = ContinuityService.PrepareOrder(dataDirectory: place.dataDir)
                order.repositories = repository
                order.stores = stores.order
                order.immutableCopy = immutableCopy
                (order.days, order.fulls) = (days, fulls)
                order.beginsAnew = beginAnew
                let lines = try await ContinuityService.prepare(order)
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Now: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "now", abstract: "Make a backup in every repository.")

        @OptionGroup var place: DataPlace

        @Option(help: "full, diff or incr.")
        var type = "incr"

        func run() async throws {
            try await CommandRunner.run {
                let made = try await ContinuityService.make(dataDirectory: place.dataDir, kind: type)
                for line in made.lines { Terminal.output(line) }
                return made.isSound ? 0 : 3
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List the backups, and which of them a drill has proved.")

        @OptionGroup var place: DataPlace

        func run() async throws {
            try await CommandRunner.run {
                for line in try await ContinuityService.list(dataDirectory: place.dataDir) { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify",
            abstract: "Compare every file with what was signed, look for holes in the log, let pgBackRest read all.",
            discussion: "Ends with 3 when anything is wrong, which pgBackRest's own verify does not.")

        @OptionGroup var place: DataPlace

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isSound) = try await ContinuityService.verify(dataDirectory: place.dataDir)
                for line in lines { Terminal.output(line) }
                return isSound ? 0 : 3
            }
        }
    }

    struct Expire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "expire", abstract: "Remove what retention lets go; never what the last proof stands on.")

        @OptionGroup var place: DataPlace

        @Flag(help: "Only say what would go.")
        var dryRun = false

        func run() async throws {
            try await CommandRunner.run {
                let lines = try await ContinuityService.expire(dataDirectory: place.dataDir, dryRun: dryRun)
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }

    struct Pages: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pages", abstract: "Read every page of the data directory: header, checksum, entropy.")

        @OptionGroup var place: DataPlace

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isSound) = try ContinuityService.pages(dataDirectory: place.dataDir)
                for line in lines { Terminal.output(line) }
                return isSound ? 0 : 3
            }
        }
    }

    struct Run: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "run",
            abstract: "Keep the bank backed up: receive the log, back up and drill when due, watch for ransomware.")

        @OptionGroup var place: DataPlace

        func run() async throws {
            try await CommandRunner.run {
                try await ContinuityService.run(dataDirectory: place.dataDir) { Terminal.output($0) }
                return 0
            }
        }
    }

    struct Copy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "copy",
            abstract: "Look whether immutable copy and buckets are locked, or make a repository of what the lock kept.",
            discussion: "Ends with 3 when something of it could be changed.")

        @OptionGroup var place: DataPlace

        @Option(help: "Whose copy.")
        var repository = 1

        @Option(help: ArgumentHelp("A new folder for the repository.", valueName: "dir"))
        var into: String?

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isSound) = try await ContinuityService.copy(
                    dataDirectory: place.dataDir, repository: repository, into: into)
                for line in lines { Terminal.output(line) }
                return isSound ? 0 : 3
            }
        }
    }

    struct Sync: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sync", abstract: "Make commits wait until the receiver has them on disk: on or off.")

        @OptionGroup var place: DataPlace

        @Argument(help: "on or off.")
        var mode: String

        func validate() throws {
            guard ["on", "off"].contains(mode) else { throw ValidationError("say on or off") }
        }

        func run() async throws {
            try await CommandRunner.run {
                let lines = try await ContinuityService.synchronise(dataDirectory: place.dataDir, isOn: mode == "on")
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }
}
