internal import ArgumentParser
internal import Platform

extension KeysCommand {
    struct Carry: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "carry",
            abstract: "Bring the living clients' keys into a restored backup that is older than the key in use.",
            discussion: """
                Such a backup holds its keys under a key-encryption key that was destroyed with keys forget. What \
                clients sealed whose keys were destroyed before that stays unreadable; erasures are replayed.
                """)

        @OptionGroup var place: Place

        @Argument(help: ArgumentHelp("Where the restored cluster is; it must be running.", valueName: "dir"))
        var directory: String

        func run() async throws {
            try await CommandRunner.run {
                for line in try await KeysService.carry(into: directory, dataDirectory: place.dataDir) {
                    Terminal.output(line)
                }
                return 0
            }
        }
    }
}
