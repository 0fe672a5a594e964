internal import Charts
internal import HTTPTypes
internal import Web

/// The fraud desk: queue, case, decision; incidents; models.
enum FraudPages {
    private static let desk: Set<Person.Role> = [.analyst, .admin]

    static let export = TableExport(
        name: "dossiers", roles: desk, title: "queue.title", asks: ["vue"],
        columns: [
            .init("queue.case", "id", isText: true), .init("queue.status", "status", isText: true),
            .init("queue.loss", "loss"), .init("queue.largest", "largest"), .init("queue.alerts", "alerts"),
            .init("queue.who", "who", isText: true), .init("queue.age", "age", isText: true),
        ], most: casesMax
    ) { call in try await cases(call).map { row($0, call) } }

    /// As many as the desk gives at once, those with the greatest loss.
    private static let casesMax = 200

    /// The queue as the address asks for it: everybody's, or the caller's.
    private static func cases(_ call: PageCall) async throws -> [JSON] {
        let view = call.asked("vue")
        guard view == nil || view == "moi" else { throw Refused(400, "parameter_invalid", "vue is moi") }
        let all = try await call.fetch("/fraud/v1/cases", query: "limit=\(casesMax)").array ?? []
        return view == nil ? all : all.filter { $0["assigned_to"]?.string == call.person?.id }
    }

    static let routes: [PageRoute] = [
        PageRoute(.get, "/fraude", desk, asks: ["vue"]) { try await queue($0) },
        PageRoute(.get, "/fraude/:id", desk, show),
        PageRoute(.post, "/fraude/:id/prendre", desk) { call in
            let id = try call.number()
            try await call.api(.post, "/fraud/v1/cases/\(id)/assign", body: [:])
            return .see("/fraude/\(id)?fait=dossier_pris")
        },
        PageRoute(.post, "/fraude/:id/note", desk) { call in
            let id = try call.number()
            try await call.api(.post, "/fraud/v1/cases/\(id)/notes", body: ["note": .string(call.sent("note"))])
            return .see("/fraude/\(id)?fait=note")
        },
        PageRoute(.post, "/fraude/:id/decision", desk) { call in
            let id = try call.number()
            guard ["oui", "non"].contains(call.sent("fraud")) else {
                throw Refused(400, "decision_missing", "say whether it is a fraud")
            }
            let body: JSON = ["fraud": .bool(call.sent("fraud") == "oui"), "reason": .string(call.sent("reason"))]
            let answer = try await call.api(.post, "/fraud/v1/cases/\(id)/decision", body: body)
            return .see("/fraude/\(id)?fait=" + (answer["status"]?.string == "proposed" ? "propose" : "tranche"))
        },
    ]

    // MARK: Queue

    static func queue(_ call: PageCall) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        let shown = try await cases(call)
        let history = try await call.console.store.fraudHistory(days: 30, as: person.actor)
        let words = call.words
        let mine = call.asked("vue") != nil
        func figure(_ name: String) -> String { call.numbers.integer(history[name]?.integer ?? 0) }
        let loss = Double(number(history["expected_loss"])) ?? 0
        var view: View = [
            "cases": shown.map { row($0, call) }, "has_cases": !shown.isEmpty, "is_mine": mine,
            "kpis": [
                ["label": words("queue.open"), "value": figure("open")],
                ["label": words("queue.unassigned"), "value": figure("unassigned")],
                ["label": words("queue.proposed"), "value": figure("proposed")],
                ["label": words("queue.loss"), "value": Unit.money("EUR").full(loss, call.numbers)],
            ] as [View],
            "count_words": words.count("queue.count", shown.count),
            "exports": call.exports(export, mine ? "vue=moi" : ""),
        ]
        if let chart = verdicts(history, call) { view["verdicts"] = chart }
        return .page(PageView("queue", title: words("queue.title"), section: "queue", view, pollSeconds: 15))
    }

    /// A JSON number as text.
    static func number(_ json: JSON?) -> String {
        if case .number(let text) = json { text } else { json?.string ?? "0" }
    }

    private static func row(_ json: JSON, _ call: PageCall) -> View {
        let id = String(json["id"]?.integer ?? 0)
        let assigned = json["assigned_to"]?.string
        return [
            "id": id, "client": String(json["client"]?.integer ?? 0),
            "loss": Unit.money("EUR").full(Double(number(json["expected_loss"])) ?? 0, call.numbers),
            "largest": call.money(minor: number(json["largest_minor"])),
            "alerts": call.numbers.integer(json["alerts"]?.integer ?? 0),
            "age": call.dates.age(json["age_seconds"]?.integer ?? 0),
            "status": call.words(
                json["status"]?.string == "propose"
                    ? "queue.status_proposed" : assigned == nil ? "queue.status_new" : "queue.status_taken"),
            "tone": json["status"]?.string == "propose" ? "warning" : assigned == nil ? "negative" : "neutral",
            "who": assigned.map { $0 == call.person?.id ? call.words("queue.me") : String($0.prefix(8)) } ?? "–",
        ]
    }

    private static func verdicts(_ history: JSON, _ call: PageCall) -> View? {
        let rows = history["by_day"]?.array ?? []
        guard !rows.isEmpty else { return nil }
        var days: [String] = []
        var counts: [String: [String: Double]] = [:]
        for row in rows {
            guard let parts = row.array, parts.count == 3, let day = parts[0].string, let verdict = parts[1].string
            else {
                continue
            }
            if days.last != day { days.append(day) }
            counts[day, default: [:]][verdict] = Double(parts[2].integer ?? 0)
        }
        let inks: [(String, Ink)] = [
            ("allow", .series(3)), ("step-up", .series(5)), ("review", .series(1)), ("block", .series(4)),
        ]
        let chart = BarChart(
            call.caption("verdicts", call.words("queue.verdicts"), call.words("queue.verdicts_summary")),
            labels: days.map { call.dates.brief($0) },
            series: inks.map { verdict, ink in
                Series(call.words("verdict.\(verdict)"), days.map { counts[$0]?[verdict] ?? 0 }, ink: ink)
            }, arrangement: .stacked, axis: call.words("board.day"))
        return call.picture(chart, ChartSize(960, 220))
    }

    // MARK: Case

    @Sendable private static func show(_ call: PageCall) async throws -> PageAnswer {
        let id = try call.number()
        guard let person = call.person else { throw Refused.notYours }
        let json = try await call.fetch("/fraud/v1/cases/\(id)")
        guard !json.isNull else { throw Refused.notFound }
        let words = call.words
        let payments = json["payments"]?.array ?? []
        let worst = payments.max { probability($0) < probability($1) }
        let isClosed = json["status"]?.string == "clos"
        let proposer = json["proposed_by"]?.string
        var view: View = [
            "id": String(id), "client": String(json["client"]?.integer ?? 0), "is_closed": isClosed,
            "is_open": !isClosed,
            "loss": Unit.money("EUR").full(Double(number(json["expected_loss"])) ?? 0, call.numbers),
            "opened": call.dates.moment(json["opened_at"]?.string ?? ""),
            "assigned": json["assigned_to"]?.string.map {
                $0 == call.person?.id ? words("queue.me") : String($0.prefix(8))
            } ?? words("queue.nobody"),
            "is_free": json["assigned_to"]?.string == nil && !isClosed,
            "is_proposed": proposer != nil && !isClosed,
            "is_own_proposal": proposer != nil && proposer == call.person?.id,
            "payments": payments.map { payment($0, call) },
            "notes": (json["notes"]?.array ?? []).map { note -> View in
                [
                    "note": note["note"]?.string ?? "", "author": String((note["author"]?.string ?? "").prefix(8)),
                    "at": call.dates.moment(note["written_at"]?.string ?? ""),
                ]
            },
        ]
        view["has_notes"] = !(json["notes"]?.array ?? []).isEmpty
        if isClosed {
            view["verdict"] = words(json["fraud"]?.bool == true ? "case.is_fraud" : "case.is_genuine")
            view["reason"] = json["reason"]?.string ?? ""
        }
        if let worst {
            let isScored = worst["probability"].map { !$0.isNull } ?? false
            if isScored { view["gauge"] = call.picture(gauge(worst, call), ChartSize(280, 180), narrow: nil) }
            if let reasons = reasons(worst, call) { view["reasons"] = reasons }
            view["worst"] = payment(worst, call)
        }
        let around = try await call.console.store.fraudCase(id, as: person.actor)
        for (name, value) in CaseContext.view(around, call) { view[name] = value }
        let similar = CaseContext.similar(around, call)
        view["similar"] = similar
        view["has_similar"] = !similar.isEmpty
        return .page(PageView("case", title: words("case.title", ["id": String(id)]), section: "queue", view))
    }

    private static func probability(_ payment: JSON) -> Double { Double(number(payment["probability"])) ?? 0 }

    private static func payment(_ json: JSON, _ call: PageCall) -> View {
        let verdict = json["verdict"]?.string ?? "review"
        return [
            "number": String(json["payment"]?.integer ?? 0), "amount": call.money(minor: number(json["amount_minor"])),
            "score": json["probability"].map { $0.isNull ? "–" : call.numbers.percent(probability(json)) } ?? "–",
            "verdict": call.words("verdict.\(verdict)"),
            "tone": ["allow": "positive", "block": "negative"][verdict] ?? "warning",
            "rules": (json["rules"]?.array ?? []).compactMap(\.string).joined(separator: ", "),
        ]
    }

    private static func gauge(_ payment: JSON, _ call: PageCall) -> GaugeChart {
        let words = call.words
        return GaugeChart(
            call.caption(
                "score", words("case.score"),
                words("case.score_summary", ["score": call.numbers.percent(probability(payment))])),
            value: probability(payment), range: 0...1,
            zones: [
                .init(upTo: 0.3, .positive, words("case.low")), .init(upTo: 0.7, .warning, words("case.middle")),
                .init(upTo: 1, .negative, words("case.high")),
            ], unit: .percent)
    }

    private static func reasons(_ payment: JSON, _ call: PageCall) -> View? {
        let items = (payment["reasons"]?.array ?? []).prefix(8).compactMap { reason -> RankChart.Item? in
            guard let words = reason[call.language.rawValue]?.string ?? reason["column"]?.string else { return nil }
            return RankChart.Item(words, Double(number(reason["contribution"])) ?? 0, ink: nil)
        }
        guard !items.isEmpty else { return nil }
        let chart = RankChart(
            call.caption("reasons", call.words("case.reasons"), call.words("case.reasons_summary")), items: items,
            unit: .number(2), heads: (call.words("case.reason"), call.words("case.weight")))
        return call.picture(chart, chart.size(width: 620), narrow: chart.size(width: 360))
    }
}
