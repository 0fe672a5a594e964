internal import Charts
internal import HTTPTypes
internal import Web

/// The bank at a glance, its recovery, its people, its journal, and what is revealed of clients.
enum AdminPages {
    static let routes: [PageRoute] = [
        PageRoute(.get, "/etat", [.admin]) { try await state($0) },
        PageRoute(.get, "/reprise", [.admin], recovery),
        PageRoute(.get, "/utilisateurs", [.admin], asks: ["q"], users),
        PageRoute(.get, "/journal", [.admin], asks: ["q", "avant"], journal),
        PageRoute(.get, "/revelations", [.admin]) { try await reveals($0) },
        PageRoute(.post, "/revelations", [.admin]) { call in
            try await StepUp.guarded(call, section: "reveals") { try await reveal($0) }
        },
        PageRoute(.get, "/modeles", [.analyst, .admin], models),
        PageRoute(.post, "/modeles/:id/promouvoir", [.admin]) { call in
            let id = try call.number()
            guard call.sent("confirm") == "PROMOUVOIR \(id)" else {
                throw Refused(400, "confirmation_missing", "the confirmation does not match")
            }
            try await call.api(.post, "/fraud/v1/models/\(id)/promote", body: [:])
            return .see("/modeles?fait=modele")
        },
    ]

    // MARK: State

    static func state(_ call: PageCall) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        let bank = try await call.console.store.state(as: person.actor)
        let own = await call.console.backend.state()
        let words = call.words
        let balances = (bank["trial_balance"]?.members ?? [])
        let isBalanced = balances.allSatisfy { FraudPages.number($0.value) == "0" }
        let deposits = (bank["deposits"]?.members ?? []).map { call.money(minor: FraudPages.number($0.value), $0.name) }
        let staff = (bank["staff"]?.integer ?? 0, bank["staff_with_factor"]?.integer ?? 0)
        var checks: [View] = [
            check(words("state.ledger"), words(isBalanced ? "state.balanced" : "state.unbalanced"), isBalanced),
            check(
                words("state.database"),
                words(
                    "state.database_words",
                    [
                        "version": bank["version"]?.string ?? "",
                        "size": size(bank["database_bytes"]?.integer ?? 0, call),
                    ]), true),
            check(
                words("state.factors"),
                words("state.factors_words", ["with": String(staff.1), "all": String(staff.0)]),
                staff.0 == staff.1),
        ]
        let journal = bank["journal"]
        if let journal, !journal.isNull {
            checks.append(
                check(
                    words("state.journal"),
                    words(
                        "state.journal_words",
                        [
                            "entries": call.numbers.integer(journal["entries"]?.integer ?? 0),
                            "blocks": call.numbers.integer(journal["blocks"]?.integer ?? 0),
                        ]), (journal["blocks"]?.integer ?? 0) > 0))
        }
        for item in own["checks"]?.array ?? [] {
            checks.append(
                check(
                    item["name_\(call.language.rawValue)"]?.string ?? "–",
                    item["words_\(call.language.rawValue)"]?.string ?? "–",
                    item["ok"]?.bool ?? false))
        }
        let glance = try await GlanceView.read(call, bank)
        checks += glance.checks
        let bad = checks.count { $0["is_good"] as? Bool == false }
        var view: View = [
            "checks": checks, "is_good": bad == 0, "bad_words": words.count("state.bad", bad),
            "kpis": [
                ["label": words("state.clients"), "value": call.numbers.integer(bank["clients"]?.integer ?? 0)],
                ["label": words("state.accounts"), "value": call.numbers.integer(bank["accounts"]?.integer ?? 0)],
                ["label": words("state.deposits"), "value": deposits.first ?? "–"],
                ["label": words("state.sessions"), "value": call.numbers.integer(bank["sessions"]?.integer ?? 0)],
            ] as [View], "glance": glance.figures,
            "started": call.dates.moment(bank["started_at"]?.string ?? ""),
            "last_operation": (bank["last_operation_at"]?.string).map { call.dates.moment($0) } ?? "–",
        ]
        let days = (bank["operations_day"]?.array ?? []).compactMap(\.array)
        if !days.isEmpty {
            let chart = BarChart(
                call.caption("ops", words("state.operations"), words("state.operations_summary")),
                labels: days.map { call.dates.brief($0.first?.string ?? "") },
                series: [Series(words("board.operations"), days.map { Double($0.last?.integer ?? 0) })],
                axis: words("board.day"))
            view["operations"] = call.picture(chart, ChartSize(500, 260))
        }
        return .page(PageView("state", title: words("state.title"), section: "state", view, pollSeconds: 30))
    }

    private static func check(_ name: String, _ words: String, _ isGood: Bool) -> View {
        ["name": name, "words": words, "is_good": isGood, "tone": isGood ? "positive" : "warning"]
    }

    private static func size(_ bytes: Int64, _ call: PageCall) -> String {
        call.numbers.number(Double(bytes) / 1_048_576, digits: 0) + "\u{A0}" + (call.language == .fr ? "Mo" : "MB")
    }

    // MARK: Recovery

    @Sendable private static func recovery(_ call: PageCall) async throws -> PageAnswer {
        let report = await call.console.backend.state()["recovery"] ?? .null
        let tables = report["tables"]?.array ?? []
        func number(_ json: JSON?) -> Int64 { json?.integer ?? 0 }
        var view: View = ["has_report": !report.isNull]
        if !report.isNull {
            view["tables"] = tables.map { table -> View in
                [
                    "name": table["name"]?.string ?? table["table"]?.string ?? "–",
                    "read": call.numbers.integer(number(table["read"])),
                    "kept": call.numbers.integer(number(table["kept"])),
                    "set_aside": call.numbers.integer(number(table["setAside"])),
                ]
            }
            view["has_tables"] = !tables.isEmpty
            view["facts"] = (report["facts"]?.array ?? []).map { fact -> View in
                [
                    "name": fact["name_\(call.language.rawValue)"]?.string ?? "–",
                    "value": fact["value"]?.string ?? "–",
                ]
            }
        }
        return .page(PageView("recovery", title: call.words("recovery.title"), section: "recovery", view))
    }

    // MARK: People and journal

    static let usersExport = TableExport(
        name: "utilisateurs", roles: [.admin], title: "users.title", asks: ["q"],
        columns: [
            .init("signin.email", "email", isText: true), .init("users.role", "role", isText: true),
            .init("users.factor", "factor", isText: true), .init("users.sessions", "sessions"),
            .init("users.last", "last", isText: true),
        ]
    ) { call in try await people(call, most: Exporter.rowsMax + 1) }

    static let journalExport = TableExport(
        name: "journal", roles: [.admin], title: "journal.title", asks: ["q", "avant"],
        columns: [
            .init("journal.number", "id"), .init("journal.at", "at", isText: true),
            .init("journal.kind", "kind", isText: true), .init("journal.subject", "subject", isText: true),
            .init("journal.actor", "actor", isText: true), .init("journal.outcome", "outcome", isText: true),
        ]
    ) { call in try await entries(call, most: Exporter.rowsMax + 1).rows }

    private static func people(_ call: PageCall, most: Int = 100) async throws -> [View] {
        guard let person = call.person else { throw Refused.notYours }
        let found = try await call.console.store.users(call.asked("q"), most: most, as: person.actor).array ?? []
        return found.map { user -> View in
            let role = user["role"]?.string ?? "client"
            let hasFactor = user["has_factor"]?.bool ?? false
            return [
                "email": user["email"]?.string ?? "–", "role": call.words.known("role.\(role)") ?? role,
                "created": call.dates.moment(user["created_at"]?.string ?? ""),
                "last": (user["last_sign_in_at"]?.string).map { call.dates.moment($0) } ?? "–",
                "has_factor": hasFactor, "factor": call.words(hasFactor ? "security.on" : "security.off"),
                "is_banned": user["is_banned"]?.bool ?? false, "sessions": String(user["sessions"]?.integer ?? 0),
            ]
        }
    }

    @Sendable private static func users(_ call: PageCall) async throws -> PageAnswer {
        let found = try await people(call)
        let view: View = [
            "q": call.asked("q") ?? "", "has_users": !found.isEmpty,
            "count_words": call.words.count("users.count", found.count), "users": found,
            "exports": call.exports(usersExport, call.asked("q").map { "q=" + PercentEncoding.encode($0) } ?? ""),
        ]
        return .page(PageView("users", title: call.words("users.title"), section: "users", view))
    }

    private static func entries(_ call: PageCall, most: Int = 51) async throws -> (isThere: Bool, rows: [View]) {
        guard let person = call.person else { throw Refused.notYours }
        let before = call.asked("avant").map { Int64($0) }
        if case .some(nil) = before { throw Refused(400, "parameter_invalid", "avant is the number of an entry") }
        let json = try await call.console.store.journal(
            before: before ?? nil, kind: call.asked("q"), most: most, as: person.actor)
        let rows = (json.array ?? []).map { row -> View in
            let isDone = row["outcome"]?.string == "done"
            return [
                "id": String(row["id"]?.integer ?? 0), "at": call.dates.moment(row["recorded_at"]?.string ?? ""),
                "actor": String((row["actor"]?.string ?? "").prefix(12)), "kind": row["kind"]?.string ?? "",
                "subject": String((row["subject"]?.string ?? "").prefix(80)),
                "outcome": call.words(isDone ? "journal.done" : "journal.refused"),
                "tone": isDone ? "positive" : "negative",
            ]
        }
        return (!json.isNull, rows)
    }

    @Sendable private static func journal(_ call: PageCall) async throws -> PageAnswer {
        let (isThere, rows) = try await entries(call)
        let query = call.asked("q").map { "q=" + PercentEncoding.encode($0) }
        var view: View = [
            "has_journal": isThere, "has_rows": !rows.isEmpty, "q": call.asked("q") ?? "",
            "rows": Array(rows.prefix(50)), "exports": call.exports(journalExport, query ?? ""),
        ]
        if rows.count > 50, let last = rows[49]["id"] as? String {
            view["next"] = "/journal?avant=\(last)" + (query.map { "&" + $0 } ?? "")
        }
        return .page(PageView("journal", title: call.words("journal.title"), section: "journal", view))
    }

    // MARK: Reveals

    static let fields = ["last_name", "first_names", "email", "phone", "address", "birth_date", "nir"]

    static let revealsExport = TableExport(
        name: "revelations", roles: [.admin], title: "reveals.last",
        columns: [
            .init("reveals.asked_at", "at", isText: true), .init("reveals.person", "who", isText: true),
            .init("reveals.number", "client", isText: true), .init("reveals.field", "field", isText: true),
            .init("reveals.reason", "reason", isText: true), .init("reveals.is_open", "open", isText: true),
        ]
    ) { call in
        guard let person = call.person else { throw Refused.notYours }
        return try await call.console.store.reveals(most: Exporter.rowsMax + 1, as: person.actor)
            .map { revealed($0, call) }
    }

    /// Who asked for what and why; never what was shown.
    private static func revealed(_ row: JSON, _ call: PageCall) -> View {
        let field = row["field"]?.string ?? ""
        let isOpen = row["is_open"]?.bool ?? false
        return [
            "who": row["asked_by"]?.string ?? "–", "client": String(row["client"]?.integer ?? 0),
            "field": call.words.known("field.\(field)") ?? field, "reason": row["reason"]?.string ?? "",
            "at": call.dates.moment(row["granted_at"]?.string ?? ""), "is_open": isOpen,
            "open": isOpen ? call.words("reveals.open") : "",
        ]
    }

    private static func reveals(_ call: PageCall, extra: View = [:], status: Int = 200) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        let rows = try await call.console.store.reveals(as: person.actor)
        let known = await fieldNames(call)
        var view: View = [
            "client": call.sent("client"), "reason": call.sent("reason"),
            "fields": known.map { name -> View in
                [
                    "value": name, "label": call.words.known("field.\(name)") ?? name,
                    "is_current": name == call.sent("field"),
                ]
            },
            "has_rows": !rows.isEmpty,
            "rows": rows.map { revealed($0, call) }, "exports": call.exports(revealsExport),
        ]
        for (name, value) in extra { view[name] = value }
        return .page(
            PageView("reveals", title: call.words("reveals.title"), section: "reveals", view), status: status)
    }

    /// Which fields the bank reveals, as its own document says.
    private static func fieldNames(_ call: PageCall) async -> [String] {
        let document = try? await call.fetch("/bank/v1/openapi.json")
        let body = document?["paths"]?["/reveals"]?["post"]?["requestBody"]?["content"]?["application/json"]?["schema"]
        return body?["properties"]?["field"]?["enum"]?.array?.compactMap(\.string) ?? fields
    }

    private static func reveal(_ call: PageCall) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        guard let number = Int64(call.sent("client")),
            let client = try await call.console.store.clients(number, as: person.actor).array?.first?["id"]?.string
        else {
            return try await reveals(call, extra: ["problem": call.words("problem.client_not_found")], status: 404)
        }
        let body: JSON = [
            "client": .string(client), "field": .string(call.sent("field")), "reason": .string(call.sent("reason")),
        ]
        do {
            let answer = try await call.api(.post, "/bank/v1/reveals", body: body)
            let shown: View = [
                "value": answer["value"]?.string ?? "–", "client": String(number),
                "field": call.words.known("field.\(call.sent("field"))") ?? call.sent("field"),
                "until": call.dates.moment(answer["expires_at"]?.string ?? ""),
            ]
            return try await reveals(call, extra: ["shown": shown])
        } catch let refused as Refused where [400, 422].contains(refused.status) {
            let words = call.words.known("problem." + refused.code) ?? refused.message
            return try await reveals(call, extra: ["problem": words], status: 400)
        }
    }

    // MARK: Models

    @Sendable private static func models(_ call: PageCall) async throws -> PageAnswer {
        let models = try await call.fetch("/fraud/v1/models").array ?? []
        let rules = try await call.fetch("/fraud/v1/rules")["rules"]?.array ?? []
        let view: View = [
            "has_models": !models.isEmpty, "is_admin": call.person?.role == .admin,
            "models": models.map { model -> View in
                let id = String(model["id"]?.integer ?? 0)
                let status = model["status"]?.string ?? "candidat"
                return [
                    "id": id, "status": call.words.known("model.\(status)") ?? status, "phrase": "PROMOUVOIR \(id)",
                    "digest": String((model["sha256"]?.string ?? "").prefix(12)),
                    "created": call.dates.moment(model["created_at"]?.string ?? ""),
                    "is_champion": status == "champion",
                ]
            },
            "has_rules": !rules.isEmpty,
            "rules": rules.map { rule -> View in
                [
                    "name": rule["name"]?.string ?? "", "words": rule[call.language.rawValue]?.string ?? "",
                    "verdict": call.words.known("verdict.\(rule["verdict"]?.string ?? "")") ?? "",
                    "is_shadow": rule["shadow"]?.bool ?? false,
                ]
            },
        ]
        return .page(PageView("models", title: call.words("model.title"), section: "queue", view))
    }
}
