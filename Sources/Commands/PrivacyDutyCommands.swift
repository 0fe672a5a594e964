internal import ArgumentParser
internal import Platform

extension PrivacyCommand {
    struct Requests: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Requests of persons that wait for an answer, the most urgent first.",
            discussion: "Ends with 1 when one is late.")

        @OptionGroup var place: Place
        @Flag(help: "Those that were answered too.") var all = false

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isInTime) = try await PrivacyService.requests(all: all, dataDirectory: place.dataDir)
                for line in lines { Terminal.output(line) }
                return isInTime ? 0 : 1
            }
        }
    }

    struct IncidentUpdate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "update", abstract: "Take in what became known: it is classified anew, its clocks follow.")

        @OptionGroup var place: Place
        @Argument(help: "The incident's reference.") var reference: String
        @Option(help: "A JSON file with the facts that change.") var facts: String

        func run() async throws {
            try await CommandRunner.run {
                for line in try await PrivacyIncidentService.update(
                    reference: reference, facts: facts, dataDirectory: place.dataDir)
                {
                    Terminal.output(line)
                }
                return 0
            }
        }
    }

    struct IncidentClose: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "close", abstract: "Say that it is over, or was none; reports that are due stay due.")

        @OptionGroup var place: Place
        @Argument(help: "The incident's reference.") var reference: String
        @Option(help: "How it ended, in a sentence.") var note: String
        @Flag(help: "It was none: its clocks end.") var falseAlarm = false

        func run() async throws {
            try await CommandRunner.run {
                for line in try await PrivacyIncidentService.close(
                    reference: reference, note: note, isFalseAlarm: falseAlarm, dataDirectory: place.dataDir)
                {
                    Terminal.output(line)
                }
                return 0
            }
        }
    }
}
