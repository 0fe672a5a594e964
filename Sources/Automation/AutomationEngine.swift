internal import Diagnostics
internal import Foundation
public import Postgres
internal import Synchronization
internal import Web

/// The part of the bank that tells and acts: reads events, plans what scenarios make of them, delivers.
///
/// Any number of servers may run it on one database at once; each may die at any moment.
public final class AutomationEngine: Sendable {
    public let library: ScenarioLibrary
    let database: Database
    let settings: AutomationSettings
    private let courier: Courier
    private let intake: Intake
    private let scheduler: Scheduler
    private let thresholds: ThresholdWatcher
    private let functions: [String]
    private let known = Mutex<[String: String]>([:])
    /// What servers with newer scenarios leave to this one.
    private let generation = Mutex(Generation())
    private let problem = Mutex<String?>(nil)

    /// - Parameter clock: what schedules go by; the database's when nil.
    public init(
        database: Database, library: ScenarioLibrary, settings: AutomationSettings, secrets: SecretBox,
        functions: [String: AutomationFunction] = [:], clock: (@Sendable () async throws -> Instant)? = nil
    ) throws {
        self.database = database
        self.library = library
        self.settings = settings
        self.functions = functions.keys.sorted()
        let resolver = Resolver(addressGuard: try AddressGuard(networks: settings.networks))
        let channels = Channels(
            http: try HTTPSender(
                resolver: resolver, timeMax: settings.sendTimeMax, trusted: settings.trustedCertificates),
            smtp: SMTPSender(resolver: resolver, trusted: settings.trustedCertificates, timeMax: settings.sendTimeMax),
            secrets: secrets, functions: functions, database: database, attachmentsFolder: settings.attachmentsFolder)
        courier = Courier(
            database: database, channels: channels, settings: settings, owner: UUID().uuidString.lowercased())
        intake = Intake(database: database, settings: settings)
        scheduler = Scheduler(
            database: database, settings: settings,
            clock: clock ?? { try await ScheduleStore(database: database).now() })
        thresholds = ThresholdWatcher(database: database)
    }

    /// What the last pass that failed said; nil when all is well.
    public var lastProblem: String? { problem.withLock { $0 } }

    /// Makes scenarios, tables and schedules ready. Called again whenever scenarios may have changed, and often enough to
    /// be a sign of life. What servers with newer scenarios have made is left alone.
    public func prepare() async throws {
        try await library.reload(database)
        let store = IntakeStore(database: database)
        let scenarios = library.active
        try await store.prepareBank()
        let digest = Generation.digest(library.own)
        let left = generation.withLock { $0.digest }
        let now = try await GenerationStore(database: database).enter(
            digest, leaving: left, active: scenarios, functions: functions)
        generation.withLock { $0 = now }
        guard !now.stands else { return }
        for (table, triggers) in Self.tables(scenarios) {
            // Which table a scenario names may come later, with its capability.
            let (columns, operations) = Self.union(triggers.map(\.trigger))
            let filter = PushedFilter.of(triggers)
            let wanted = (columns + ["|"] + operations + ["|", filter.text]).joined(separator: ",")
            guard known.withLock({ $0[table] != wanted }) else { continue }
            do {
                let isThere = try await store.watch(
                    table, columns: columns, operations: operations, filter: filter)
                if isThere { known.withLock { $0[table] = wanted } }
            } catch let error as PostgresError where error.kind == .server {
                // A table that has other columns, or that is not ours, is no reason to stop the rest.
                problem.withLock { $0 = "\(table): \(error.message)" }
            }
        }
        // A document that can not be read here may be what another server goes by.
        let isWhole = library.problems.isEmpty
        let named = Set(Self.tables(scenarios).map(\.table)).union(now.keptSources)
        for table in isWhole ? try await store.watched() : [] where !named.contains(table) {
            try await store.unwatch(table)
            known.withLock { $0[table] = nil }
        }
        try await scheduler.keep(scenarios, andLeave: now.keptScenarios, forgets: isWhole)
    }

    /// Whether this server plans: none with newer scenarios is alive.
    private var plans: Bool { !generation.withLock { $0.stands } }

    /// Events of these sources are for servers with newer scenarios that are away for a moment.
    private func left(_ scenarios: [Scenario]) -> [String] {
        let kept = generation.withLock { $0.keptSources }
        guard !kept.isEmpty else { return [] }
        let own = Set(scenarios.map { $0.trigger.source($0.name) })
        return kept.filter { !own.contains($0) }
    }

    private static func tables(
        _ scenarios: [Scenario]
    ) -> [(table: String, triggers: [(trigger: TableTrigger, when: Condition)])] {
        let triggers = scenarios.compactMap { scenario -> (trigger: TableTrigger, when: Condition)? in
            if case .table(let table) = scenario.trigger { (table, scenario.when) } else { nil }
        }
        return Dictionary(grouping: triggers, by: \.trigger.table).sorted { $0.key < $1.key }
            .map { ($0.key, $0.value) }
    }

    private static func union(_ triggers: [TableTrigger]) -> (columns: [String], operations: [String]) {
        (
            Set(triggers.flatMap { $0.fields.map(\.name) }).sorted(), Set(triggers.flatMap(\.operations)).sorted()
        )
    }

    /// Works until the task is cancelled. A pass that fails is made again: what it began was undone.
    public func run() async throws {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.every(.seconds(5)) { try await self.prepare() } }
            group.addTask {
                await self.every(self.settings.pollEvery) {
                    while try await self.intakePass() > 0 {}
                }
            }
            group.addTask {
                await self.every(.seconds(1)) {
                    guard self.plans else { return }
                    _ = try await self.scheduler.pass(self.library.active)
                    let now = try await ScheduleStore(database: self.database).now()
                    _ = try await self.thresholds.pass(self.library.active, now: now)
                }
            }
            group.addTask { await self.deliver() }
            group.addTask {
                let feed = ChangeFeed(database: self.database)
                await self.every(.seconds(5)) {
                    let generation = self.generation.withLock { $0 }
                    guard !generation.stands,
                        let slot = try await feed.prepare(self.library.active, leaving: generation.keptSources)
                    else { return }
                    try await feed.read(slot) { self.plans ? self.library.active : [] }
                }
            }
            group.addTask {
                await self.every(.seconds(600)) { try await self.prune() }
            }
        }
    }

    /// Removes what is older than the history is kept, in pieces, until nothing is.
    package func prune(most: Int = 5000) async throws {
        let store = HistoryStore(database: database)
        while try await store.prune(days: settings.historyDays, most: most) >= most, !Task.isCancelled {}
        guard plans, library.problems.isEmpty else { return }
        let kept = generation.withLock { $0.keptScenarios }
        try await ThresholdStore(database: database).prune(
            days: settings.historyDays, known: library.all.map(\.name) + kept)
    }

    private func every(_ pause: Duration, _ work: () async throws -> Void) async {
        while !Task.isCancelled {
            do {
                try await work()
                try await Task.sleep(for: pause)
            } catch is CancellationError {
                return
            } catch {
                await failed(error)
            }
        }
    }

    private func failed(_ error: any Error) async {
        problem.withLock { $0 = (error as? any Fault)?.message ?? "\(type(of: error))" }
        try? await Task.sleep(for: .seconds(1))
    }

    /// Each destination has couriers of its own: a slow one holds up nobody else.
    private func deliver() async {
        let busy = Busy(most: settings.claimsAtOnce)
        await withDiscardingTaskGroup { group in
            await every(settings.pollEvery) {
                for name in try await DeliveryStore(database: self.database).dueDestinations(self.functions)
                where busy.enter(name) {
                    group.addTask {
                        do { try await self.courier.drain(name) } catch { await self.failed(error) }
                        busy.leave(name)
                    }
                }
            }
            group.cancelAll()
        }
    }

    /// How many couriers each destination has.
    private final class Busy: Sendable {
        private let counts = Mutex<[String: Int]>([:])
        private let most: Int

        init(most: Int) { self.most = most }

        func enter(_ name: String) -> Bool {
            counts.withLock { counts in
                guard counts[name, default: 0] < most else { return false }
                counts[name, default: 0] += 1
                return true
            }
        }

        func leave(_ name: String) { counts.withLock { $0[name, default: 1] -= 1 } }
    }

    // MARK: one step at a time, for tests, the command line and small deployments

    /// One look at everything; returns how much there was to do.
    @discardableResult
    public func pass() async throws -> Int {
        var count = 0
        if plans {
            count += try await scheduler.pass(library.active)
            count += try await thresholds.pass(library.active, now: try await scheduler.clock())
        }
        while true {
            let events = try await intakePass()
            count += events
            if events == 0 { break }
        }
        for name in try await DeliveryStore(database: database).dueDestinations(functions) {
            count += try await courier.drain(name)
        }
        return count
    }

    /// Schedules only.
    package func schedulePass() async throws -> Int { try await scheduler.pass(library.active) }

    /// Events into plans only.
    package func intakePass() async throws -> Int {
        guard plans else { return 0 }
        let scenarios = library.active
        return try await intake.pass(scenarios, leaving: left(scenarios))
    }
}
