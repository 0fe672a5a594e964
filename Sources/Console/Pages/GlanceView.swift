internal import Charts
internal import Web

/// What an admin sees first of continuity, keys, objectives and alerts.
struct GlanceView {
    private(set) var checks: [View] = []
    private(set) var figures: [View] = []
    private let call: PageCall

    private static let backupHoursMax: Int64 = 26
    private static let drillDaysMax: Int64 = 8
    /// A month's error budget spent in two days: the burn that wakes somebody.
    private static let burnMax = 14.4

    private init(_ call: PageCall) { self.call = call }

    static func read(_ call: PageCall, _ bank: JSON) async throws -> GlanceView {
        var glance = GlanceView(call)
        guard let person = call.person else { throw Refused.notYours }
        glance.add(backups: try await call.console.pages.backups(as: person.actor))
        glance.figure("keys", call.numbers.integer(bank["keys"]?["data_keys"]?.integer ?? 0), "/journal?q=cle")
        let incidents = try? await call.fetch("/detection/v1/incidents", query: "limit=100").array
        let open = incidents?.count { $0["status"]?.string != "closed" }
        glance.figure("incidents", open.map { call.numbers.integer(Int64($0)) }, "/incidents")
        await glance.addMonitoring()
        return glance
    }

    private mutating func add(backups json: JSON) {
        let words = call.words
        let sound = (json["sets"]?.array ?? []).first { ["made", "proved"].contains($0["state"]?.string ?? "") }
        let drill = (json["drills"]?.array ?? []).first { $0["passed"]?.bool == true }
        let (made, proved) = (age(sound?["stopped_at"]), age(drill?["started_at"]))
        figure("newest", made.map { call.dates.age($0) }, "/sauvegardes")
        figure("drill", proved.map { call.dates.age($0) }, "/sauvegardes")
        figure("rpo", drill.map { BackupPages.duration($0["rpo_seconds"], call) }, "/sauvegardes")
        figure("rto", drill.map { BackupPages.duration($0["rto_seconds"], call) }, "/sauvegardes")
        guard !json.isNull else { return }
        check(
            words("state.backup_check"),
            made.map { words("state.backup_words", ["age": call.dates.age($0)]) } ?? words("state.backup_none"),
            made.map { $0 < Self.backupHoursMax * 3600 } ?? false)
        check(
            words("state.drill_check"),
            proved.map { words("state.drill_words", ["age": call.dates.age($0)]) } ?? words("state.drill_none"),
            proved.map { $0 < Self.drillDaysMax * 86_400 } ?? false)
        let alarms = json["alarms"]?.array?.count ?? 0
        if alarms > 0 { check(words("state.alarms"), words.count("state.alarms_words", alarms), false) }
    }

    private mutating func addMonitoring() async {
        guard let ask = call.console.backend.tools.prometheus else {
            figure("alerts", nil, "/supervision")
            figure("burn", nil, "/supervision")
            return
        }
        async let firing = Self.value(#"sum(ALERTS{alertstate="firing"}) or vector(0)"#, ask)
        async let burn = Self.value("digitalbank:http_errors:ratio_rate1h / 0.001", ask)
        let (alerts, rate) = await (firing, burn)
        figure("alerts", alerts.map { call.numbers.integer(Int64($0)) }, "/supervision")
        figure("burn", rate.map { call.numbers.number($0, digits: 1) + "\u{A0}×" }, "/supervision/digitalbank-slo")
        if let alerts {
            check(
                call.words("state.firing"), call.words.count("state.firing_words", Int(alerts)),
                alerts == 0 && (rate ?? 0) < Self.burnMax)
        }
    }

    /// One number of Prometheus; nil when it does not answer, or has none.
    private static func value(_ query: String, _ ask: @Sendable (String) async -> JSON?) async -> Double? {
        let answer = await ask("/api/v1/query?query=" + PercentEncoding.encode(query))
        let pair = answer?["data"]?["result"]?.array?.first?["value"]?.array
        guard let text = pair?.last?.string, let value = Double(text), value.isFinite, abs(value) < 1e12 else {
            return nil
        }
        return value
    }

    private func age(_ json: JSON?) -> Int64? {
        json?.string.flatMap { Moment($0) }.map { max(call.now - $0.seconds, 0) }
    }

    private mutating func check(_ name: String, _ words: String, _ isGood: Bool) {
        checks.append(["name": name, "words": words, "is_good": isGood, "tone": isGood ? "positive" : "warning"])
    }

    private mutating func figure(_ name: String, _ value: String?, _ href: String) {
        figures.append([
            "name": call.words("state.\(name)"), "value": value ?? call.words("state.unasked"), "href": href,
        ])
    }
}
