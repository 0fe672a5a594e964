internal import Postgres
internal import Web

/// Reads the outbox and plans what scenarios make of it. Events, runs, deliveries and the outbox change in one
/// transaction:
/// a crash leaves either all of a pass or nothing.
struct Intake: Sendable {
    let database: Database
    let settings: AutomationSettings

    /// Returns how many events were taken. Those of `left` stay for another server.
    func pass(_ scenarios: [Scenario], leaving left: [String] = []) async throws -> Int {
        try await database.transaction { tx in
            let store = IntakeStore(database: tx)
            guard try await store.isAlone() else { return 0 }
            let events = try await store.next(settings.eventsPerPass, except: left)
            var runs: [PlannedRun] = []
            let bySource = Dictionary(grouping: scenarios) { $0.trigger.source($0.name) }
            for event in events {
                if event.source.hasPrefix("dead:") {
                    if let run = try await errorBranch(event, scenarios, store) { runs.append(run) }
                    continue
                }
                for scenario in bySource[event.source] ?? [] {
                    if let run = try await take(event, scenario, store) { runs.append(run) }
                }
            }
            runs += try await closedWindows(scenarios, store)
            try await store.write(runs)
            if !events.isEmpty { try await store.remove(events.map(\.id)) }
            return events.count
        }
    }

    private func take(_ row: OutboxEvent, _ scenario: Scenario, _ store: IntakeStore) async throws -> PlannedRun? {
        guard var event = try? JSONReader.read(row.payload) else { return nil }
        var key: String?
        if let table = scenario.trigger.table {
            guard table.operations.contains(row.operation) else { return nil }
            event = event.with("operation", .string(row.operation))
            key = table.key.flatMap { event[$0]?.plain }
        }
        let at = Instant(iso: row.writtenAt) ?? Instant(seconds: 0)
        if let gather = scenario.gather {
            let root: JSON = ["event": event]
            guard scenario.when.holds(in: root) else { return nil }
            try await store.gather(
                scenario.name, key: gather.by?.text(from: root) ?? "", item: event, seconds: gather.windowSeconds,
                most: gather.most)
            return nil
        }
        let dedupe = row.operation == "due" ? event["run"]?.plain ?? "event:\(row.id)" : "event:\(row.id)"
        let plan = Planner.plan(scenario, event: event, dedupe: dedupe, key: key, at: at, bank: settings.bank)
        return plan.map { PlannedRun(scenario: scenario, dedupe: dedupe, event: event, plan: $0, at: at) }
    }

    private func closedWindows(_ scenarios: [Scenario], _ store: IntakeStore) async throws -> [PlannedRun] {
        guard scenarios.contains(where: { $0.gather != nil }) else { return [] }
        return try await store.closed(settings.eventsPerPass).compactMap { window in
            guard let scenario = scenarios.first(where: { $0.name == window.scenario }),
                let at = Instant(iso: window.closedAt)
            else { return nil }
            let event: JSON = [
                "key": .string(window.key), "count": .integer(window.items.array?.count ?? 0), "items": window.items,
            ]
            let dedupe = "window:\(window.key):\(window.closedAt)"
            let plan = Planner.plan(
                scenario, event: event, dedupe: dedupe, key: window.key, at: at, bank: settings.bank)
            return plan.map { PlannedRun(scenario: scenario, dedupe: dedupe, event: event, plan: $0, at: at) }
        }
    }

    /// What a scenario does when one of its deliveries was given up.
    private func errorBranch(
        _ row: OutboxEvent, _ scenarios: [Scenario], _ store: IntakeStore
    ) async throws -> PlannedRun? {
        guard let told = try? JSONReader.read(row.payload), let id = told["run"]?.integer,
            let slash = row.source.firstIndex(of: "/"), let run = try await store.run(id),
            let scenario = scenarios.first(where: { $0.name == run.scenario })
        else { return nil }
        let step = row.source[row.source.index(after: slash)...]
        guard let act = scenario.acts.first(where: { $0.name == step }), let key = told["key"]?.string else {
            return nil
        }
        let at = Instant(iso: row.writtenAt) ?? Instant(seconds: 0)
        let dedupe = "\(run.dedupe)!\(key)!\(row.id)"
        let plan = Planner.plan(
            act, of: scenario, event: run.event, reason: told["reason"]?.plain ?? "", dedupe: dedupe, at: at,
            bank: settings.bank)
        return PlannedRun(scenario: scenario, dedupe: dedupe, event: run.event, plan: plan, at: at)
    }
}
