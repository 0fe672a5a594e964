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

    /// Makes the schedules of these scenarios known, and forgets the others but for those of `left`.
    func keep(_ scenarios: [Scenario], andLeave left: [String] = [], forgets: Bool = true) async throws {
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
        if forgets { try await store.forget(except: names + left) }
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
        let schedules = Dictionary(
            scenarios.compactMap { scenario -> (String, (Scenario, Schedule, CatchUp))? in
                guard case .schedule(let schedule, let catchUp) = scenario.trigger else { return nil }
                return (scenario.name, (scenario, schedule, catchUp))
            }
        ) { first, _ in first }
        return try await database.transaction { tx in
            let store = ScheduleStore(database: tx)
            // Those of scenarios that this server does not have are for one that has them.
            guard let due = try await store.takeDue(at: now, of: Array(schedules.keys)),
                let (scenario, schedule, catchUp) = schedules[due.scenario]
            else { return nil }
            let first = Instant(microseconds: due.due)
            var moments = [first]
            var next = schedule.next(after: first)
            while let moment = next, moment <= now, moments.count < Self.missedMax {
                moments.append(moment)
                next = schedule.next(after: moment)
            }
            // There is more to catch up with: what follows has the run that stands for all.
            let isCut = next.map { $0 <= now } ?? false
            let outcomes = self.outcomes(moments, catchUp, now, isCut: isCut)
            let noted = try await store.note(scenario.name, outcomes)
            var ran = 0
            for (moment, outcome) in outcomes where outcome == "ran" && noted.contains(moment.microseconds) {
                ran += 1
                let missed = catchUp == .once ? try await store.merged(scenario.name, before: moment) : 0
                try await IntakeStore(database: tx).put(
                    source: scenario.trigger.source(scenario.name), operation: "due",
                    payload: event(moment, missed: missed, schedule))
            }
            if let next { try await store.move(scenario.name, to: next) }
            return ran
        }
    }

    private func outcomes(
        _ moments: [Instant], _ catchUp: CatchUp, _ now: Instant, isCut: Bool
    ) -> [(due: Instant, outcome: String)] {
        moments.enumerated().map { index, moment in
            switch catchUp {
            case .all: (moment, "ran")
            case .once: (moment, index == moments.count - 1 && !isCut ? "ran" : "merged")
            case .skip: (moment, moment.adding(seconds: Double(settings.graceSeconds)) < now ? "skipped" : "ran")
            }
        }
    }

    private func event(_ moment: Instant, missed: Int, _ schedule: Schedule) -> JSON {
        let local = moment.seconds + LocalTime.offset(of: schedule.zone, at: moment.seconds)
        return [
            "due_at": .string(moment.iso), "day": .string(LocalTime(seconds: local).isoDay),
            "day_before": .string(LocalTime(seconds: local - 86_400).isoDay),
            "missed": .integer(missed), "run": .string("due:" + moment.iso),
        ]
    }
}
