internal import Detection
public import Diagnostics
internal import Foundation
internal import Gateway
internal import PostgresServer

/// Reads logs, and tells people and machines what happened.
public enum LogsService {
    public struct Request: Sendable {
        public var places: [String] = []
        public var findings: String?
        /// Where each line goes that could not be read.
        public var unread: String?
        /// Where the page of incidents goes.
        public var html: String?
        /// Where the STIX 2.1 bundle goes.
        public var stix: String?
        public var json = false
        /// Folder of Sigma rules; nil: the shipped ones where they are found.
        public var rules: String?
        public var zone = "Europe/Paris"
        public var logLinePrefix: String?
        /// The bank that keeps the incidents; nil: none does.
        public var recordsInto: String?
        /// The `findings.jsonl` of a recovery; nil: that of the bank that keeps the incidents, where it has one.
        public var tampered: String?
        public var tuning = Tuning()

        public init() {}

        func options() throws -> DetectionOptions {
            var options = DetectionOptions()
            options.reading.zone = zone
            options.reading.logLinePrefix = logLinePrefix
            options.rules = rules ?? LogsService.shippedRules
            try tuning.apply(to: &options)
            return options
        }
    }

    /// What an operator knows of a house: where addresses are, what fields are called, what is no news.
    public struct Tuning: Sendable {
        /// A `.mmdb` or a CSV of ranges.
        public var places: String?
        /// A YAML list.
        public var suppressions: String?
        /// `quand=time`
        public var mapping: [String] = []

        public init() {}

        func apply(to options: inout DetectionOptions) throws {
            options.places = try places.map { try GeoDatabase(path: $0) }
            if let suppressions { options.suppressions = try SuppressionList(file: suppressions) }
            for text in mapping { try options.reading.map(text) }
        }
    }

    public static func analyse(_ request: Request, progress: @escaping ProgressSink) async throws -> [String] {
        var analysis = LogAnalysis()
        analysis.options = try request.options()
        analysis.checkSeal = { SealedJournal.problems($0) }
        analysis.progress = progress
        analysis.unread = request.unread
        let writer = try request.findings.map { try FindingWriter(path: $0) }
        if let writer { analysis.onFinding = { writer.write($0) } }
        analysis.tampered = try tampered(request)
        var result = try analysis.run(request.places)
        try writer?.finish()
        var recorded: [DetectionDesk.Recorded] = []
        if let directory = request.recordsInto {
            let incidents = result.incidents
            recorded = try await RespondService.with(directory) { try await $0.record(incidents, source: .analysis) }
            result.tell(recorded)
        }
        if let html = request.html { try write(IncidentPage.html(result.incidents, result.sources), to: html) }
        if let stix = request.stix { try write(StixBundle.json(result.incidents) + "\n", to: stix) }
        var lines = request.json ? [AnalysisText.json(result)] : AnalysisText.lines(result)
        if !request.json { lines += recorded.map { "recorded  \($0.reference)  \($0.id)" } }
        return lines
    }

    private static func tampered(_ request: Request) throws -> [TamperedRow] {
        if let path = request.tampered { return try TamperedRow.read(path) }
        guard let directory = request.recordsInto else { return [] }
        let path = DataDirectory(directory).path + "/recovery/findings.jsonl"
        return FileManager.default.fileExists(atPath: path) ? try TamperedRow.read(path) : []
    }

    private static func write(_ text: String, to path: String) throws {
        do {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw DetectionError.unwritable(path, error.localizedDescription)
        }
    }

    /// The rules that come with the program: named by `DIGITALBANK_RULES`, beside the executable, or below this folder.
    static var shippedRules: String? {
        let asked = ProcessInfo.processInfo.environment["DIGITALBANK_RULES"]
        let executable = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let beside = executable.appending(path: "rules/detection").path
        let shared = executable.deletingLastPathComponent().appending(path: "share/digitalbank/rules/detection").path
        return [asked, beside, shared, "rules/detection"].compactMap { $0 }.first {
            FileManager.default.fileExists(atPath: $0)
        }
    }

    /// Runs the test lines beside each rule.
    public static func testRules(_ folder: String?) throws -> (lines: [String], isGood: Bool) {
        let outcome = try SigmaRuleTests.run(folder ?? shippedRules ?? "rules/detection")
        var lines = outcome.failures
        lines.append("\(outcome.rules) rules, \(outcome.lines) lines, \(outcome.failures.count) failures")
        return (lines, outcome.failures.isEmpty)
    }

    public struct Following: Sendable {
        public var places: [String] = []
        public var state = "var/follow.json"
        public var findings: String?
        public var lines: String?
        public var keyFile: String?
        /// Where lines are kept that could not be read; nil: beside the position.
        public var unread: String?
        public var rules: String?
        public var zone = "Europe/Paris"
        public var untilEnd = false
        /// Where the very first start begins: one of `beginnings`.
        public var from = "newest"
        /// Where decisions are written down; nil: none are made.
        public var responses: String?
        /// Bans really; otherwise decisions are only written down.
        public var bans = false
        /// A program that gets `ban ADDRESS SECONDS` or `unban ADDRESS`.
        public var hook: String?
        public var banSeconds = 3600
        /// Blocks of addresses that are never banned.
        public var protected: [String] = []
        /// The bank that keeps incidents and decisions; nil: none does.
        public var recordsInto: String?
        public var tuning = Tuning()

        public init() {}
    }

    /// Where a follower may begin.
    public static let beginnings = LogFollower.Beginning.allCases.map(\.rawValue)

    static func beginning(_ name: String) throws(DetectionError) -> LogFollower.Beginning {
        guard let beginning = LogFollower.Beginning(rawValue: name) else {
            throw .option("\(name) is no place to begin at", "Give one of: \(beginnings.joined(separator: ", ")).")
        }
        return beginning
    }

    /// Follows logs until the task is cancelled; `show` receives a line for each finding.
    public static func follow(_ request: Following, show: @escaping @Sendable (String) -> Void) async throws -> Int64 {
        guard let directory = request.recordsInto else { return try await follow(request, nil, show) }
        return try await RespondService.with(directory) { try await follow(request, $0, show) }
    }

    private static func follow(
        _ request: Following, _ desk: DetectionDesk?, _ show: @escaping @Sendable (String) -> Void
    ) async throws -> Int64 {
        var settings = LogFollower.Settings()
        settings.places = request.places
        settings.state = request.state
        settings.findings = request.findings
        settings.lines = request.lines
        settings.untilEnd = request.untilEnd
        settings.from = try beginning(request.from)
        settings.unread = request.unread ?? request.state + ".unread.jsonl"
        settings.onUnread = { source, count in show(unreadWords(source, count)) }
        settings.checkSeal = { SealedJournal.problems($0) }
        settings.options.reading.zone = request.zone
        settings.options.rules = request.rules ?? shippedRules
        try request.tuning.apply(to: &settings.options)
        if let file = request.keyFile {
            guard let data = FileManager.default.contents(atPath: file) else {
                throw DetectionError.option("the key file \(file) can not be read", "Make one: openssl rand 32 > FILE")
            }
            settings.key = [UInt8](data)
        }
        if let journal = request.responses ?? (desk == nil ? nil : request.state + ".responses.jsonl") {
            settings.responses = (try policy(request), journal)
            settings.perform = { act in
                if let desk { await DetectionDeskService.perform(act, desk) }
                await perform(act, request.hook, show)
            }
        }
        if let desk { settings.onIncidents = { _ = try await desk.record($0, source: .live) } }
        let follower = try LogFollower(settings)
        follower.onFinding = { show(AnalysisText.line($0)) }
        try await follower.run()
        for (source, count) in follower.unreadLines { show(unreadWords(source, count)) }
        return follower.lineCount
    }

    static func unreadWords(_ source: String, _ count: Int64) -> String {
        "\(source) : \(count) lignes illisibles, gardées (lines that could not be read, kept)"
    }

    private static func policy(_ request: Following) throws -> ResponseDesk.Policy {
        var policy = ResponseDesk.Policy()
        policy.isDryRun = !request.bans
        policy.duration = Int64(request.banSeconds) * 1_000_000
        for text in request.protected {
            guard let block = AddressBlock(text) else {
                throw DetectionError.option("\(text) is no block of addresses", "Write it like 192.0.2.0/24.")
            }
            policy.protected.append(block)
        }
        return policy
    }

    /// Tells the hook; what it says when it fails is shown, since a ban that does not hold must be seen.
    private static func perform(_ act: ResponseDesk.Act, _ hook: String?, _ show: @Sendable (String) -> Void) async {
        let arguments: [String]
        switch act {
        case .ban(let address, let seconds, _): arguments = ["ban", address, "\(seconds)"]
        case .unban(let address): arguments = ["unban", address]
        case .plan: return
        }
        guard let hook else { return }
        let run = try? await ToolRun.run(hook, arguments, timeMax: .seconds(10))
        if run?.status != 0 {
            show("le programme \(hook) \(arguments.joined(separator: " ")) a échoué (the hook failed)")
        }
    }

    public struct Receiving: Sendable {
        public var host = "127.0.0.1"
        public var port = 6514
        public var folder: String
        public var certificate: String?
        public var privateKey: String?
        public var clientAuthorities: String?

        public init(folder: String) { self.folder = folder }
    }

    /// Receives syslog until the task is cancelled.
    public static func receive(_ request: Receiving, onListening: @Sendable (Int) -> Void) async throws {
        var settings = SyslogServer.Settings()
        (settings.host, settings.port) = (request.host, request.port)
        (settings.certificate, settings.privateKey) = (request.certificate, request.privateKey)
        settings.clientAuthorities = request.clientAuthorities
        try await SyslogServer(settings, spool: try LineSpool(request.folder)).run(onListening: onListening)
    }

    /// Takes a ban back, by hand.
    public static func unban(_ address: String, responses: String, hook: String?) async throws -> [String] {
        var policy = ResponseDesk.Policy()
        policy.isDryRun = false
        let desk = try ResponseDesk(policy, journal: responses) { Int64(Date().timeIntervalSince1970 * 1_000_000) }
        guard let act = desk.undo(address) else {
            throw DetectionError.option("\(address) is not banned", "The bans are in \(responses).")
        }
        await perform(act, hook) { _ in }
        return ["\(address) n'est plus interdite (no longer banned)"]
    }
}
