internal import HTTPTypes
internal import Web

/// Where deliveries go: one destination as a form. A secret is written and never shown.
enum DestinationPages {
    static let routes: [PageRoute] = [
        PageRoute(.get, "/automatisations/destination", [.admin], asks: ["type"]) { call in
            try page(call, Form(kind: try kind(call.asked("type") ?? "email")))
        },
        PageRoute(.post, "/automatisations/destination", [.admin]) { call in
            try await keep(call, Form(kind: try kind(call.sent("kind"))))
        },
        PageRoute(.get, "/automatisations/destinations/:name", [.admin]) { call in
            try page(call, Form(try await read(call)))
        },
        PageRoute(.post, "/automatisations/destinations/:name", [.admin]) { call in
            try await keep(call, Form(try await read(call)))
        },
        PageRoute(.post, "/automatisations/destinations/:name/retirer", [.admin]) { call in
            let name = Form(try await read(call)).name
            guard call.sent("confirm") == name else {
                throw Refused(400, "confirmation_missing", "the destination's name is typed to remove it")
            }
            try await call.api(.delete, "/automation/v1/destinations/\(name)")
            return .see("/automatisations?fait=destination_retiree")
        },
    ]

    static let kinds = ["email", "webhook", "slack", "teams", "sms", "make"]

    /// A setting as a field of the form. Numbers and lists are written as text.
    private struct Field {
        enum Shape { case text, number, list, choice([String]) }

        let name: String
        var shape = Shape.text
        var isNeeded = false
        var standard = ""
    }

    private static let fields: [String: [Field]] = [
        "email": [
            Field(name: "host", isNeeded: true), Field(name: "port", shape: .number, standard: "587"),
            Field(name: "security", shape: .choice(["starttls", "tls", "none"]), standard: "starttls"),
            Field(name: "user"), Field(name: "sender", isNeeded: true), Field(name: "recipients", shape: .list),
        ],
        "webhook": [Field(name: "url", isNeeded: true)], "make": [Field(name: "url", isNeeded: true)],
        "slack": [], "teams": [],
        "sms": [Field(name: "url", isNeeded: true), Field(name: "recipient"), Field(name: "body")],
    ]

    /// What the form shows: what is kept, or what was just typed.
    private struct Form {
        let isKnown: Bool
        var name: String
        let kind: String
        /// All settings that are kept, those without a field too.
        let settings: JSON
        let hasSecret: Bool
        var values: [String: String]
        var rate: String
        var burst: String
        var why = ""
        var problem = ""

        init(kind: String) {
            isKnown = false
            name = ""
            self.kind = kind
            settings = .object([])
            hasSecret = false
            values = [:]
            for field in DestinationPages.fields[kind] ?? [] { values[field.name] = field.standard }
            rate = ""
            burst = "50"
        }

        init(_ json: JSON) {
            isKnown = true
            name = json["name"]?.string ?? ""
            kind = json["kind"]?.string ?? "webhook"
            settings = json["settings"] ?? .object([])
            hasSecret = json["has_secret"]?.bool ?? false
            values = [:]
            for field in DestinationPages.fields[kind] ?? [] {
                let value = settings[field.name] ?? .null
                values[field.name] =
                    value.array.map { $0.compactMap(\.string).joined(separator: ", ") }
                    ?? (value.isNull ? field.standard : value.string ?? value.text)
            }
            rate = json["rate"].flatMap { $0.isNull ? nil : $0.text } ?? ""
            burst = json["burst"]?.text ?? "50"
            why = json["disabled_reason"]?.string ?? ""
        }
    }

    private static func kind(_ text: String) throws -> String {
        guard kinds.contains(text) else { throw Refused(400, "parameter_invalid", "type is a kind of destination") }
        return text
    }

    private static func read(_ call: PageCall) async throws -> JSON {
        let all = try await call.fetch("/automation/v1/destinations").array ?? []
        let wanted = call.values["name"] ?? ""
        guard let found = all.first(where: { $0["name"]?.string == wanted && $0["kind"]?.string != "bank" }) else {
            throw Refused.notFound
        }
        return found
    }

    private static func keep(_ call: PageCall, _ old: Form) async throws -> PageAnswer {
        var form = old
        if !form.isKnown { form.name = call.sent("name") }
        for field in fields[form.kind] ?? [] { form.values[field.name] = call.sent("s_" + field.name) }
        form.rate = call.sent("rate").replacing(",", with: ".")
        form.burst = call.sent("burst")
        do {
            guard AutomationPages.name(form.name) != nil else {
                throw Refused(422, "automation_destination_invalid", "a name is lower case letters, digits and hyphens")
            }
            let body = try body(form, secret: call.sent("secret"))
            // A new one takes no other's place.
            let all = form.isKnown ? [] : try await call.fetch("/automation/v1/destinations").array ?? []
            guard !all.contains(where: { $0["name"]?.string == form.name }) else {
                throw Refused(409, "destination_taken", "there is a destination of this name")
            }
            try await call.api(.put, "/automation/v1/destinations/\(form.name)", body: body)
            return .see("/automatisations?fait=destination")
        } catch let refused as Refused where [400, 409, 422].contains(refused.status) {
            form.problem =
                call.words.known("problem." + refused.code)
                ?? call.words("scenario.refused", ["what": refused.message])
            return try page(call, form, status: refused.status)
        }
    }

    private static func body(_ form: Form, secret: String) throws -> JSON {
        let fields = fields[form.kind] ?? []
        // Settings without a field of the form stay as they are.
        var settings = (form.settings.members ?? []).filter { member in
            !member.value.isNull && !fields.contains { $0.name == member.name }
        }
        for field in fields {
            let text = form.values[field.name] ?? ""
            guard !text.isEmpty else { continue }
            settings.append(JSON.Member(field.name, try value(text, of: field)))
        }
        var members = [JSON.Member("kind", .string(form.kind)), JSON.Member("settings", .object(settings))]
        if !secret.isEmpty { members.append(JSON.Member("secret", .string(secret))) }
        if !form.rate.isEmpty {
            guard let rate = Double(form.rate), rate.isFinite, rate > 0 else {
                throw Refused(422, "automation_destination_invalid", "a rate is a number above zero")
            }
            members.append(JSON.Member("rate", .number(form.rate)))
        }
        guard let burst = Int(form.burst), (1...100_000).contains(burst) else {
            throw Refused(422, "automation_destination_invalid", "a burst is a number from 1 to 100000")
        }
        members.append(JSON.Member("burst", .integer(burst)))
        return .object(members)
    }

    private static func value(_ text: String, of field: Field) throws -> JSON {
        switch field.shape {
        case .text: return .string(text)
        case .number:
            guard let number = Int(text), (1...65_535).contains(number) else {
                throw Refused(422, "automation_destination_invalid", "\(field.name) is a number from 1 to 65535")
            }
            return .integer(number)
        case .choice(let choices):
            guard choices.contains(text) else {
                throw Refused(
                    422, "automation_destination_invalid", "\(field.name) is one of \(choices.joined(separator: ", "))")
            }
            return .string(text)
        case .list:
            let parts = text.split { $0 == "," || $0 == ";" || $0.isWhitespace }
            return .array(parts.map { .string(String($0)) })
        }
    }

    private static func page(_ call: PageCall, _ form: Form, status: Int = 200) throws -> PageAnswer {
        let words = call.words
        let title = form.isKnown ? form.name : words("destination.new")
        let view: View = [
            "is_known": form.isKnown, "heading": title, "name": form.name, "kind": form.kind,
            "kind_label": words("destination.kind_\(form.kind)"), "problem": form.problem, "why": form.why,
            "action": form.isKnown ? "/automatisations/destinations/\(form.name)" : "/automatisations/destination",
            "kinds": kinds.map { kind -> View in
                ["value": kind, "label": words("destination.kind_\(kind)"), "is_current": kind == form.kind]
            },
            "fields": (fields[form.kind] ?? []).map { field -> View in
                let value = form.values[field.name] ?? ""
                var choices: [View] = []
                if case .choice(let names) = field.shape {
                    choices = names.map { ["value": $0, "is_current": $0 == value] }
                }
                return [
                    "name": field.name, "label": words("destination.\(field.name)"), "value": value,
                    "is_needed": field.isNeeded, "choices": choices, "is_choice": !choices.isEmpty,
                ]
            },
            "secret_label": words("destination.secret_\(form.kind)"), "has_secret": form.hasSecret,
            "rate": form.rate, "burst": form.burst,
        ]
        return .page(PageView("destination", title: title, section: "automations", view), status: status)
    }
}
