internal import Charts
internal import Foundation
internal import HTTPTypes
internal import Web

/// Backups and the drills that prove them. A drill restores into a clean room: the living bank is not touched.
enum BackupPages {
    static let setsExport = TableExport(
        name: "sauvegardes", roles: [.admin], title: "backup.sets",
        columns: [
            .init("backup.label", "label", isText: true), .init("backup.repository", "repository"),
            .init("backup.kind", "kind", isText: true), .init("backup.ended", "ended", isText: true),
            .init("backup.size", "size", isText: true), .init("backup.stored", "stored", isText: true),
            .init("queue.status", "status", isText: true),
        ]
    ) { call in (try await read(call)["sets"]?.array ?? []).map { set($0, call) } }

    static let drillsExport = TableExport(
        name: "exercices", roles: [.admin], title: "backup.drills",
        columns: [
            .init("backup.scenario", "scenario", isText: true), .init("backup.started", "started", isText: true),
            .init("backup.label", "label", isText: true), .init("backup.rto", "rto", isText: true),
            .init("backup.rpo", "rpo", isText: true), .init("queue.status", "status", isText: true),
        ]
    ) { call in (try await read(call)["drills"]?.array ?? []).map { drill($0, call) } }

    static let routes: [PageRoute] = [
        PageRoute(.get, "/sauvegardes", [.admin], show),
        PageRoute(.post, "/exercices", [.admin], start),
        PageRoute(.get, "/exercices/:id", [.admin], detail),
    ]

    private static func read(_ call: PageCall) async throws -> JSON {
        guard let person = call.person else { throw Refused.notYours }
        return try await call.console.pages.backups(as: person.actor)
    }

    @Sendable private static func start(_ call: PageCall) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        guard let drills = call.console.backend.tools.drills else {
            throw Refused(409, "drills_elsewhere", "the bank's files are not on this server")
        }
        let scenario = call.sent("scenario")
        guard drills.scenarios.contains(scenario) else { throw Refused(400, "validation_failed", "choose a scenario") }
        guard call.sent("confirm") == "EXERCICE" else {
            throw Refused(400, "confirmation_missing", "the confirmation does not match")
        }
        guard drills.start(scenario, person.email) else {
            throw Refused(409, "drill_running", "a drill is running; wait until it has ended")
        }
        return .see("/sauvegardes?fait=exercice")
    }

    @Sendable private static func show(_ call: PageCall) async throws -> PageAnswer {
        let json = try await read(call)
        let words = call.words
        let (sets, drills) = (json["sets"]?.array ?? [], json["drills"]?.array ?? [])
        let alarms = json["alarms"]?.array ?? []
        let sound = sets.filter { ["made", "proved"].contains($0["state"]?.string ?? "") }
        let proved = drills.first { $0["passed"]?.bool == true }
        func age(_ text: String?) -> String {
            text.flatMap { Moment($0) }.map { call.dates.age(call.now - $0.seconds) } ?? "–"
        }
        var view: View = [
            "kpis": [
                ["label": words("backup.newest"), "value": age(sound.first?["stopped_at"]?.string)],
                ["label": words("backup.proof"), "value": age(proved?["started_at"]?.string)],
                ["label": words("backup.rto"), "value": duration(proved?["rto_seconds"], call)],
                ["label": words("backup.rpo"), "value": duration(proved?["rpo_seconds"], call)],
            ] as [View],
            "is_kept": !json.isNull, "sets": sets.map { set($0, call) }, "has_sets": !sets.isEmpty,
            "drills": drills.map { drill($0, call) }, "has_drills": !drills.isEmpty,
            "alarms": alarms.map { alarm -> View in
                [
                    "words": alarm["words_\(call.language.rawValue)"]?.string ?? "–",
                    "at": call.dates.moment(alarm["raised_at"]?.string ?? ""),
                    "severity": words("severity.\(alarm["severity"]?.string ?? "low")"),
                ]
            }, "has_alarms": !alarms.isEmpty,
            "sets_exports": ["exports": call.exports(setsExport)] as View,
            "drills_exports": ["exports": call.exports(drillsExport)] as View,
        ]
        if let desk = call.console.backend.tools.drills {
            let started = desk.started()
            view["can_start"] = !started.contains { $0.passed == nil }
            view["scenarios"] = desk.scenarios.map { name -> View in
                ["value": name, "label": scenario(name, call)]
            }
            view["started"] = started.prefix(5).map { self.started($0, call) }
            view["has_started"] = !started.isEmpty
        }
        let line = drills.reversed().filter { $0["rto_seconds"].map { !$0.isNull } ?? false }
        if line.count > 1 {
            let chart = BarChart(
                call.caption("rto", words("backup.rto_chart"), words("backup.rto_summary")),
                labels: line.map { call.dates.brief($0["started_at"]?.string ?? "") },
                series: [Series(words("backup.rto"), line.map { Double(FraudPages.number($0["rto_seconds"])) })],
                unit: .seconds, axis: words("backup.started"))
            view["rto_chart"] = call.picture(chart, ChartSize(960, 220), narrow: ChartSize(340, 200))
        }
        let isRunning = call.console.backend.tools.drills?.started().contains { $0.passed == nil } ?? false
        return .page(
            PageView(
                "backups", title: words("backup.title"), section: "backups", view, pollSeconds: isRunning ? 3 : 30))
    }

    private static func scenario(_ name: String, _ call: PageCall) -> String {
        let key = name.split(separator: "-").joined(separator: "_")
        return call.words.known("drill.\(key)") ?? name
    }

    private static func started(_ drill: ConsoleDrills.Started, _ call: PageCall) -> View {
        let tone = drill.passed.map { $0 ? "positive" : "negative" } ?? "warning"
        let status = drill.passed.map { $0 ? "backup.passed" : "backup.failed" } ?? "backup.running"
        return [
            "scenario": scenario(drill.scenario, call), "at": call.dates.moment(Moment(seconds: drill.at)),
            "by": drill.by, "status": call.words(status), "tone": tone, "is_running": drill.passed == nil,
            "age": call.dates.age(call.now - drill.at), "lines": drill.lines.suffix(20).map { ["words": $0] as View },
            "has_lines": !drill.lines.isEmpty,
        ]
    }

    private static func bytes(_ json: JSON?, _ call: PageCall) -> String {
        let value = Double(json?.integer ?? 0)
        return Unit.bytes.full(value, call.numbers)
    }

    static func duration(_ json: JSON?, _ call: PageCall) -> String {
        guard let json, !json.isNull, let value = Double(FraudPages.number(json)) else { return "–" }
        return Unit.seconds.full(value, call.numbers)
    }

    private static func set(_ json: JSON, _ call: PageCall) -> View {
        let state = json["state"]?.string ?? "made"
        let tones = ["proved": "positive", "damaged": "negative"]
        return [
            "label": json["label"]?.string ?? "", "repository": String(json["repository"]?.integer ?? 1),
            "kind": call.words.known("backup.kind_\(json["kind"]?.string ?? "")") ?? "–",
            "ended": call.dates.moment(json["stopped_at"]?.string ?? ""), "size": bytes(json["bytes"], call),
            "stored": bytes(json["stored_bytes"], call), "status": call.words("backup.state_\(state)"),
            "tone": tones[state] ?? "neutral", "note": json["note"]?.string ?? "",
        ]
    }

    private static func drill(_ json: JSON, _ call: PageCall) -> View {
        let passed = json["passed"]?.bool ?? false
        return [
            "id": json["id"]?.string ?? "", "scenario": scenario(json["scenario"]?.string ?? "", call),
            "started": call.dates.moment(json["started_at"]?.string ?? ""), "label": json["label"]?.string ?? "",
            "rto": duration(json["rto_seconds"], call), "rpo": duration(json["rpo_seconds"], call),
            "status": call.words(passed ? "backup.passed" : "backup.failed"), "tone": passed ? "positive" : "negative",
        ]
    }

    @Sendable private static func detail(_ call: PageCall) async throws -> PageAnswer {
        guard let person = call.person, let id = call.values["id"], UUID(uuidString: id) != nil else {
            throw Refused.notFound
        }
        let json = try await call.console.pages.drill(id, as: person.actor)
        guard !json.isNull else { throw Refused.notFound }
        var view = drill(json, call)
        let checks = json["checks"]?.array ?? []
        view["facts"] = [
            ("backup.label", json["label"]?.string ?? "–"), ("backup.target", json["target"]?.string ?? "–"),
            ("backup.restore", duration(json["restore_seconds"], call)),
            ("backup.replay", duration(json["recovery_seconds"], call)),
            ("backup.checking", duration(json["check_seconds"], call)),
            ("backup.rpo", duration(json["rpo_seconds"], call)),
            ("backup.moment", json["last_moment"]?.string.map { call.dates.moment($0) } ?? "–"),
        ].map { name, value -> View in ["name": call.words(name), "value": value] }
        view["checks"] = checks.map { check -> View in
            let isGood = check["passed"]?.bool ?? false
            return [
                "name": check[call.language == .fr ? "nameFrench" : "name"]?.string ?? "–",
                "words": check["detail"]?.string ?? "",
                "is_good": isGood, "tone": isGood ? "positive" : "negative",
            ]
        }
        view["has_checks"] = !checks.isEmpty
        return .page(PageView("drill", title: call.words("backup.drill"), section: "backups", view))
    }
}
