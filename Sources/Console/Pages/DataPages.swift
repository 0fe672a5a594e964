internal import Charts
internal import Foundation
internal import HTTPTypes
internal import Web

/// The admins' side of personal data: requests with their deadlines, erasures, what the law keeps and for how long.
enum DataPages {
    static let export = TableExport(
        name: "demandes", roles: [.admin], title: "data.requests",
        columns: [
            .init("data.kind", "kind", isText: true), .init("reveals.client", "client", isText: true),
            .init("queue.status", "status", isText: true), .init("data.received", "received", isText: true),
            .init("data.due", "due", isText: true), .init("data.reason", "reason", isText: true),
        ]
    ) { call in
        try await call.fetch("/privacy/v1/requests").array?.map { RightsPages.request($0, call) } ?? []
    }

    static let schedulesExport = TableExport(
        name: "conservation", roles: [.admin], title: "data.schedules",
        columns: [
            .init("data.what", "code", isText: true), .init("data.law", "law", isText: true),
            .init("data.keep", "keep", isText: true), .init("data.then", "action", isText: true),
            .init("data.last_run", "run", isText: true), .init("data.treated", "treated"),
        ]
    ) { call in
        guard let person = call.person else { throw Refused.notYours }
        let kept = try await call.console.pages.data(as: person.actor)
        return (kept["schedules"]?.array ?? []).map { schedule($0, call) }
    }

    static let routes: [PageRoute] = [
        PageRoute(.get, "/donnees", [.admin]) { try await show($0) },
        PageRoute(.get, "/donnees/registre", [.admin], asks: ["format"]) { call in
            let format = call.asked("format") ?? "csv"
            guard ["csv", "html", "json"].contains(format) else {
                throw Refused(400, "parameter_invalid", "the register comes as csv, html or json")
            }
            var response = try await call.raw(.get, "/privacy/v1/register", query: "format=\(format)").success()
            response.fields[.contentDisposition] = "attachment; filename=\"registre.\(format)\""
            return .file(response)
        },
        PageRoute(.post, "/donnees/demandes/:id/repondre", [.admin]) { call in
            let id = try id(call)
            return try await refusing(call) { call in
                guard ["oui", "non"].contains(call.sent("done")) else {
                    throw Refused(400, "validation_failed", "say whether it is done")
                }
                let body: JSON = ["done": .bool(call.sent("done") == "oui"), "note": .string(call.sent("note"))]
                try await call.api(.post, "/privacy/v1/requests/\(id)/answer", body: body)
                return .see("/donnees?fait=demande_repondue")
            }
        },
        PageRoute(.post, "/donnees/demandes/:id/prolonger", [.admin]) { call in
            let id = try id(call)
            return try await refusing(call) { call in
                let body: JSON = ["reason": .string(call.sent("reason"))]
                try await call.api(.post, "/privacy/v1/requests/\(id)/extend", body: body)
                return .see("/donnees?fait=demande_prolongee")
            }
        },
        PageRoute(.post, "/donnees/effacer", [.admin]) { call in
            try await StepUp.guarded(call, section: "data") { call in try await refusing(call, erase) }
        },
    ]

    private static func id(_ call: PageCall) throws -> String {
        guard let id = call.values["id"].flatMap(UUID.init(uuidString:)) else { throw Refused.notFound }
        return id.uuidString.lowercased()
    }

    private static func refusing(
        _ call: PageCall, _ act: (PageCall) async throws -> PageAnswer
    ) async throws -> PageAnswer {
        do { return try await act(call) } catch let refused as Refused
            where [400, 404, 409, 422].contains(refused.status) || refused.code == "privacy_identity_wrong"
        {
            return try await show(call, problem: call.words.known("problem." + refused.code) ?? refused.message)
        }
    }

    @Sendable private static func erase(_ call: PageCall) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        let number = call.sent("client")
        guard call.sent("confirm") == "EFFACER \(number)" else {
            throw Refused(400, "confirmation_missing", "the confirmation does not match")
        }
        guard let value = Int64(number),
            let client = try await call.console.store.clients(value, as: person.actor).array?.first?["id"]?.string
        else { throw Refused(404, "client_not_found", "no client has this number") }
        let body: JSON = [
            "last_name": .string(call.sent("last_name")), "birth_date": .string(call.sent("birth_date")),
        ]
        try await call.api(.post, "/privacy/v1/clients/\(client)/erasure", body: body)
        return .see("/donnees?fait=client_efface")
    }

    private static func show(_ call: PageCall, problem: String? = nil) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        let requests = try await call.fetch("/privacy/v1/requests").array ?? []
        let kept = try await call.console.pages.data(as: person.actor)
        let words = call.words
        let open = requests.filter { $0["status"]?.string == "received" }
        let late = open.count { $0["overdue"]?.bool == true }
        let erasures = kept["erasures"]?.array ?? []
        let holds = kept["holds"]?.array ?? []
        var view: View = [
            "kpis": [
                ["label": words("data.open"), "value": call.numbers.integer(Int64(open.count))],
                ["label": words("data.late"), "value": call.numbers.integer(Int64(late))],
                ["label": words("data.archives"), "value": call.numbers.integer(kept["archives"]?.integer ?? 0)],
                ["label": words("data.holds"), "value": call.numbers.integer(Int64(holds.count))],
            ] as [View],
            "requests": requests.prefix(100).map { RightsPages.request($0, call) }, "has_requests": !requests.isEmpty,
            "erasures": erasures.map { erasure -> View in
                [
                    "at": call.dates.moment(erasure["decided_at"]?.string ?? ""),
                    "stage": words("data.stage_\(erasure["stage"]?.string ?? "archived")"),
                    "until": call.dates.day(erasure["hold_until"]?.string ?? ""),
                ]
            }, "has_erasures": !erasures.isEmpty,
            "schedules": (kept["schedules"]?.array ?? []).map { schedule($0, call) },
            "holds": holds.map { hold -> View in
                [
                    "client": String(hold["client"]?.integer ?? 0), "reason": hold["reason"]?.string ?? "",
                    "kind": words.known("data.hold_\(hold["kind"]?.string ?? "")") ?? "–",
                ]
            }, "has_holds": !holds.isEmpty,
            "exports": call.exports(export),
            "kept_exports": [["exports": call.exports(schedulesExport)]] as [View], "client": call.sent("client"),
        ]
        if let problem { view["problem"] = problem }
        return .page(
            PageView("data", title: words("data.title"), section: "data", view), status: problem == nil ? 200 : 400)
    }

    private static func schedule(_ json: JSON, _ call: PageCall) -> View {
        let action = json["action"]?.string ?? "delete"
        return [
            "code": json["code"]?.string.map { call.words.known("data.kept_\($0)") ?? $0 } ?? "–",
            "law": json["law"]?.string ?? "",
            "keep": keep(json["keep"]?.string, call.words),
            "action": call.words.known("data.action_\(action)") ?? action,
            "run": json["run_at"]?.string.map { call.dates.moment($0) } ?? call.words("data.never"),
            "treated": json["treated"]?.integer.map { call.numbers.integer($0) } ?? "–",
            "is_on": json["is_on"]?.bool ?? false,
        ]
    }

    /// PostgreSQL's `1 year 1 mon`, `5 years`, `00:00:00` in words; years and months together are told in months.
    static func keep(_ text: String?, _ words: Words) -> String {
        let parts = (text ?? "").split(separator: " ").map(String.init)
        var counts = ["year": 0, "mon": 0, "day": 0]
        for (number, unit) in zip(parts, parts.dropFirst()) {
            guard let number = Int(number), abs(number) < 100_000 else { continue }
            for name in counts.keys where unit.hasPrefix(name) { counts[name] = number }
        }
        let (years, months, days) = (counts["year"] ?? 0, counts["mon"] ?? 0, counts["day"] ?? 0)
        let told = [
            months == 0 ? (years, "data.years") : (years * 12 + months, "data.months"), (days, "data.days"),
        ].filter { $0.0 > 0 }.map { words.count($0.1, $0.0) }
        return told.isEmpty ? words("data.at_once") : told.joined(separator: ", ")
    }
}
