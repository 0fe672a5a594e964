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
    private let known = Mutex<[String: String]>([:])
    private let problem = Mutex<String?>(nil)

    /// - Parameter clock: what schedules go by; the database's when nil.
    public init(
        database: Database, library: ScenarioLibrary, settings: AutomationSettings, secrets: SecretBox,
        functions: [String: AutomationFunction] = [:], clock: (@Sendable () async throws -> Instant)? = nil
    ) throws {
        self.database = database
        self.library = library
        self.settings = settings
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

    /// Makes scenarios, tables and schedules ready. Called again whenever scenarios may have changed.
    public func prepare() async throws {
        try await library.reload(database)
        let store = IntakeStore(database: database)
        let scenarios = library.active
        try await store.prepareBank()
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
        let named = Set(Self.tables(scenarios).map(\.table))
        for table in try await store.watched() where !named.contains(table) {
            try await store.unwatch(table)
            known.withLock { $0[table] = nil }
        }
        try await scheduler.keep(scenarios)
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
                    while try await self.intake.pass(self.library.active) > 0 {}
                }
            }
            group.addTask {
                await self.every(.seconds(1)) {
                    _ = try await self.scheduler.pass(self.library.active)
                    let now = try await ScheduleStore(database: self.database).now()
                    _ = try await self.thresholds.pass(self.library.active, now: now)
                }
            }
            group.addTask { await self.deliver() }
            group.addTask {
                let feed = ChangeFeed(database: self.database)
                await self.every(.seconds(5)) {
                    guard let slot = try await feed.prepare(self.library.active) else { return }
                    try await feed.read(slot) { self.library.active }
                }
            }
            group.addTask {
                await self.every(.seconds(600)) {
                    _ = try await HistoryStore(database: self.database).prune(
                        days: self.settings.historyDays, most: 5000)
                }
            }
        }
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
                for name in try await DeliveryStore(database: self.database).dueDestinations() where busy.enter(name) {
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
        var count = try await scheduler.pass(library.active)
        count += try await thresholds.pass(library.active, now: try await scheduler.clock())
        while true {
            let events = try await intake.pass(library.active)
            count += events
            if events == 0 { break }
        }
        for name in try await DeliveryStore(database: database).dueDestinations() {
            count += try await courier.drain(name)
        }
        return count
    }

    /// Schedules only.
    package func schedulePass() async throws -> Int { try await scheduler.pass(library.active) }

    /// Events into plans only.
    package func intakePass() async throws -> Int { try await intake.pass(library.active) }
}
