internal import Web

/// What starts a run, what it filters, and what it does: one file of `rules/scenarios`.
public struct Scenario: Sendable {
    public let name: String
    public let french: String
    public let english: String
    /// SHA-256 of the document, shortened: which version a run was planned by.
    public let version: String
    let trigger: Trigger
    let when: Condition
    let gather: Gather?
    let steps: [Step]

    /// What starts it, in a few words.
    public var triggerText: String { trigger.text }

    /// Every act, those of branches and of error branches included.
    var acts: [Act] { steps.flatMap(\.acts) }

    public var destinations: [String] {
        acts.reduce(into: []) { if !$0.contains($1.destination) { $0.append($1.destination) } }
    }
}

/// Where events of a scenario come from.
enum Trigger: Sendable {
    case table(TableTrigger)
    /// The same from the server's log, when it is committed: no trigger, deletions too.
    case changes(TableTrigger)
    case schedule(Schedule, CatchUp)
    case hook(HookTrigger)
    case metric(MetricTrigger)
    case manual

    var text: String {
        switch self {
        case .table(let table): "table \(table.table) (\(table.operations.joined(separator: ", ")))"
        case .changes(let table): "changes of \(table.table) (\(table.operations.joined(separator: ", ")))"
        case .schedule(let schedule, _): "schedule \(schedule.text)"
        case .hook(let hook): "webhook \(hook.name)"
        case .metric(let metric): "figure \(metric.name)"
        case .manual: "by hand"
        }
    }

    /// The table whose rows start it.
    var table: TableTrigger? {
        switch self {
        case .table(let table), .changes(let table): table
        case .schedule, .hook, .metric, .manual: nil
        }
    }

    /// The `source` of its events in the outbox.
    func source(_ scenario: String) -> String {
        switch self {
        case .table(let table): table.table
        case .changes(let table): "changes:" + table.table
        case .schedule: "schedule:" + scenario
        case .hook(let hook): "hook:" + hook.name
        case .metric: "metric:" + scenario
        case .manual: "manual:" + scenario
        }
    }
}

struct TableTrigger: Sendable, Hashable {
    let table: String
    let operations: [String]
    /// Column to kind, in the document's order.
    let fields: [(name: String, kind: FieldKind)]
    /// Events of one key are delivered in order.
    let key: String?

    static func == (a: Self, b: Self) -> Bool {
        a.table == b.table && a.operations == b.operations && a.key == b.key && a.fields.elementsEqual(b.fields, by: ==)
    }

    func hash(into hasher: inout Hasher) { hasher.combine(table) }
}

enum FieldKind: String, Sendable {
    case integer, decimal, money, text, boolean, time, object, list
}

struct HookTrigger: Sendable, Hashable {
    let name: String
    let scheme: HookScheme
    /// Nil: whatever comes.
    let fields: [String]?
}

/// How a webhook proves who it is from.
enum HookScheme: String, Sendable, CaseIterable {
    /// Standard Webhooks 1.0.0, `v1`.
    case standard
    /// `Authorization: Bearer …`: Alertmanager, Make's HTTP module.
    case bearer
    /// `x-make-apikey: …`
    case make
}

struct MetricTrigger: Sendable, Hashable {
    let name: String
    let labels: [String: String]
    /// The figure is a moment (seconds since 1970): what counts is how long ago it was.
    let isMoment: Bool
    let threshold: Threshold
    let everySeconds: Int
}

enum CatchUp: String, Sendable {
    /// One run for all that were missed.
    case once
    /// A run for each, the oldest first.
    case all
    /// None for those that are late by more than the grace.
    case skip
}

/// Events that are gathered for a time, by key, before one run has them all.
struct Gather: Sendable, Hashable {
    let windowSeconds: Int
    let by: Template?
    let most: Int
}

indirect enum Step: Sendable {
    case act(Act)
    case route([Branch])
    case each(JSONPath, name: String, most: Int, [Step])

    struct Branch: Sendable {
        let when: Condition
        let steps: [Step]
    }

    var acts: [Act] {
        switch self {
        case .act(let act): [act] + act.onError.flatMap(\.acts)
        case .route(let branches): branches.flatMap { $0.steps.flatMap(\.acts) }
        case .each(_, _, _, let steps): steps.flatMap(\.acts)
        }
    }
}

/// One thing that is done.
struct Act: Sendable {
    let name: String
    let action: Action
    let destination: String
    let when: Condition
    let body: [(name: String, value: Body)]
    let order: Order
    /// What is told once, however many events tell of it: the delivery's key comes of this text, not of the event.
    let once: Template?
    let patienceSeconds: Int
    let onError: [Step]

    enum Order: Sendable, Hashable {
        /// In the order of the event's key, or on its own when it has none.
        case key
        case none
        /// All that goes to the destination, one after the other.
        case destination
        case by(Template)
    }
}

enum Action: String, Sendable, CaseIterable {
    case notify, email, slack, teams, sms, webhook
    case openCase = "open_case"
    case openIncident = "open_incident"
    case blockCard = "block_card"
    case revokeSessions = "revoke_sessions"
    case runReport = "run_report"
    case call

    /// Done by the bank itself, in the transaction that notes it as done.
    var isInner: Bool {
        switch self {
        case .notify, .email, .slack, .teams, .sms, .webhook: false
        default: true
        }
    }

    var needed: [String] {
        switch self {
        case .notify, .email, .slack, .teams, .sms: ["text"]
        case .webhook: ["type", "data"]
        case .openCase: ["client", "note"]
        case .openIncident: ["severity", "title"]
        case .blockCard: ["card", "reason"]
        case .revokeSessions: ["user"]
        case .runReport, .call: ["name"]
        }
    }
}

/// A value with holes in it.
indirect enum Body: Sendable, Hashable {
    case constant(JSON)
    case text(Template)
    case list([Body])
    case object([Member])

    struct Member: Sendable, Hashable {
        let name: String
        let value: Body
    }

    func fill(from root: JSON) -> JSON {
        switch self {
        case .constant(let value): value
        case .text(let template): template.fill(from: root)
        case .list(let list): .array(list.map { $0.fill(from: root) })
        case .object(let members): .object(members.map { JSON.Member($0.name, $0.value.fill(from: root)) })
        }
    }

    var holes: [(path: JSONPath, filters: [Template.Filter])] {
        switch self {
        case .constant: []
        case .text(let template): template.holes
        case .list(let list): list.flatMap(\.holes)
        case .object(let members): members.flatMap(\.value.holes)
        }
    }
}
