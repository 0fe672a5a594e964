internal import Charts
internal import HTTPTypes
internal import Web

/// Automations: which there are, what they did, what could not be delivered.
enum AutomationPages {
    private static let readers: Set<Person.Role> = [.analyst, .admin]

    static let export = TableExport(
        name: "executions", roles: readers, title: "automation.history",
        columns: [
            .init("automation.run", "id", isText: true), .init("automation.scenario", "scenario", isText: true),
            .init("automation.at", "at", isText: true), .init("automation.event", "event", isText: true),
            .init("automation.deliveries", "summary", isText: true),
        ]
    ) { call in
        let runs = try await call.fetch("/automation/v1/runs", query: try query(call) + "&limit=500").array ?? []
        return runs.map { run($0, call) }
    }

    static let routes: [PageRoute] = [
        PageRoute(.get, "/automatisations", readers, asks: ["scenario", "etat", "avant"], show),
        PageRoute(.get, "/automatisations/livraisons/:id", readers, delivery),
        PageRoute(.post, "/automatisations/livraisons/:id/rejouer", [.admin]) { call in
            let id = try call.number()
            try await call.api(.post, "/automation/v1/deliveries/\(id)/replay", body: [:])
            return .see("/automatisations/livraisons/\(id)?fait=rejouee")
        },
        PageRoute(.post, "/automatisations/livraisons/:id/abandonner", [.admin]) { call in
            let id = try call.number()
            try await call.api(.post, "/automation/v1/deliveries/\(id)/drop", body: [:])
            return .see("/automatisations/livraisons/\(id)?fait=abandonnee")
        },
        PageRoute(.post, "/automatisations/rejouer", [.admin]) { call in
            guard let name = name(call.sent("destination")) else { throw Refused.notFound }
            try await call.api(.post, "/automation/v1/replay", body: ["destination": .string(name)])
            return .see("/automatisations?fait=rejouees")
        },
        PageRoute(.post, "/automatisations/scenarios/:name/regler", [.admin]) { call in
            guard let name = name(call.values["name"] ?? "") else { throw Refused.notFound }
            let isOn = call.sent("enabled") == "oui"
            try await call.api(.patch, "/automation/v1/scenarios/\(name)", body: ["enabled": .bool(isOn)])
            return .see("/automatisations?fait=" + (isOn ? "scenario_actif" : "scenario_arrete"))
        },
    ]

    static func name(_ text: String) -> String? {
        let isName = text.utf8.allSatisfy {
            (97...122).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 95 || $0 == 46
        }
        return isName && (1...80).contains(text.utf8.count) ? text : nil
    }

    static let states = ["pending", "sent", "dead", "dropped"]

    private static func query(_ call: PageCall) throws -> String {
        var parts: [String] = []
        if let text = call.asked("scenario") {
            guard let name = name(text) else { throw Refused(400, "parameter_invalid", "scenario is a name") }
            parts.append("scenario=\(name)")
        }
        if let state = call.asked("etat") {
            guard states.contains(state) else { throw Refused(400, "parameter_invalid", "etat is a state") }
            parts.append("status=\(state)")
        }
        if let text = call.asked("avant") {
            guard let number = Int64(text), number > 0 else {
                throw Refused(400, "parameter_invalid", "avant is a run")
            }
            parts.append("before=\(number)")
        }
        return parts.joined(separator: "&")
    }

    @Sendable private static func show(_ call: PageCall) async throws -> PageAnswer {
        let query = try query(call)
        let scenarios = try await call.fetch("/automation/v1/scenarios").array ?? []
        let destinations = try await call.fetch("/automation/v1/destinations").array ?? []
        let problems = try await call.fetch("/automation/v1/problems").array ?? []
        let runs = try await call.fetch("/automation/v1/runs", query: query + "&limit=51").array ?? []
        let (words, numbers) = (call.words, call.numbers)
        func sum(_ name: String) -> Int64 { destinations.map { $0[name]?.integer ?? 0 }.reduce(0, +) }
        var view: View = [
            "is_admin": call.person?.role == .admin,
            "kpis": [
                [
                    "label": words("automation.enabled"),
                    "value": numbers.integer(Int64(scenarios.count { $0["enabled"]?.bool == true })),
                ],
                ["label": words("automation.waiting"), "value": numbers.integer(sum("waiting"))],
                ["label": words("automation.dead"), "value": numbers.integer(sum("dead"))],
                ["label": words("automation.destinations"), "value": numbers.integer(Int64(destinations.count))],
            ] as [View],
            "scenarios": scenarios.map { scenario($0, call) }, "has_scenarios": !scenarios.isEmpty,
            "destinations": destinations.map { destination($0, call) }, "has_destinations": !destinations.isEmpty,
            "problems": problems.compactMap(\.string).prefix(10).map { ["words": $0] as View },
            "has_problems": !problems.isEmpty,
            "runs": runs.prefix(50).map { run($0, call) }, "has_runs": !runs.isEmpty,
            "states": states.map { state -> View in
                ["value": state, "label": words("delivery.\(state)"), "is_current": state == call.asked("etat")]
            },
            "choices": scenarios.map { json -> View in
                let name = json["name"]?.string ?? ""
                return [
                    "value": name, "label": json["title_\(call.language.rawValue)"]?.string ?? name,
                    "is_current": name == call.asked("scenario"),
                ]
            },
        ]
        let kept = [("scenario", call.asked("scenario")), ("etat", call.asked("etat"))]
            .compactMap { name, value in value.map { "\(name)=\($0)" } }.joined(separator: "&")
        view["exports"] = call.exports(export, kept)
        if runs.count > 50, let last = runs[49]["id"]?.integer {
            view["next"] = "/automatisations?" + (kept.isEmpty ? "" : kept + "&") + "avant=\(last)"
        }
        return .page(
            PageView("automations", title: words("automation.title"), section: "automations", view, pollSeconds: 15))
    }

    /// What starts a scenario, in the reader's language as far as it is no name.
    static func trigger(_ json: JSON, _ call: PageCall) -> String {
        let kind = json["trigger_kind"]?.string ?? ""
        let what = json["trigger_what"]?.string ?? json["trigger"]?.string ?? ""
        let label = call.words.known("trigger.\(kind)") ?? kind
        return what.isEmpty ? label : "\(label) \(what)"
    }

    private static func scenario(_ json: JSON, _ call: PageCall) -> View {
        let isOn = json["enabled"]?.bool ?? false
        return [
            "name": json["name"]?.string ?? "", "title": json["title_\(call.language.rawValue)"]?.string ?? "–",
            "trigger": trigger(json, call), "is_on": isOn, "other": isOn ? "non" : "oui",
            "destinations": (json["destinations"]?.array ?? []).compactMap(\.string).joined(separator: ", "),
        ]
    }

    private static func destination(_ json: JSON, _ call: PageCall) -> View {
        let dead = json["dead"]?.integer ?? 0
        let isOpen = json["open_until"].map { !$0.isNull } ?? false
        let isOn = json["enabled"]?.bool ?? true
        return [
            "name": json["name"]?.string ?? "", "kind": json["kind"]?.string ?? "",
            "waiting": call.numbers.integer(json["waiting"]?.integer ?? 0), "dead": call.numbers.integer(dead),
            "has_dead": dead > 0 && call.person?.role == .admin,
            "is_editable": call.person?.role == .admin && json["kind"]?.string != "bank",
            "status": call.words(isOn ? isOpen ? "automation.resting" : "automation.well" : "automation.off"),
            "tone": isOn ? isOpen ? "warning" : "positive" : "negative",
            "why": json["disabled_reason"]?.string ?? "",
        ]
    }

    private static func run(_ json: JSON, _ call: PageCall) -> View {
        let deliveries = json["deliveries"]?.array ?? []
        return [
            "id": String(json["id"]?.integer ?? 0), "scenario": json["scenario"]?.string ?? "–",
            "event": String((json["event"]?.string ?? "").prefix(60)),
            "at": call.dates.moment(json["started_at"]?.string ?? ""),
            "deliveries": deliveries.map { item -> View in
                let state = item["status"]?.string ?? "pending"
                return [
                    "id": String(item["id"]?.integer ?? 0), "destination": item["destination"]?.string ?? "–",
                    "status": call.words.known("delivery.\(state)") ?? state, "tone": tone(state),
                ]
            },
            "summary": deliveries.map { "\($0["destination"]?.string ?? "–"): \($0["status"]?.string ?? "")" }
                .joined(separator: ", "),
        ]
    }

    private static func tone(_ state: String) -> String {
        ["sent": "positive", "dead": "negative", "pending": "warning"][state] ?? "neutral"
    }

    @Sendable private static func delivery(_ call: PageCall) async throws -> PageAnswer {
        let json = try await call.fetch("/automation/v1/deliveries/\(try call.number())")
        let state = json["status"]?.string ?? "pending"
        let attempts = json["attempts"]?.array ?? []
        let payload = json["payload"] ?? .null
        let view: View = [
            "id": String(json["id"]?.integer ?? 0), "scenario": json["scenario"]?.string ?? "–",
            "step": json["step"]?.string ?? "–", "destination": json["destination"]?.string ?? "–",
            "status": call.words.known("delivery.\(state)") ?? state, "tone": tone(state),
            "made": call.dates.moment(json["created_at"]?.string ?? ""),
            "ended": json["settled_at"]?.string.map { call.dates.moment($0) } ?? "–",
            "payload": String((payload.string ?? payload.text).prefix(4000)), "has_payload": !payload.isNull,
            "is_dead": state == "dead" && call.person?.role == .admin,
            "attempts": attempts.map { attempt -> View in
                [
                    "number": String(attempt["number"]?.integer ?? 0),
                    "at": call.dates.moment(attempt["at"]?.string ?? ""),
                    "code": attempt["code"]?.integer.map { String($0) } ?? attempt["code"]?.string ?? "–",
                    "took": call.numbers.integer(attempt["milliseconds"]?.integer ?? 0) + "\u{A0}ms",
                    "detail": String((attempt["detail"]?.string ?? "").prefix(300)),
                ]
            }, "has_attempts": !attempts.isEmpty,
        ]
        return .page(PageView("delivery", title: call.words("automation.delivery"), section: "automations", view))
    }
}
