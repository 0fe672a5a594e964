internal import Cryptography
internal import Web

/// One delivery that a run asks for.
struct PlannedDelivery: Sendable, Hashable {
    let step: String
    let destination: String
    let lane: String
    /// The same run always gives the same key: a receiver that has seen it need not act again.
    let key: String
    let payload: JSON
    let hasErrorBranch: Bool
    let patienceSeconds: Int
}

/// What a run does, before anything of it is done: a pure function of scenario and event.
struct Plan: Sendable, Hashable {
    var deliveries: [PlannedDelivery] = []
    /// Steps that were passed over, and why.
    var notes: [String] = []
}

struct Planner {
    static let deliveriesMax = 1000

    private let scenario: Scenario
    private let dedupe: String
    private let key: String?
    private let at: Instant
    private var plan = Plan()

    /// Nil when the scenario's filter does not let the event through.
    static func plan(
        _ scenario: Scenario, event: JSON, dedupe: String, key: String?, at: Instant, bank: JSON
    ) -> Plan? {
        let root: JSON = ["event": event, "run": run(scenario, dedupe, at), "bank": bank]
        guard scenario.gather != nil || scenario.when.holds(in: root) else { return nil }
        var planner = Planner(scenario: scenario, dedupe: dedupe, key: key, at: at)
        planner.steps(scenario.steps, root, "")
        return planner.plan
    }

    /// The error branch of a step that was given up.
    static func plan(
        _ act: Act, of scenario: Scenario, event: JSON, reason: String, dedupe: String, at: Instant, bank: JSON
    ) -> Plan {
        let root: JSON = [
            "event": event, "run": run(scenario, dedupe, at), "bank": bank,
            "error": ["step": .string(act.name), "reason": .string(reason)],
        ]
        var planner = Planner(scenario: scenario, dedupe: dedupe, key: nil, at: at)
        planner.steps(act.onError, root, "")
        return planner.plan
    }

    private init(scenario: Scenario, dedupe: String, key: String?, at: Instant) {
        self.scenario = scenario
        self.dedupe = dedupe
        self.key = key
        self.at = at
    }

    private static func run(_ scenario: Scenario, _ dedupe: String, _ at: Instant) -> JSON {
        [
            "scenario": .string(scenario.name), "title": .string(scenario.french), "id": .string(dedupe),
            "at": .string(at.iso), "hour": .string(String(at.iso.prefix(13))),
            "day": .string(String(at.iso.prefix(10))),
        ]
    }

    private mutating func steps(_ steps: [Step], _ root: JSON, _ prefix: String) {
        for step in steps {
            switch step {
            case .act(let act): self.act(act, root, prefix)
            case .route(let branches):
                if let branch = branches.first(where: { $0.when.holds(in: root) }) {
                    self.steps(branch.steps, root, prefix)
                } else {
                    plan.notes.append("no branch took the event")
                }
            case .each(let path, let name, let most, let steps):
                let list = path.value(in: root)?.array ?? []
                if list.count > most { plan.notes.append("\(path.text): \(list.count - most) items beyond \(most)") }
                for (index, item) in list.prefix(most).enumerated() {
                    self.steps(steps, root.with(name, item), prefix + "\(name)[\(index)]/")
                }
            }
        }
    }

    private mutating func act(_ act: Act, _ root: JSON, _ prefix: String) {
        guard act.when.holds(in: root) else {
            return plan.notes.append("\(prefix)\(act.name): its condition does not hold")
        }
        guard plan.deliveries.count < Self.deliveriesMax else {
            return plan.notes.append("\(prefix)\(act.name): beyond \(Self.deliveriesMax) deliveries")
        }
        let told = act.once.map { "once\n\($0.text(from: root))\n\(act.name)" } ?? "\(dedupe)\n\(prefix)\(act.name)"
        let digest = SHA256.hash(Array("\(scenario.name)\n\(told)".utf8)).hex
        let deliveryKey = "msg_" + digest.prefix(40)
        var members = act.body.map { JSON.Member($0.name, $0.value.fill(from: root)) }
        members.append(JSON.Member("action", .string(act.action.rawValue)))
        members.append(JSON.Member("at", .string(at.iso)))
        plan.deliveries.append(
            PlannedDelivery(
                step: act.name, destination: act.destination, lane: lane(act, root, deliveryKey), key: deliveryKey,
                payload: .object(members), hasErrorBranch: !act.onError.isEmpty, patienceSeconds: act.patienceSeconds))
    }

    private func lane(_ act: Act, _ root: JSON, _ deliveryKey: String) -> String {
        let name: String
        switch act.order {
        case .none: return deliveryKey
        case .destination: name = ""
        case .key:
            guard let key, !key.isEmpty else { return deliveryKey }
            name = scenario.name + "/" + key
        case .by(let template): name = scenario.name + "/" + template.text(from: root)
        }
        let lane = act.destination + "/" + name
        return lane.utf8.count <= 200 ? lane : act.destination + "/" + SHA256.hash(Array(lane.utf8)).hex
    }
}
