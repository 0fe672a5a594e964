internal import ArgumentParser
internal import Platform

struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs", abstract: "Find intrusions in logs: afterwards, or as they are written.",
        subcommands: [Analyse.self, Follow.self, Receive.self, Unban.self, RulesCommand.self, MeasureLogs.self])

    struct Analyse: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "analyse",
            abstract: "Read whole folders of logs: what happened, who did it, what to do.",
            discussion: """
                Reads nginx, Apache, SSH, syslog, journal exports, PostgreSQL (csvlog, jsonlog, stderr, pgaudit), auditd,
                JSON and CSV, plain or compressed, rotated sets as one. Lines that fit nothing are counted and shown.
                """)

        @Argument(help: ArgumentHelp("Folders or files.", valueName: "dir"))
        var places: [String]

        @Option(help: ArgumentHelp("Write each finding as a line of JSON.", valueName: "file"))
        var findings: String?

        @Option(help: ArgumentHelp("Write each line that could not be read as a line of JSON.", valueName: "file"))
        var unread: String?

        @Option(help: ArgumentHelp("Write the incidents as a page.", valueName: "file"))
        var html: String?

        @Option(help: ArgumentHelp("Write the incidents as a STIX 2.1 bundle.", valueName: "file"))
        var stix: String?

        @Option(help: ArgumentHelp("Keep the incidents in the bank that is there.", valueName: "data-dir"))
        var record: String?

        @Option(
            help: ArgumentHelp(
                "What a recovery found tampered with, to link rows with acts; with --record the last one's is taken.",
                valueName: "findings.jsonl"))
        var rows: String?

        @Flag(help: "Answer in JSON.")
        var json = false

        @Option(help: ArgumentHelp("Sigma rules of your own instead of the shipped ones.", valueName: "dir"))
        var rules: String?

        @Option(help: ArgumentHelp("Where local times without a zone were written.", valueName: "zone"))
        var zone = "Europe/Paris"

        @Option(help: ArgumentHelp("PostgreSQL's log_line_prefix, when the guess does not fit.", valueName: "prefix"))
        var logLinePrefix: String?

        @OptionGroup var tuning: LogTuning

        func run() async throws {
            try await CommandRunner.run(json: json) {
                var request = LogsService.Request()
                request.places = places
                request.findings = findings
                request.unread = unread
                request.html = html
                request.stix = stix
                request.json = json
                request.zone = zone
                request.rules = rules
                request.logLinePrefix = logLinePrefix
                request.recordsInto = record
                request.tampered = rows
                request.tuning = tuning.tuning
                let printer = ProgressPrinter(style: json ? .quiet : .bar)
                defer { printer.finish() }
                let lines = try await LogsService.analyse(request, progress: printer.sink)
                printer.finish()
                for line in lines { Terminal.output(line) }
                return 0
            }
        }
    }

    struct RulesCommand: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rules", abstract: "Sigma rules: try them on the lines beside them.", subcommands: [Test.self])

        struct Test: AsyncParsableCommand {
            static let configuration = CommandConfiguration(
                commandName: "test", abstract: "Each rule must find the lines it names and leave the others.")

            @Argument(help: ArgumentHelp("The folder; by default the shipped rules.", valueName: "dir"))
            var folder: String?

            func run() async throws {
                try await CommandRunner.run {
                    let (lines, isGood) = try LogsService.testRules(folder)
                    for line in lines { Terminal.output(line) }
                    return isGood ? 0 : 1
                }
            }
        }
    }

    struct Follow: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "follow",
            abstract: "Watch logs while they are written; each line counts once, over kill -9 too.",
            discussion: """
                The position in each file and what was written out are committed together. Rotation by renaming and by
                truncation are followed. Ends with Ctrl-C.
                """)

        @Argument(help: ArgumentHelp("Folders or files.", valueName: "dir"))
        var places: [String]

        @Option(help: ArgumentHelp("Where the positions are kept.", valueName: "file"))
        var state = "var/follow.json"

        @Option(help: ArgumentHelp("Append each finding as a line of JSON.", valueName: "file"))
        var findings: String?

        @Option(help: ArgumentHelp("Append each line under keyed pseudonyms.", valueName: "file"))
        var lines: String?

        @Option(
            help: ArgumentHelp(
                "Where lines go that could not be read; by default beside the positions.", valueName: "file"))
        var unread: String?

        @Option(help: ArgumentHelp("The key of the pseudonyms.", valueName: "file"))
        var keyFile: String?

        @Option(help: ArgumentHelp("Sigma rules of your own instead of the shipped ones.", valueName: "dir"))
        var rules: String?

        @Option(help: ArgumentHelp("Where local times without a zone were written.", valueName: "zone"))
        var zone = "Europe/Paris"

        @Option(help: ArgumentHelp("Decide about bans and write the decisions down here.", valueName: "file"))
        var responses: String?

        @Flag(help: "Ban really; otherwise decisions are only written down.")
        var ban = false

        @Option(help: ArgumentHelp("Gets: ban ADDRESS SECONDS, and later: unban ADDRESS.", valueName: "program"))
        var hook: String?

        @Option(
            help: ArgumentHelp("Keep incidents and decisions in the bank that is there.", valueName: "data-dir"))
        var record: String?

        @Option(help: ArgumentHelp("How long a ban lasts.", valueName: "seconds"))
        var banSeconds = 3600

        @Option(help: ArgumentHelp("Addresses that are never banned; may be repeated.", valueName: "block"))
        var protect: [String] = []

        func validate() throws {
            guard (1...31_536_000).contains(banSeconds) else {
                throw ValidationError("--ban-seconds takes 1 to 31536000")
            }
            guard LogsService.beginnings.contains(from) else {
                throw ValidationError("--from takes \(LogsService.beginnings.joined(separator: ", "))")
            }
            guard !ban || responses != nil || record != nil else {
                throw ValidationError("--ban needs --responses or --record")
            }
        }

        @OptionGroup var tuning: LogTuning

        @Option(
            help: ArgumentHelp(
                "Where the very first start begins: the newest file of each log, the start of all there is, its end, or now.",
                discussion: "At the end detectors learn from what is there; now they do not look at it.",
                valueName: "newest|start|end|now"))
        var from = "newest"

        @Flag(help: "End when everything there is has been read.")
        var untilEnd = false

        func run() async throws {
            try await CommandRunner.run {
                var request = LogsService.Following()
                (request.places, request.state, request.findings, request.lines) = (places, state, findings, lines)
                (request.keyFile, request.rules, request.zone, request.untilEnd) = (keyFile, rules, zone, untilEnd)
                (request.responses, request.bans, request.hook) = (responses, ban, hook)
                (request.banSeconds, request.protected) = (banSeconds, protect)
                request.tuning = tuning.tuning
                request.recordsInto = record
                request.unread = unread
                request.from = from
                let count = try await LogsService.follow(request) { Terminal.output($0) }
                Terminal.output("\(count) lignes suivies (lines followed)")
                return 0
            }
        }
    }

    struct Receive: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "receive", abstract: "Receive syslog by TCP or TLS into files that follow and analyse read.",
            discussion: """
                Messages are lines or begin with their length (RFC 6587, RFC 5425). One file for each sender, turned over at
                64 MB. A sender whose lines can not be written is hung up on. Ends with Ctrl-C.
                """)

        @Argument(help: ArgumentHelp("Where the files go.", valueName: "dir"))
        var folder: String

        @Option(help: "The address to listen on.")
        var host = "127.0.0.1"

        @Option(help: "The port; 0 takes a free one.")
        var port = 6514

        @Option(help: ArgumentHelp("A certificate chain: with it senders speak TLS.", valueName: "pem"))
        var certificate: String?

        @Option(help: ArgumentHelp("The certificate's private key.", valueName: "pem"))
        var privateKey: String?

        @Option(help: ArgumentHelp("Senders must show a certificate of these authorities.", valueName: "pem"))
        var clientCa: String?

        func validate() throws {
            guard (0...65_535).contains(port) else { throw ValidationError("--port takes 0 to 65535") }
            guard (certificate == nil) == (privateKey == nil) else {
                throw ValidationError("--certificate and --private-key go together")
            }
            guard clientCa == nil || certificate != nil else {
                throw ValidationError("--client-ca needs --certificate")
            }
        }

        func run() async throws {
            try await CommandRunner.run {
                var request = LogsService.Receiving(folder: folder)
                (request.host, request.port) = (host, port)
                (request.certificate, request.privateKey, request.clientAuthorities) = (
                    certificate, privateKey, clientCa
                )
                try await LogsService.receive(request) { Terminal.output("receiving on \(host):\($0)") }
                return 0
            }
        }
    }

    struct Unban: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "unban", abstract: "Take a ban back.")

        @Argument(help: "The address.")
        var address: String

        @Option(help: ArgumentHelp("Where decisions were written down.", valueName: "file"))
        var responses: String

        @Option(help: ArgumentHelp("Gets: unban ADDRESS.", valueName: "program"))
        var hook: String?

        func run() async throws {
            try await CommandRunner.run {
                for line in try await LogsService.unban(address, responses: responses, hook: hook) {
                    Terminal.output(line)
                }
                return 0
            }
        }
    }
}
