internal import Automation
internal import Cryptography
internal import Evidence
internal import Foundation
internal import Gateway
internal import Migrations
internal import Postgres
internal import Vault
internal import Web

/// Automations as a part of the server, or alone.
struct AutomationPart: Sendable {
    let engine: AutomationEngine
    let desk: AutomationDesk
    let hooks: HookDesk

    /// The vault's name for the secrets of destinations: a key of their own, like a client's.
    static let vaultID = UUID(uuid: (0x61, 0x75, 0x74, 0x6F, 0x6D, 0x61, 0x74, 0x40, 0x80, 0x6F, 0x6E, 0, 0, 0, 0, 1))

    var routes: AutomationRoutes { AutomationRoutes(desk: desk, hooks: hooks) }

    /// - Parameters:
    ///   - database: owns the tables that scenarios watch.
    ///   - functions: what scenarios may call by name; `daily-report` is the report of a day.
    ///   - works: whether the engine is going to run. Who only asks gives no sign of life, and moves no table's triggers.
    static func open(
        _ database: Database, data: DataDirectory, settings: AutomationSettings = AutomationSettings(),
        functions: [String: AutomationFunction] = [:], works: Bool = true
    ) async throws -> AutomationPart {
        try await Migrator(database).apply([
            try VaultMigrations.set(), try EvidenceMigrations.set(), try AutomationMigrations.set(),
        ])
        var settings = settings
        settings.attachmentsFolder = data.path + "/reports"
        settings.networks += networks(ProcessInfo.processInfo.environment[networksSetting])
        let secrets = try await secretBox(database, data)
        let own = data.path + "/scenarios"
        let folders = [try ScenarioLibrary.shippedFolder()] + (FileManager.default.fileExists(atPath: own) ? [own] : [])
        let library = ScenarioLibrary(folders: folders)
        let engine = try AutomationEngine(
            database: database, library: library, settings: settings, secrets: secrets, functions: functions)
        if works { try await engine.prepare() } else { try await library.reload(database) }
        return AutomationPart(
            engine: engine,
            desk: AutomationDesk(database: database, library: library, settings: settings, secrets: secrets),
            hooks: HookDesk(
                database: database, library: library, secrets: secrets,
                clock: { Int64(Date().timeIntervalSince1970) }))
    }

    /// Inner networks that deliveries may go to, in CIDR form, apart by commas.
    static let networksSetting = "DIGITALBANK_AUTOMATION_NETWORKS"

    private static func networks(_ text: String?) -> [String] {
        (text ?? "").split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }.filter { !$0.isEmpty }
    }

    private static func secretBox(_ database: Database, _ data: DataDirectory) async throws -> SecretBox {
        let folder = KeyFolder(data.keys)
        let vault = Vault(
            database: database, keyring: try await folder.keyring(), reload: { try await folder.keyring() })
        @Sendable func place(_ name: String) -> SealedPlace {
            SealedPlace(table: "automation.destinations", column: "secret", row: name)
        }
        return SecretBox(
            seal: { try await vault.seal($0, for: vaultID, at: place($1)) },
            open: { try await vault.open($0, of: vaultID, at: place($1)) })
    }
}

/// Automations from the command line.
public enum AutomationService {
    public enum Work: Sendable {
        case list
        case run(String, event: String, key: String)
        case dryRun(String, event: String?, run: Int64?)
        case history(scenario: String?, status: String?, limit: Int)
        case delivery(Int64)
        case replay(ids: [Int64], scenario: String?, destination: String?)
        case destinations
        case destination(String)
        case hookSecret(String, secret: String?)
        case problems
    }

    private static let actor = "command line"

    /// The lines of the answer; `isClean` is false when something needs a person.
    public static func perform(
        _ work: Work, dataDirectory: String, database named: String? = nil
    ) async throws -> (lines: [String], isClean: Bool) {
        let data = DataDirectory(dataDirectory)
        return try await BankDatabase.with(data, database: named) { database in
            let desk = try await AutomationPart.open(database, data: data, works: false).desk
            switch work {
            case .list: return (list(try await desk.scenarios()), true)
            case .run(let name, let event, let key):
                try await desk.run(name, event: try read(event), key: key, author: actor)
                return (["planned      \(name)"], true)
            case .dryRun(let name, _, let run?): return ([try await desk.dryRun(name, run: run).text], true)
            case .dryRun(let name, let event, nil):
                return ([try await desk.dryRun(name, event: try read(event ?? "{}")).text], true)
            case .history(let scenario, let status, let limit):
                return (
                    history(try await desk.runs(scenario: scenario, status: status, before: nil, limit: limit)), true
                )
            case .delivery(let id): return ([try await desk.delivery(id) ?? "there is no delivery \(id)"], true)
            case .replay(let ids, let scenario, let destination):
                let count = try await desk.replay(
                    ids: ids.isEmpty ? nil : ids, scenario: scenario, destination: destination, author: actor)
                return (["replayed     \(count)"], true)
            case .destinations: return ([try await desk.destinations()], true)
            case .destination(let text):
                try await desk.keepDestination(try read(text), author: actor)
                return (["kept"], true)
            case .hookSecret(let name, let secret):
                let secret = try secret ?? AutomationDesk.newSecret()
                try await desk.keepHookSecret(name, secret: secret, author: actor)
                return (["hook         /automation/v1/hooks/\(name)", "secret       \(secret)"], true)
            case .problems:
                let problems = try await desk.problems()
                return (problems.isEmpty ? ["nothing needs a person"] : problems, problems.isEmpty)
            }
        }
    }

    /// Works until the process is told to end, beside servers or in place of theirs. It makes reports where figures may be
    /// read, as a server does; what it can not do it leaves to others.
    public static func serve(
        dataDirectory: String, database named: String? = nil, onReady: @Sendable () -> Void
    ) async throws {
        let data = DataDirectory(dataDirectory)
        try data.prepare()
        try await BankDatabase.with(data, database: named) { database in
            let figures =
                try await ApiRolesStore.mayReadFigures(database)
                ? try await BIService.open(
                    database.configuration, address: AutomationSettings().bank["url"]?.string ?? "")
                : nil
            let part = try await AutomationPart.open(
                database, data: data, functions: functions(figures, reports: data.path + "/reports"))
            onReady()
            try await part.engine.run()
        }
    }

    /// What scenarios may call by name.
    static func functions(_ figures: BIService?, reports: String) -> [String: AutomationFunction] {
        guard let figures else { return [:] }
        return ["daily-report": { arguments, _ in try await figures.report(arguments, to: reports) }]
    }

    /// Reads every scenario of a folder, or the shipped ones; no bank is needed.
    public static func check(folder: String?) throws -> [String] {
        let scenarios = try ScenarioLibrary.read(folder: folder ?? ScenarioLibrary.shippedFolder())
        return scenarios.map {
            "ok           \($0.name): \($0.triggerText) to \($0.destinations.joined(separator: ", "))"
        }
    }

    /// Writes a Make blueprint for each scenario, and beside it the scenario that stays with the bank and calls it.
    public static func exportMake(folder: String?, to output: String) throws -> [String] {
        let folder = try folder ?? ScenarioLibrary.shippedFolder()
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        var lines: [String] = []
        func write(_ text: String, _ name: String) throws {
            let path = output + "/" + name
            try Data(text.utf8).write(to: URL(filePath: path), options: .atomic)
            lines.append("written      \(path)")
        }
        for document in try ScenarioLibrary.documents(folder: folder) {
            let scenario = try ScenarioLibrary.read(document)
            try write(try MakeBlueprint.blueprint(scenario).text, scenario.name + ".blueprint.json")
            try write(try MakeBlueprint.relay(document: document), scenario.name + ".bank.yml")
        }
        return lines
    }

    private static func read(_ text: String) throws -> JSON {
        do {
            return try JSONReader.read(text)
        } catch {
            throw FraudProblem.make(
                "automation_request_invalid", "the text is no JSON: \(error)", "Give one JSON object.")
        }
    }

    private static func list(_ scenarios: JSON) -> [String] {
        (scenarios.array ?? []).map { scenario in
            let name = scenario["name"]?.string ?? ""
            let state = scenario["enabled"]?.bool == false ? "off" : "on"
            return name.padding(toLength: max(22, name.count + 1), withPad: " ", startingAt: 0)
                + state.padding(toLength: 5, withPad: " ", startingAt: 0) + (scenario["title_fr"]?.string ?? "") + " ("
                + (scenario["trigger"]?.string ?? "") + ")"
        }
    }

    private static func history(_ text: String) -> [String] {
        let runs = (try? JSONReader.read(text))?.array ?? []
        return runs.flatMap { run -> [String] in
            let head = "\(run["id"]?.text ?? "")  \(run["started_at"]?.string ?? "")  \(run["scenario"]?.string ?? "")"
            let deliveries = (run["deliveries"]?.array ?? []).map { delivery in
                "    \(delivery["id"]?.text ?? "")  \(delivery["status"]?.string ?? "")  \(delivery["step"]?.string ?? "")"
                    + " to \(delivery["destination"]?.string ?? "")  \(delivery["attempts"]?.text ?? "") attempts  "
                    + (delivery["detail"]?.string ?? "")
            }
            return [head] + deliveries
        }
    }
}
