public import Postgres
public import Web

/// What people do with automations: look, try, switch, replay. Each act that changes something is in the journal.
public struct AutomationDesk: Sendable {
    let database: Database
    let library: ScenarioLibrary
    let settings: AutomationSettings
    private let secrets: SecretBox

    public init(database: Database, library: ScenarioLibrary, settings: AutomationSettings, secrets: SecretBox) {
        self.database = database
        self.library = library
        self.settings = settings
        self.secrets = secrets
    }

    private var history: HistoryStore { HistoryStore(database: database) }

    // MARK: scenarios

    public func scenarios() async throws -> JSON {
        try await library.reload(database)
        return .array(library.all.map(summary))
    }

    public func enable(_ name: String, _ isEnabled: Bool, author: String) async throws {
        try await library.reload(database)
        _ = try library.scenario(name)
        try await ScenarioStore(database: database).enable(name, isEnabled, by: author)
        try await note("automation.scenario_switched", name, ["enabled": "\(isEnabled)"], author)
    }

    /// Back to the document that is shipped.
    public func reset(_ name: String, author: String) async throws -> Bool {
        let was = try await ScenarioStore(database: database).remove(name)
        if was { try await note("automation.scenario_reset", name, [:], author) }
        return was
    }

    /// Runs a scenario now with an event of the caller's. The same `key` runs it once.
    public func run(_ name: String, event: JSON, key: String, author: String) async throws {
        try await library.reload(database)
        let scenario = try library.scenario(name)
        let now = try await ScheduleStore(database: database).now()
        let dedupe = "by hand:" + key
        let plan = Planner.plan(scenario, event: event, dedupe: dedupe, key: nil, at: now, bank: settings.bank)
        guard let plan else { throw AutomationError.event("the scenario's filter does not let it through") }
        let store = IntakeStore(database: database)
        try await store.prepareBank()
        try await store.write([PlannedRun(scenario: scenario, dedupe: dedupe, event: event, plan: plan, at: now)])
        try await note("automation.run_by_hand", name, ["key": key], author)
    }

    // MARK: history

    public func runs(scenario: String?, status: String?, before: Int64?, limit: Int) async throws -> String {
        try await history.runs(scenario: scenario, status: status, before: before, limit: limit)
    }

    public func delivery(_ id: Int64) async throws -> String? { try await history.delivery(id) }

    /// Sends what was given up once more: one delivery, or all that fit.
    public func replay(
        ids: [Int64]?, scenario: String?, destination: String?, author: String
    ) async throws -> Int64 {
        let ids =
            if let ids { ids } else {
                try await history.dead(scenario: scenario, destination: destination, limit: 10_000)
            }
        let count = try await history.replay(ids, patienceSeconds: 259_200)
        try await note(
            "automation.replayed", scenario ?? destination ?? ids.first.map { "delivery \($0)" } ?? "nothing",
            ["count": "\(count)"], author)
        return count
    }

    public func drop(_ id: Int64, author: String) async throws -> Bool {
        let was = try await history.drop(id)
        if was { try await note("automation.dropped", "delivery \(id)", [:], author) }
        return was
    }

    // MARK: destinations and hooks

    public func destinations() async throws -> String { try await history.destinations() }

    /// `{name, kind, settings, secret?, rate?, burst?}`
    public func keepDestination(_ json: JSON, author: String) async throws {
        let name = json["name"]?.string ?? ""
        guard name.count <= 63, name.wholeMatch(of: /[a-z0-9][a-z0-9-]*/) != nil, name != "bank" else {
            throw AutomationError.destination(name, "a name is lower case letters, digits and hyphens, and not bank")
        }
        let kind = json["kind"]?.string ?? ""
        guard ["email", "webhook", "slack", "teams", "sms", "make"].contains(kind) else {
            throw AutomationError.destination(name, "a kind is email, webhook, slack, teams, sms or make")
        }
        let settings = json["settings"] ?? .object([])
        let secret = json["secret"]?.string
        try check(name, kind, settings, secret)
        let sealed: [UInt8]? = if let secret { try await secrets.seal(Array(secret.utf8), name) } else { nil }
        let rate = json["rate"]?.double
        guard rate.map({ $0 > 0 && $0 <= 100_000 }) ?? true else {
            throw AutomationError.destination(name, "a rate is above zero")
        }
        try await history.keepDestination(
            name, kind: kind, settings: settings.text, secret: sealed, rate: rate,
            burst: min(max(Int(json["burst"]?.integer ?? 50), 1), 100_000), by: author)
        try await note("automation.destination_changed", name, ["kind": kind], author)
    }

    private func check(_ name: String, _ kind: String, _ settings: JSON, _ secret: String?) throws {
        switch kind {
        case "email":
            guard settings["host"]?.string != nil, settings["sender"]?.string.map(Mails.isAddress) == true else {
                throw AutomationError.destination(name, "an email destination needs host and sender")
            }
        case "slack", "teams":
            guard secret.map({ HTTPAddress($0) != nil }) ?? true else {
                throw AutomationError.destination(name, "its secret is the address that \(kind) gave you")
            }
        default:
            guard settings["url"]?.string.flatMap({ HTTPAddress($0) }) != nil else {
                throw AutomationError.destination(name, "it needs a url of http or https")
            }
            if kind == "webhook", let secret {
                let isGood = secret.split(separator: " ").allSatisfy {
                    $0.hasPrefix("whsk_") || StandardWebhook.key(of: String($0)) != nil
                }
                guard isGood else {
                    throw AutomationError.destination(name, "its secret is whsec_ and base64 of 24 to 64 bytes")
                }
            }
        }
        let hidden = ["password", "secret", "token", "apikey", "api_key"]
        if let found = settings.members?.first(where: { hidden.contains($0.name.lowercased()) }) {
            throw AutomationError.destination(name, "\(found.name) belongs into secret, which is sealed")
        }
    }

    public func removeDestination(_ name: String, author: String) async throws -> Bool {
        let was = try await history.removeDestination(name)
        if was { try await note("automation.destination_removed", name, [:], author) }
        return was
    }

    public func keepHookSecret(_ hook: String, secret: String, author: String) async throws {
        guard secret.utf8.count >= 16 else { throw AutomationError.hook("a secret has at least 16 characters") }
        try await HookStore(database: database).keepSecret(
            try await secrets.seal(Array(secret.utf8), "hook:" + hook), of: hook, by: author)
        try await note("automation.hook_secret_changed", hook, [:], author)
    }

    /// A new secret in the form of Standard Webhooks.
    public static func newSecret() throws -> String { try StandardWebhook.newSecret() }

    /// What needs a person: documents that are wrong, destinations that deliveries wait for and that are not there.
    public func problems() async throws -> [String] {
        try await library.reload(database)
        let missing = try await history.waitingWithout()
        let sets = try await GenerationStore(database: database).alive()
        return library.problems + missing.map { "deliveries wait for the destination \($0), which is not there" }
            + (sets > 1
                ? [
                    "servers with \(sets) different sets of scenarios are alive: the newest plans, the others only deliver"
                ]
                : [])
    }

    func note(_ kind: String, _ subject: String, _ fields: [String: String], _ author: String) async throws {
        try await JournalStore(database: database).note(kind, subject, fields, author)
    }
}
