internal import Charts
internal import HTTPTypes
internal import Web

/// Incidents of the detection: who did what, what is done about it, and the clocks of the law.
enum IncidentPages {
    private static let desk: Set<Person.Role> = [.analyst, .admin]
    static let actions = ["ban_address", "revoke_sessions", "freeze_account", "freeze_card", "require_step_up"]
    static let hours: [Int64] = [1, 24, 168, 720]

    static let export = TableExport(
        name: "incidents", roles: desk, title: "incident.title",
        columns: [
            .init("incident.reference", "reference", isText: true), .init("incident.name", "name", isText: true),
            .init("incident.severity", "severity", isText: true), .init("queue.status", "status", isText: true),
            .init("incident.findings", "findings"), .init("incident.first", "first", isText: true),
            .init("incident.last", "last", isText: true),
        ], most: 100
    ) { call in
        try await call.fetch("/detection/v1/incidents", query: "limit=100").array?.map { summary($0, call) } ?? []
    }

    static let routes: [PageRoute] = [
        PageRoute(.get, "/incidents", desk, list),
        PageRoute(.get, "/incidents/:id", desk) { try await show($0) },
        PageRoute(.post, "/incidents/:id/prendre", desk) { call in
            let id = try id(call)
            try await call.api(.post, "/detection/v1/incidents/\(id)/acknowledge", body: [:])
            return .see("/incidents/\(id)?fait=incident_pris")
        },
        PageRoute(.post, "/incidents/:id/clore", desk) { call in
            let id = try id(call)
            return try await refusing(call) { call in
                try await call.api(
                    .post, "/detection/v1/incidents/\(id)/close", body: ["reason": .string(call.sent("reason"))])
                return .see("/incidents/\(id)?fait=incident_clos")
            }
        },
        PageRoute(.post, "/incidents/:id/reponse", [.admin]) { call in try await refusing(call, respond) },
        PageRoute(.post, "/reponses", [.admin]) { call in
            _ = try await respond(call)
            return .see("/incidents?fait=reponse")
        },
        PageRoute(.post, "/reponses/:id/lever", [.admin]) { call in
            try await call.api(.delete, "/detection/v1/responses/\(try call.number())")
            let back = call.sent("back")
            return .see(back.hasPrefix("/incidents") ? back + "?fait=reponse_levee" : "/incidents?fait=reponse_levee")
        },
    ]

    private static func id(_ call: PageCall) throws -> String {
        guard let id = call.values["id"], id.utf8.count <= 64,
            id.utf8.allSatisfy({ $0 == 45 || (48...57).contains($0) || (97...122).contains($0) })
        else { throw Refused.notFound }
        return id
    }

    /// What the desk does not take is told on the page.
    private static func refusing(
        _ call: PageCall, _ act: (PageCall) async throws -> PageAnswer
    ) async throws -> PageAnswer {
        do { return try await act(call) } catch let refused as Refused where [400, 409, 422].contains(refused.status) {
            return try await show(call, problem: call.words.known("problem." + refused.code) ?? refused.message)
        }
    }

    @Sendable private static func respond(_ call: PageCall) async throws -> PageAnswer {
        let target = call.sent("target")
        guard actions.contains(call.sent("action")), let hours = Int64(call.sent("hours")), Self.hours.contains(hours)
        else { throw Refused(400, "validation_failed", "choose an action and a time") }
        // Shutting somebody out is typed twice.
        guard !target.isEmpty, call.sent("confirm") == target else {
            throw Refused(400, "confirmation_missing", "the confirmation does not match")
        }
        var members: [JSON.Member] = [
            .init("action", .string(call.sent("action"))), .init("target", .string(target)),
            .init("reason", .string(call.sent("reason"))), .init("seconds", .integer(hours * 3600)),
            .init("dry_run", .bool(call.sent("dry") == "oui")),
        ]
        let incident = call.values["id"] == nil ? nil : try id(call)
        if let incident { members.append(.init("incident", .string(incident))) }
        try await call.api(.post, "/detection/v1/responses", body: .object(members))
        return .see(incident.map { "/incidents/\($0)?fait=reponse" } ?? "/incidents?fait=reponse")
    }

    // MARK: Pages

    @Sendable private static func list(_ call: PageCall) async throws -> PageAnswer {
        let found = try await call.fetch("/detection/v1/incidents", query: "limit=100").array ?? []
        let responses = try await call.fetch("/detection/v1/responses", query: "active=true&limit=50").array ?? []
        var view: View = [
            "is_watched": true, "has_incidents": !found.isEmpty, "incidents": found.map { summary($0, call) },
            "count_words": call.words.count("incident.count", found.count),
            "responses": responses.map { response($0, call, back: "/incidents") }, "has_responses": !responses.isEmpty,
            "exports": call.exports(export),
        ]
        form(&view, call)
        view["action"] = "/reponses"
        return .page(
            PageView("incidents", title: call.words("incident.title"), section: "incidents", view, pollSeconds: 15))
    }

    private static func form(_ view: inout View, _ call: PageCall) {
        view["is_admin"] = call.person?.role == .admin
        view["actions"] = actions.map { ["value": $0, "label": call.words("response.\($0)")] as View }
        view["times"] = hours.map {
            ["value": String($0), "label": call.words("response.hours_\($0)"), "is_current": $0 == 24] as View
        }
    }

    static func summary(_ json: JSON, _ call: PageCall) -> View {
        let severity = json["severity"]?.string ?? "low"
        let status = json["status"]?.string ?? "open"
        let tones = ["critical": "negative", "high": "negative", "medium": "warning", "low": "neutral"]
        return [
            "id": json["id"]?.string ?? "", "name": json["title_\(call.language.rawValue)"]?.string ?? "–",
            "reference": json["reference"]?.string ?? "",
            "severity": call.words("severity.\(severity)"), "tone": tones[severity] ?? "neutral",
            "status": call.words("incident.status_\(status)"), "is_open": status == "open",
            "is_closed": status == "closed", "findings": call.numbers.integer(json["findings"]?.integer ?? 0),
            "first": call.dates.moment(json["from"]?.string ?? ""),
            "last": call.dates.moment(json["to"]?.string ?? ""),
            "stages": (json["stages"]?.array ?? []).compactMap(\.string).map { stage -> View in
                ["name": call.words.known("stage.\(stage.replacingDashes)") ?? stage]
            },
        ]
    }

    private static func response(_ json: JSON, _ call: PageCall, back: String) -> View {
        let action = json["action"]?.string ?? ""
        let isOver = json["ended_at"].map { !$0.isNull } ?? false
        let isDry = json["dry_run"]?.bool ?? false
        return [
            "id": String(json["id"]?.integer ?? 0), "action": call.words.known("response.\(action)") ?? action,
            "target": json["target"]?.string ?? "–", "reason": json["reason"]?.string ?? "", "back": back,
            "at": call.dates.moment(json["decided_at"]?.string ?? ""),
            "until": json["until"]?.string.map { call.dates.moment($0) } ?? "–",
            "can_end": !isOver && !isDry && call.person?.role == .admin,
            "status": call.words(isDry ? "response.dry" : isOver ? "response.over" : "response.in_force"),
            "tone": isDry || isOver ? "neutral" : "warning",
        ]
    }

    private static func show(_ call: PageCall, problem: String? = nil) async throws -> PageAnswer {
        let json = try await call.fetch("/detection/v1/incidents/\(try id(call))")
        var view = summary(json, call)
        let document = json["document"] ?? .null
        for (name, value) in try await clocks(json, call) { view[name] = value }
        view["facts"] = facts(document, call)
        view["advice"] = (document["advice"]?.array ?? []).compactMap(\.string).prefix(12).map { ["words": $0] as View }
        view["has_advice"] = document["advice"]?.array?.isEmpty == false
        let timeline = json["timeline"]?.array ?? []
        view["timeline"] = timeline.prefix(100).map { finding -> View in
            [
                "at": call.dates.moment(finding["time"]?.string ?? ""), "title": finding["title"]?.string ?? "–",
                "words": finding["message"]?.string ?? "", "ip": finding["ip"]?.string ?? "",
                "evidence": String((finding["evidence"]?.string ?? "").prefix(300)),
            ]
        }
        view["has_timeline"] = !timeline.isEmpty
        let back = "/incidents/\(json["id"]?.string ?? "")"
        let responses = json["responses"]?.array ?? []
        view["responses"] = responses.map { response($0, call, back: back) }
        view["has_responses"] = !responses.isEmpty
        view["targets"] = (document["addresses"]?.array ?? []).compactMap(\.string).prefix(20).map {
            ["value": $0] as View
        }
        form(&view, call)
        view["action"] = back + "/reponse"
        if let problem { view["problem"] = problem }
        return .page(
            PageView("incident", title: call.words("incident.one"), section: "incidents", view),
            status: problem == nil ? 200 : 400)
    }

    /// As the register of incidents counts them: from awareness, from the classification, from the last report.
    private static func clocks(_ json: JSON, _ call: PageCall) async throws -> View {
        guard let person = call.person, let id = json["id"]?.string else { return [:] }
        let kept = try await call.console.store.clocks(incident: id, as: person.actor)
        let tones = ["overdue": "negative", "late": "negative", "kept": "positive"]
        let shown = (kept["clocks"]?.array ?? []).map { clock -> View in
            let state = clock["state"]?.string ?? "running"
            let due = clock["due_at"]?.string.flatMap { Moment($0) }
            let left = due.map { $0.seconds - call.now } ?? 0
            let isClose = state == "running" && left < 6 * 3600
            return [
                "name": call.words.known("clock.\(clock["clock"]?.string ?? "")") ?? "–",
                "due": due.map { call.dates.moment($0) } ?? "–",
                "left": state == "running"
                    ? call.words("clock.left", ["h": call.numbers.integer(left / 3600)])
                    : call.words.known("clock.\(state)") ?? state,
                "tone": tones[state] ?? (isClose ? "warning" : "neutral"),
            ]
        }
        var view: View = ["clocks": shown, "has_clocks": !shown.isEmpty]
        if let reference = kept["reference"]?.string { view["register"] = reference }
        return view
    }

    private static func facts(_ document: JSON, _ call: PageCall) -> [View] {
        let names = ["addresses", "accounts", "techniques", "data_read", "data_changed", "restore_before"]
        let persons = document["persons"].flatMap { $0.isNull ? nil : $0 }.map { persons -> View in
            let counts = ["count", "read", "changed", "tampered"].map { name in
                (name, call.numbers.integer(persons[name]?.integer ?? 0))
            }
            return [
                "name": call.words("incident.fact_persons"),
                "value": call.words("incident.persons_words", Dictionary(uniqueKeysWithValues: counts)),
            ]
        }
        return (persons.map { [$0] } ?? [])
            + names.compactMap { name -> View? in
                guard let value = document[name], !value.isNull else { return nil }
                let texts =
                    value.array?.compactMap(\.string) ?? value.string.map { [call.dates.moment($0)] } ?? []
                guard !texts.isEmpty else { return nil }
                let shown = texts.prefix(12).joined(separator: ", ") + (texts.count > 12 ? "…" : "")
                return ["name": call.words("incident.fact_\(name)"), "value": String(shown.prefix(600))]
            }
    }
}

extension String {
    fileprivate var replacingDashes: String { split(separator: "-").joined(separator: "_") }
}
