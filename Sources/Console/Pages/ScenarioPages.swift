internal import Charts
internal import HTTPTypes
internal import Web

/// One scenario: what it does, its document, and for admins a place to write and to try it.
enum ScenarioPages {
    private static let readers: Set<Person.Role> = [.analyst, .admin]

    static let routes: [PageRoute] = [
        PageRoute(.get, "/automatisations/scenarios/:name", readers) { call in
            try await page(call, Draft(try await read(name(call), call)))
        },
        PageRoute(.post, "/automatisations/scenarios/:name", [.admin]) { call in
            try await write(call, Draft(try await read(name(call), call)))
        },
        PageRoute(.post, "/automatisations/scenarios/:name/retablir", [.admin]) { call in
            let name = try name(call)
            guard call.sent("confirm") == name else {
                throw Refused(400, "confirmation_missing", "the scenario's name is typed to take it back")
            }
            let json = try await read(name, call)
            try await call.api(.delete, "/automation/v1/scenarios/\(name)")
            let isLeft = json["has_original"]?.bool ?? false
            return .see(isLeft ? address(name) + "?fait=scenario_retabli" : "/automatisations?fait=scenario_retire")
        },
        PageRoute(.get, "/automatisations/nouveau", [.admin], asks: ["modele"]) { call in
            try await page(call, try await new(call))
        },
        PageRoute(.post, "/automatisations/nouveau", [.admin]) { call in
            try await write(call, try await new(call))
        },
    ]

    static func address(_ name: String) -> String { "/automatisations/scenarios/\(name)" }

    /// A document on its way, and what was said of it.
    private struct Draft {
        /// What the bank has; null for a new one.
        let json: JSON
        var document: String
        var run = ""
        var event = ""
        var problem = ""
        var trial: JSON?

        init(_ json: JSON) {
            self.json = json
            document = json["document"]?.string ?? ""
        }

        var name: String? { json["name"]?.string }
    }

    private static func name(_ call: PageCall) throws -> String {
        guard let name = AutomationPages.name(call.values["name"] ?? "") else { throw Refused.notFound }
        return name
    }

    private static func read(_ name: String, _ call: PageCall) async throws -> JSON {
        try await call.fetch("/automation/v1/scenarios/\(name)")
    }

    /// A new document begins as a copy of one that is there.
    private static func new(_ call: PageCall) async throws -> Draft {
        var draft = Draft(.null)
        guard let text = call.asked("modele") else {
            draft.document = starter
            return draft
        }
        guard let name = AutomationPages.name(text) else {
            throw Refused(400, "parameter_invalid", "modele is a scenario's name")
        }
        let model = Draft(try await read(name, call)).document
        draft.document = model.replacing("name: \(name)\n", with: "name: \(name)-2\n", maxReplacements: 1)
        return draft
    }

    private static let starter = """
        name: gros-virement
        title: {fr: Gros virement, en: Large transfer}
        trigger:
          table: public.virements
          "on": [insert]
          key: compte_debit_id
          fields: {id: text, compte_debit_id: integer, montant_minor: money, statut: text}
        when: event.statut = 'execute' and event.montant_minor >= 1000000
        steps:
          - name: courriel
            do: email
            to: fraude-courriel
            with:
              subject: "Virement de {{ event.montant_minor | money }}"
              text: "Le virement {{ event.id }} vient d'être exécuté."
        """

    private static func write(_ call: PageCall, _ old: Draft) async throws -> PageAnswer {
        var draft = old
        draft.document = call.sent("document").replacing("\r\n", with: "\n")
        draft.run = call.sent("run")
        draft.event = call.sent("event")
        do {
            guard call.sent("do") == "garder" else {
                draft.trial = try await call.api(.post, "/automation/v1/dry-run", body: try trial(draft))
                return try await page(call, draft)
            }
            let tried = try await call.api(
                .post, "/automation/v1/dry-run", body: ["document": .string(draft.document)])
            guard let name = tried["name"]?.string, call.sent("confirm") == name else {
                throw Refused(400, "confirmation_missing", "the scenario's name is typed to keep it")
            }
            // Under another name it is a new one beside the one that it was made from.
            let was = name == draft.name ? call.sent("was") : ""
            try await call.api(
                .put, "/automation/v1/scenarios",
                body: ["document": .string(draft.document), "was": .string(was)])
            return .see(address(name) + "?fait=scenario_garde")
        } catch let refused as Refused where [400, 404, 409, 422].contains(refused.status) {
            draft.problem =
                call.words.known("problem." + refused.code)
                ?? call.words("scenario.refused", ["what": refused.message])
            return try await page(call, draft, status: refused.status)
        }
    }

    private static func trial(_ draft: Draft) throws -> JSON {
        let document = JSON.Member("document", .string(draft.document))
        if let run = Int64(draft.run) { return .object([document, JSON.Member("run", .integer(run))]) }
        guard !draft.event.isEmpty else { return .object([document]) }
        guard let event = try? JSONReader.read(draft.event), event.members != nil else {
            throw Refused(400, "event_invalid", "the event is no JSON object")
        }
        return .object([document, JSON.Member("event", event)])
    }

    private static func page(_ call: PageCall, _ draft: Draft, status: Int = 200) async throws -> PageAnswer {
        let words = call.words
        let json = draft.json
        let query = draft.name.map { "scenario=\($0)&limit=20" } ?? "limit=20"
        let runs = try await call.fetch("/automation/v1/runs", query: query).array ?? []
        let title = json["title_\(call.language.rawValue)"]?.string ?? words("scenario.new")
        let isOn = json["enabled"]?.bool ?? false
        let origin = json["origin"]?.string ?? "stored"
        let view: View = [
            "is_admin": call.person?.role == .admin, "is_known": draft.name != nil, "heading": title,
            "name": draft.name ?? "", "document": draft.document, "version": json["version"]?.string ?? "",
            "action": draft.name.map(address) ?? "/automatisations/nouveau", "problem": draft.problem,
            "is_on": isOn, "other": isOn ? "non" : "oui", "origin": words("scenario.origin_\(origin)"),
            "is_stored": origin == "stored" && draft.name != nil, "has_original": json["has_original"]?.bool ?? false,
            "trigger": AutomationPages.trigger(json, call), "when": condition(json["when"]),
            "fields": (json["fields"]?.array ?? []).compactMap(\.string).map { "event." + $0 }
                .joined(separator: "  "),
            "lines": lines(json, call), "event": draft.event,
            "runs": runs.map { run -> View in
                let id = String(run["id"]?.integer ?? 0)
                let at = call.dates.moment(run["started_at"]?.string ?? "")
                return ["value": id, "label": "\(id) · \(at)", "is_current": id == draft.run]
            }, "has_runs": !runs.isEmpty, "rows": String(min(max(draft.document.split(separator: "\n").count, 16), 34)),
            "history": draft.name.map { "/automatisations?scenario=\($0)" } ?? "/automatisations",
            "trial": draft.trial.map { trial($0, call) } ?? [:], "has_trial": draft.trial != nil,
        ]
        return .page(PageView("scenario", title: title, section: "automations", view), status: status)
    }

    /// What a trial gave, to be read.
    private static func trial(_ json: JSON, _ call: PageCall) -> View {
        let deliveries = json["deliveries"]?.array
        let missing = (json["missing"]?.array ?? []).compactMap(\.string)
        let notes = (json["notes"]?.array ?? []).compactMap(\.string)
        return [
            "name": json["name"]?.string ?? "", "lines": lines(json, call),
            "missing": missing.joined(separator: ", "), "has_event": deliveries != nil,
            "passes": json["passes"]?.bool ?? false,
            "deliveries": (deliveries ?? []).map { item -> View in
                [
                    "step": item["step"]?.string ?? "–", "destination": item["destination"]?.string ?? "–",
                    "payload": String((item["payload"] ?? .null).text.prefix(2000)),
                ]
            }, "notes": notes.map { ["words": $0] as View }, "has_notes": !notes.isEmpty,
        ]
    }

    private static func condition(_ json: JSON?) -> String {
        guard let json, !json.isNull else { return "" }
        return json.string ?? json.text
    }

    /// The steps as a list, deeper ones further in.
    private static func lines(_ json: JSON, _ call: PageCall) -> [View] {
        let words = call.words
        return (json["lines"]?.array ?? []).map { line in
            let kind = line["kind"]?.string ?? "act"
            let when = line["when"]?.string ?? ""
            let label =
                switch kind {
                case "branch": words(when.isEmpty ? "scenario.otherwise" : "scenario.branch")
                case "each": words("scenario.each")
                case "error": words("scenario.on_error")
                default: line["do"]?.string.flatMap { words.known("act.\($0)") } ?? line["do"]?.string ?? "–"
                }
            return [
                "depth": String(min(line["depth"]?.integer ?? 0, 6)), "label": label, "is_act": kind == "act",
                "name": line["name"]?.string ?? "", "to": line["to"]?.string ?? "",
                "list": line["each"]?.string ?? "", "when": when,
            ]
        }
    }
}
