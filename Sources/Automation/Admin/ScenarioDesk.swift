public import Web

/// Scenarios as people read, try and write them.
extension AutomationDesk {
    /// One scenario with the document in force, where that comes from (`shipped`, `folder` or `stored`), whether there is
    /// one beneath it to go back to, what it does line by line, and the fields of its events.
    public func scenario(_ name: String) async throws -> JSON {
        try await library.reload(database)
        let scenario = try library.scenario(name)
        guard let document = library.document(name) else { throw AutomationError.scenarioUnknown(name) }
        let isBeneath = document.origin != .stored || library.own.contains { $0.name == name }
        return summary(scenario).with("document", .string(document.text))
            .with("origin", .string(document.origin.rawValue)).with("has_original", .bool(isBeneath))
            .with("lines", .array(try lines(name, document.text)))
            .with("when", try Self.json(name, document.text)["when"] ?? .null)
            .with("fields", .array(scenario.trigger.fieldNames.map { .string($0) }))
    }

    private func lines(_ name: String, _ text: String) throws -> [JSON] {
        ScenarioOutline.lines(try Self.json(name, text))
    }

    private static func json(_ name: String, _ text: String) throws -> JSON {
        do { return try ScenarioDocument.read(text) } catch {
            throw AutomationError.scenario(name, error.words)
        }
    }

    func summary(_ scenario: Scenario) -> JSON {
        [
            "name": .string(scenario.name), "title_fr": .string(scenario.french),
            "title_en": .string(scenario.english), "version": .string(scenario.version),
            "trigger": .string(scenario.triggerText), "trigger_kind": .string(scenario.trigger.kind),
            "trigger_what": .string(scenario.trigger.what), "enabled": .bool(library.isEnabled(scenario.name)),
            "destinations": .array(scenario.destinations.map { .string($0) }),
        ]
    }

    /// Takes a scenario's document in place of what was.
    /// - Parameter was: the version that the author has seen, empty for none; what somebody else has written since is not
    ///   overwritten. Nil takes whatever was.
    public func keep(document: String, was: String? = nil, author: String) async throws -> String {
        let scenario = try ScenarioReader.read(document)
        try await library.reload(database)
        let store = ScenarioStore(database: database)
        let before = try await store.all().first { $0.name == scenario.name }?.document
        if let was {
            // What is stored counts, or what is in force beneath it; of a stored one that can not be read, either.
            let inForce = library.all.first { $0.name == scenario.name }?.version
            let stored = before.map { (try? ScenarioReader.read($0))?.version ?? inForce }
            guard was == (stored ?? inForce) ?? "" else { throw AutomationError.scenarioChanged(scenario.name) }
        }
        let isKept = try await store.keep(scenario.name, document: document, inPlaceOf: before, by: author)
        guard isKept || was == nil else { throw AutomationError.scenarioChanged(scenario.name) }
        if !isKept { return try await keep(document: document, author: author) }
        try await note("automation.scenario_changed", scenario.name, ["version": scenario.version], author)
        return scenario.name
    }

    /// What a document that is not kept would do with an event, or with the event of a run of the past; with neither, only
    /// whether it can be. Nothing is written and nothing is sent.
    /// - Returns: `{name, version, known, missing}`, `missing` being destinations that are not there; with an event also
    ///   `passes`, `deliveries` and `notes`.
    public func tryOut(document: String, event: JSON?, run: Int64?) async throws -> JSON {
        let scenario = try ScenarioReader.read(document)
        try await library.reload(database)
        let there = try JSONReader.read(try await destinations()).array ?? []
        let names = Set(there.compactMap { $0["name"]?.string } + ["bank"])
        let told: JSON = [
            "name": .string(scenario.name), "version": .string(scenario.version),
            "known": .bool(library.all.contains { $0.name == scenario.name }),
            "missing": .array(scenario.destinations.filter { !names.contains($0) }.map { .string($0) }),
            "lines": .array(try lines(scenario.name, document)),
        ]
        guard let event = try await self.event(event, run) else { return told }
        let answer = try await dryRun(scenario, event: event)
        return .object((told.members ?? []) + (answer.members ?? []))
    }

    private func event(_ event: JSON?, _ run: Int64?) async throws -> JSON? {
        guard let run else { return event }
        guard let past = try await IntakeStore(database: database).run(run) else {
            throw AutomationError.event("run \(run)")
        }
        return past.event
    }

    /// What the scenario would do with an event; nothing is written and nothing is sent.
    public func dryRun(_ name: String, event: JSON) async throws -> JSON {
        try await library.reload(database)
        return try await dryRun(try library.scenario(name), event: event)
    }

    /// The same with the event of a run of the past.
    public func dryRun(_ name: String, run: Int64) async throws -> JSON {
        try await dryRun(name, event: try await event(nil, run) ?? .null)
    }

    private func dryRun(_ scenario: Scenario, event: JSON) async throws -> JSON {
        let now = try await ScheduleStore(database: database).now()
        let plan = Planner.plan(scenario, event: event, dedupe: "dry-run", key: nil, at: now, bank: settings.bank)
        guard let plan else { return ["passes": false, "deliveries": [], "notes": []] }
        return [
            "passes": true,
            "deliveries": .array(
                plan.deliveries.map { delivery in
                    [
                        "step": .string(delivery.step), "destination": .string(delivery.destination),
                        "payload": Masking.mask(delivery.payload),
                    ]
                }), "notes": .array(plan.notes.map { .string($0) }),
        ]
    }
}

extension Trigger {
    /// Its name in a document.
    var kind: String {
        switch self {
        case .table: "table"
        case .changes: "changes"
        case .schedule: "schedule"
        case .hook: "webhook"
        case .metric: "metric"
        case .manual: "manual"
        }
    }

    /// What it looks at, without its kind.
    var what: String {
        switch self {
        case .table(let table), .changes(let table): "\(table.table) (\(table.operations.joined(separator: ", ")))"
        case .schedule(let schedule, _): schedule.text
        case .hook(let hook): hook.name
        case .metric(let metric): metric.name
        case .manual: ""
        }
    }

    /// What templates and conditions may name under `event`.
    var fieldNames: [String] {
        switch self {
        case .table(let table), .changes(let table): table.fields.map(\.name) + ["operation"]
        case .schedule: ["due_at", "day", "day_before", "missed"]
        case .hook(let hook): hook.fields ?? []
        case .metric: ["name", "labels", "value", "limit", "phase", "since"]
        case .manual: []
        }
    }
}
