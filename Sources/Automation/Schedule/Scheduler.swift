internal import Postgres
internal import Web

/// Fires schedules: each due moment once, whatever dies, jumps or runs twice.
///
/// A schedule's row holds the moment it waits for. Taking it, noting the firing, putting its event into the outbox
/// and moving
/// on to the next moment is one transaction; the next moment is computed from the one that was due, never from a
/// clock, so
/// a clock that goes back finds nothing to do and one that leaps finds what was missed.
struct Scheduler: Sendable {
    static let missedMax = 1000

    let database: Database
    let settings: AutomationSettings
    /// The database's own, in service.
    let clock: @Sendable () async throws -> Instant

    func keep(_ scenarios: [Scenario]) async throws {
        let store = ScheduleStore(database: database)
        let now = try await clock()
        for scenario in scenarios {
            guard case .schedule(let schedule, _) = scenario.trigger, let next = schedule.next(after: now) else {
                continue
            }
            try await store.keep(scenario.name, expression: schedule.text, next: next)
        }
        let names = scenarios.compactMap { scenario in
            if case .schedule = scenario.trigger { scenario.name } else { nil }
        }
        try await store.forget(except: names)
    }

    /// Fires everything that is due. Returns how many runs that made.
    func pass(_ scenarios: [Scenario]) async throws -> Int {
        var count = 0
        while let fired = try await fireOne(scenarios) { count += fired }
        return count
    }

    /// Nil when nothing is due.
    private func fireOne(_ scenarios: [Scenario]) async throws -> Int? {
        let now = try await clock()
        return try await database.transaction { tx in
            let store = ScheduleStore(database: tx)
            guard let due = try await store.takeDue(at: now) else { return nil }
            guard let scenario = scenarios.first(where: { $0.name == due.scenario }),
                case .schedule(let schedule, let catchUp) = scenario.trigger
            else {
                // Of a scenario that this server does not have: another one does, or the next `keep` forgets it.
                return nil
            }
            let first = Instant(microseconds: due.due)
            var moments = [first]
            var next = schedule.next(after: first)
            while let moment = next, moment <= now, moments.count < Self.missedMax {
                moments.append(moment)
                next = schedule.next(after: moment)
            }
            let outcomes = self.outcomes(moments, catchUp, now)
            let isNew = try await store.note(scenario.name, outcomes) == moments.count
            if isNew {
                for (moment, outcome) in outcomes where outcome == "ran" {
                    try await IntakeStore(database: tx).put(
                        source: scenario.trigger.source(scenario.name), operation: "due",
                        payload: event(moment, missed: catchUp == .once ? moments.count - 1 : 0, schedule))
                }
            }
            if let next { try await store.move(scenario.name, to: next) }
            return isNew ? outcomes.count { $0.outcome == "ran" } : 0
        }
    }

    private func outcomes(
        _ moments: [Instant], _ catchUp: CatchUp, _ now: Instant
    ) -> [(due: Instant, outcome: String)] {
        moments.enumerated().map { index, moment in
            switch catchUp {
            case .all: (moment, "ran")
            case .once: (moment, index == moments.count - 1 ? "ran" : "merged")
            case .skip: (moment, moment.adding(seconds: Double(settings.graceSeconds)) < now ? "skipped" : "ran")
            }
        }
    }

    private func event(_ moment: Instant, missed: Int, _ schedule: Schedule) -> JSON {
        [
            "due_at": .string(moment.iso), "day": .string(LocalTime(moment, in: schedule.zone).isoDay),
            "missed": .integer(missed), "run": .string("due:" + moment.iso),
        ]
    }
}
