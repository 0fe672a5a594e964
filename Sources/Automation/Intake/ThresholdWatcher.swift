internal import Postgres
internal import Synchronization
internal import Web

/// Looks at figures and fires the scenarios whose thresholds they passed. State and firing change in one transaction,
/// one
/// server at a time.
final class ThresholdWatcher: Sendable {
    private let database: Database
    private let lookedAt = Mutex<[String: Instant]>([:])

    init(database: Database) { self.database = database }

    /// Returns how many fired.
    func pass(_ scenarios: [Scenario], now: Instant) async throws -> Int {
        let due: [(Scenario, MetricTrigger)] = scenarios.compactMap { scenario in
            guard case .metric(let metric) = scenario.trigger else { return nil }
            let isDue = lookedAt.withLock { looked in
                if let last = looked[scenario.name], now < last.adding(seconds: Double(metric.everySeconds)) {
                    return false
                }
                looked[scenario.name] = now
                return true
            }
            return isDue ? (scenario, metric) : nil
        }
        guard !due.isEmpty else { return 0 }
        return try await database.transaction { tx in
            let store = ThresholdStore(database: tx)
            guard try await store.isAlone() else { return 0 }
            let names = Set(due.map(\.1.name))
            let figures = try await store.figures(Array(names))
            var fired = 0
            for (scenario, metric) in due {
                var seen: [String] = []
                for figure in figures where figure.name == metric.name && metric.matches(figure.labels) {
                    fired += try await step(scenario, metric, figure, now, store) ? 1 : 0
                    seen.append(figure.series)
                }
                // What is there no more is beyond no limit: if it comes back beyond it, that is told again.
                if seen.count < ThresholdStore.figuresMax {
                    try await store.calm(scenario.name, except: seen, since: now)
                }
            }
            return fired
        }
    }

    private func step(
        _ scenario: Scenario, _ metric: MetricTrigger, _ figure: ThresholdStore.Figure, _ now: Instant,
        _ store: ThresholdStore
    ) async throws -> Bool {
        var figure = figure
        if metric.isMoment { figure.value = Double(now.microseconds) / 1_000_000 - figure.value }
        let state = try await store.state(scenario.name, figure.series) ?? Threshold.State(since: now)
        let (next, fires) = metric.threshold.step(state, value: figure.value, now: now)
        if next != state || fires { try await store.keep(scenario.name, figure, next) }
        guard fires else { return false }
        let event: JSON = [
            "name": .string(figure.name), "labels": figure.labels, "value": .number("\(figure.value)"),
            "limit": .number("\(metric.threshold.limit)"), "phase": .string(next.phase.rawValue),
            "since": .string(state.since.iso),
        ]
        try await IntakeStore(database: store.database).put(
            source: scenario.trigger.source(scenario.name), operation: "fired", payload: event)
        return true
    }
}

extension MetricTrigger {
    func matches(_ figure: JSON) -> Bool { labels.allSatisfy { figure[$0.key]?.plain == $0.value } }
}
