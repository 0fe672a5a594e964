internal import ArgumentParser
internal import Platform

struct PrivacyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "privacy", abstract: "Registers, rights of persons, erasure, retention, exports, incidents.",
        subcommands: [
            Register.self, Controller.self, Requests.self, Access.self, Erase.self, Destroy.self, Replay.self,
            Retain.self, Closings.self,
            Export.self, Scan.self, Pseudonymise.self, Cards.self, Documents.self, Incident.self,
        ])

    struct Place: ParsableArguments {
        @Option(help: ArgumentHelp("Where the embedded cluster is.", valueName: "dir"))
        var dataDir = "var"
    }

    struct Identity: ParsableArguments {
        @Option(help: ArgumentHelp("The client's number or id.", valueName: "client"))
        var client: String

        @Option(help: "The last name on the identity document.")
        var lastName: String

        @Option(help: ArgumentHelp("The birth date on the identity document.", valueName: "yyyy-mm-dd"))
        var birthDate: String
    }

    private static func show(_ lines: [String]) { for line in lines { Terminal.output(line) } }

    struct Register: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The register of processing activities (article 30), from the catalogue.",
            discussion: "Ends with 1 when a column has no label.")

        @OptionGroup var place: Place
        @Option(help: "The folder to write to.") var output = "registre"

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isWhole) = try await PrivacyService.register(output: output, dataDirectory: place.dataDir)
                show(lines)
                return isWhole ? 0 : 1
            }
        }
    }

    struct Controller: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fill in, once, who answers for the bank and whom an authority calls.")

        @OptionGroup var place: Place
        @Argument(help: "A JSON object.") var file: String

        func run() async throws {
            try await CommandRunner.run {
                show(try await PrivacyService.controller(file: file, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct Access: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Everything that is held about a client: JSON, CSV and PDF, signed.")

        @OptionGroup var place: Place
        @OptionGroup var identity: Identity
        @Option(help: "The folder to write to.") var output = "acces"

        func run() async throws {
            try await CommandRunner.run {
                show(
                    try await PrivacyService.access(
                        client: identity.client, output: output, lastName: identity.lastName,
                        birthDate: identity.birthDate, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct Erase: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Erase a client as far as law lets; what it keeps is archived until the hold ends.")

        @OptionGroup var place: Place
        @OptionGroup var identity: Identity
        @Option(help: "The folder of the proof.") var output = "effacements"
        @Flag(help: "Do not ask.") var yes = false

        func run() async throws {
            try await CommandRunner.run {
                guard yes || Terminal.confirms("Erase client \(identity.client)?") else {
                    Terminal.error("nothing erased\nhint: Answer oui on a terminal, or give --yes.")
                    return 1
                }
                show(
                    try await PrivacyService.erase(
                        client: identity.client, output: output, lastName: identity.lastName,
                        birthDate: identity.birthDate, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct Destroy: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Destroy the keys of an erased client whose hold is over.")

        @OptionGroup var place: Place
        @Option(help: "The client's number or id.") var client: String
        @Option(help: "The folder of the proof.") var output = "effacements"

        func run() async throws {
            try await CommandRunner.run {
                show(try await PrivacyService.destroy(client: client, output: output, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Erase again whoever a restore has brought back; to be run after every restore.")

        @OptionGroup var place: Place

        func run() async throws {
            try await CommandRunner.run {
                show(try await PrivacyService.replay(dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct Retain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let go of what may be kept no longer; without --execute it is only counted.")

        @OptionGroup var place: Place
        @Option(help: "One schedule only.") var only: String?
        @Flag(help: "Do it.") var execute = false

        func run() async throws {
            try await CommandRunner.run {
                show(try await PrivacyService.retain(only: only, isDry: !execute, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct Closings: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Former clients whose accounts were closed on a day that nobody noted; state it.",
            discussion: """
                Without a day five years run from the day on which the bank saw the account closed. With --account the day is \
                stated: not before the last operation, not after that day.
                """)

        @OptionGroup var place: Place
        @Option(help: ArgumentHelp("The account whose day is known.", valueName: "number")) var account: Int64?
        @Option(help: ArgumentHelp("When it was closed.", valueName: "yyyy-mm-dd")) var day: String?
        @Option(help: "The paper that says it, in 10 to 500 characters.") var reason: String?

        func validate() throws {
            let given = [account != nil, day != nil, reason != nil]
            guard given.allSatisfy({ $0 == given[0] }) else {
                throw ValidationError("give --account, --day and --reason together, or none of them")
            }
        }

        func run() async throws {
            try await CommandRunner.run {
                show(
                    try await PrivacyService.closings(
                        account: account, day: day, reason: reason, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "A set for analysis, tests or the public; refused below k, l and t.")

        @OptionGroup var place: Place
        @Option(help: "analytics, test or public.") var profile: String
        @Option(help: "The folder to write to.") var output: String
        @Option(help: "Persons in each class, at least.") var k = 10
        @Option(help: "Different sensitive values in each class, at least.") var l = 2
        @Option(help: "How far a class may be from the whole.") var t = 0.5

        func run() async throws {
            try await CommandRunner.run {
                show(
                    try await PrivacyService.export(
                        profile: profile, output: output, k: k, l: l, t: t, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct Cards: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look for card numbers in clear in the database, in files and in memory (PCI DSS 3.3.1, 3.5.1).",
            discussion: "Ends with 1 when there is one.")

        @OptionGroup var place: Place
        @Option(help: ArgumentHelp("A folder of logs, backups or reports; may be repeated.", valueName: "dir"))
        var files: [String] = []
        @Option(help: ArgumentHelp("A process whose memory is read too, by root; may be repeated.", valueName: "pid"))
        var process: [Int32] = []

        func run() async throws {
            try await CommandRunner.run {
                let (lines, isClean) = try await PrivacyService.cards(
                    folders: files, processes: process, dataDirectory: place.dataDir)
                show(lines)
                return isClean ? 0 : 1
            }
        }
    }

    struct Documents: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "The impact assessment (article 35) and the register of ICT providers (DORA), signed.")

        @OptionGroup var place: Place
        @Option(help: "The folder to write to.") var output = "documents"

        func run() async throws {
            try await CommandRunner.run {
                show(try await PrivacyService.documents(output: output, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct Incident: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Incidents and breaches: facts, classification, clocks, reports.",
            subcommands: [
                IncidentMeasure.self, IncidentOpen.self, IncidentUpdate.self, IncidentReport.self, IncidentSent.self,
                IncidentClose.self, IncidentList.self,
            ])
    }

    struct IncidentMeasure: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "measure", abstract: "Open the one that the logs and the last recovery show.")

        @OptionGroup var place: Place
        @Argument(help: "Files and folders of logs.") var logs: [String]

        func run() async throws {
            try await CommandRunner.run {
                show(try await PrivacyIncidentService.measure(logs: logs, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct IncidentOpen: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "open", abstract: "Open one from its facts.")

        @OptionGroup var place: Place
        @Option(help: "A JSON file.") var facts: String
        @Option(help: "In French.") var titleFr: String
        @Option(help: "In English.") var titleEn: String

        func run() async throws {
            try await CommandRunner.run {
                show(
                    try await PrivacyIncidentService.open(
                        facts: facts, titleFr: titleFr, titleEn: titleEn, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct IncidentReport: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "report", abstract: "Make a report of it.")

        @OptionGroup var place: Place
        @Argument(help: "The incident's reference.") var reference: String
        @Option(help: "dora_initial, dora_intermediate, dora_final, cnil_initial or cnil_final.") var kind: String
        @Option(help: "The folder to write to.") var output = "incidents"

        func run() async throws {
            try await CommandRunner.run {
                show(
                    try await PrivacyIncidentService.report(
                        reference: reference, kind: kind, output: output, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct IncidentSent: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "sent", abstract: "Say that a report was handed in: its clock stops.")

        @OptionGroup var place: Place
        @Argument(help: "The incident's reference.") var reference: String
        @Option(help: "Which report.") var kind: String

        func run() async throws {
            try await CommandRunner.run {
                show(
                    try await PrivacyIncidentService.sent(
                        reference: reference, kind: kind, dataDirectory: place.dataDir))
                return 0
            }
        }
    }

    struct IncidentList: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "All incidents with their clocks.")

        @OptionGroup var place: Place

        func run() async throws {
            try await CommandRunner.run {
                Terminal.output(try await PrivacyIncidentService.list(dataDirectory: place.dataDir))
                return 0
            }
        }
    }
}
