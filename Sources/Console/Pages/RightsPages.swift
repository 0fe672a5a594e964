internal import Charts
internal import HTTPTypes
internal import Web

/// A client's rights over their data: what is known, put it right, say no, have it erased.
enum RightsPages {
    static let fields = ["civilite", "nom", "prenom", "email", "telephone", "adresse", "date_naissance", "nir"]
    static let purposes = ["analysis", "marketing", "profiling"]
    static let consents = ["newsletter", "partner_offers"]
    static let grounds = ["accuracy_contested", "unlawful", "legal_claims", "objection_pending"]

    static let routes: [PageRoute] = [
        PageRoute(.get, "/droits", [.client]) { try await show($0) },
        PageRoute(.get, "/droits/acces", [.client]) { call in
            // The archive holds everything, signed; where none can be made now, the same rows as JSON.
            let archive = await call.raw(.get, "/privacy/v1/me/access", query: "format=zip")
            if archive.status == .ok { return .file(archive) }
            var response = try await call.raw(.get, "/privacy/v1/me/access").success()
            response.fields[.contentDisposition] = "attachment; filename=\"acces.json\""
            return .file(response)
        },
        act("/droits/rectification", done: "rectifie") { call in
            guard fields.contains(call.sent("field")) else { throw Refused(400, "validation_failed", "choose a datum") }
            try await call.api(
                .post, "/privacy/v1/me/rectifications",
                body: [
                    "field": .string(call.sent("field")), "value": .string(call.sent("value")),
                    "reason": .string(call.sent("reason")),
                ])
        },
        act("/droits/opposition", done: "opposition") { call in
            try await call.api(
                .post, "/privacy/v1/me/objections",
                body: ["purpose": .string(call.sent("purpose")), "reason": .string(call.sent("reason"))])
        },
        act("/droits/limitation", done: "limitation") { call in
            try await call.api(
                .post, "/privacy/v1/me/restrictions",
                body: ["ground": .string(call.sent("ground")), "reason": .string(call.sent("reason"))])
        },
        act("/droits/consentement", done: "consentement") { call in
            guard consents.contains(call.sent("purpose")) else {
                throw Refused(400, "validation_failed", "no such purpose")
            }
            let isGiven = call.sent("given") == "oui"
            try await call.api(
                .post, "/privacy/v1/me/consents",
                body: [
                    "purpose": .string(call.sent("purpose")), "given": .bool(isGiven), "version": "2026-11",
                    "text": .string(call.words("rights.consent_\(call.sent("purpose"))")),
                ])
        },
        act("/droits/demande", done: "demande") { call in
            try await call.api(
                .post, "/privacy/v1/me/requests",
                body: ["kind": .string(call.sent("kind")), "reason": .string(call.sent("reason"))])
        },
        act("/droits/effacement", done: "efface") { call in
            guard call.sent("confirm") == "EFFACER" else {
                throw Refused(400, "confirmation_missing", "the confirmation does not match")
            }
            try await call.api(.post, "/privacy/v1/me/erasure", body: [:])
        },
    ]

    /// A form of the page: asks for the second factor where the desk wants it, and stays on the page when it refuses.
    private static func act(
        _ path: String, done: String, _ run: @escaping @Sendable (PageCall) async throws -> Void
    ) -> PageRoute {
        PageRoute(.post, path, [.client]) { call in
            try await StepUp.guarded(call, section: "rights") { call in
                do {
                    try await run(call)
                    return .see("/droits?fait=" + done)
                } catch let refused as Refused where [400, 409, 422].contains(refused.status) {
                    return try await show(call, problem: call.words.known("problem." + refused.code) ?? refused.message)
                }
            }
        }
    }

    private static func show(_ call: PageCall, problem: String? = nil) async throws -> PageAnswer {
        let requests = try await call.fetch("/privacy/v1/me/requests").array ?? []
        let given = try await call.fetch("/privacy/v1/me/consents").array ?? []
        let readers = try await call.fetch("/privacy/v1/me/readers").array ?? []
        let words = call.words
        func options(_ names: [String], _ group: String, _ current: String) -> [View] {
            names.map { ["value": $0, "label": words("\(group)_\($0)"), "is_current": $0 == current] }
        }
        var view: View = [
            "fields": options(fields, "rights.field", call.sent("field")),
            "purposes": options(purposes, "rights.purpose", call.sent("purpose")),
            "grounds": options(grounds, "rights.ground", call.sent("ground")),
            "value": call.sent("value"), "reason": call.sent("reason"),
            "requests": requests.map { request($0, call) }, "has_requests": !requests.isEmpty,
            "consents": consents.map { name -> View in
                let known = given.first { $0["purpose"]?.string == name }
                let isGiven = known?["given"]?.bool ?? false
                return [
                    "purpose": name, "words": words("rights.consent_\(name)"), "is_given": isGiven,
                    "other": isGiven ? "non" : "oui",
                    "since": known?["recorded_at"]?.string.map { call.dates.moment($0) } ?? "",
                ]
            },
            "readers": readers.prefix(20).map { reader -> View in
                let admin = reader["reader"]?.string?.contains("administrator") == true
                let names = (reader["fields"]?.string ?? "").split(separator: ",").map {
                    $0.split(separator: " ").joined(separator: " ")
                }
                return [
                    "who": words(admin ? "rights.reader_admin" : "rights.reader_employee"),
                    "fields": names.map { words.known("field.\($0)") ?? $0 }.joined(separator: ", "),
                    "reason": reader["reason"]?.string ?? "", "at": call.dates.moment(reader["at"]?.string ?? ""),
                ]
            }, "has_readers": !readers.isEmpty,
        ]
        if let problem { view["problem"] = problem }
        return .page(
            PageView("rights", title: words("rights.title"), section: "rights", view),
            status: problem == nil ? 200 : 400)
    }

    /// A request with its deadline, for the client and for admins.
    static func request(_ json: JSON, _ call: PageCall) -> View {
        let status = json["status"]?.string ?? "received"
        let isLate = json["overdue"]?.bool ?? false
        let kind = json["kind"]?.string ?? ""
        let tone = status == "done" ? "positive" : status == "refused" || isLate ? "negative" : "warning"
        return [
            "id": json["id"]?.string ?? "", "kind": call.words.known("rights.kind_\(kind)") ?? kind,
            "client": String((json["client"]?.string ?? "").prefix(8)),
            "status": call.words("rights.status_\(isLate ? "late" : status)"), "tone": tone,
            "received": call.dates.moment(json["received_at"]?.string ?? ""),
            "due": call.dates.moment(json["due_at"]?.string ?? ""),
            "reason": json["reason"]?.string ?? "", "note": json["outcome"]?["note"]?.string ?? "",
            "is_open": status == "received", "is_extended": json["extended_because"]?.string != nil,
        ]
    }
}
