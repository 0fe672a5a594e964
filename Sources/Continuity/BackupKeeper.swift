internal import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer

/// What is due, and when.
public enum ScheduleRule {
    /// The kind of backup that is due; a full one when there is none. A set that ended later than now was made under a clock that
    /// was wrong, or is now: it would keep backups from being due until its hour comes, so it counts for nothing.
    public static func due(
        _ sets: [BackupSet], _ schedule: BackupSettings.Schedule, now: Int64
    ) -> BackupSet.Kind? {
        let sets = sets.filter { $0.stoppedAt <= now + clockTolerance }
        func age(_ kinds: Set<BackupSet.Kind>) -> Int64 {
            now - (sets.filter { kinds.contains($0.kind) }.map(\.stoppedAt).max() ?? .min / 2)
        }
        if age([.full]) >= Int64(schedule.fullEvery) { return .full }
        if age([.full, .diff]) >= Int64(schedule.differentialEvery) { return .diff }
        if age([.full, .diff, .incr]) >= Int64(schedule.incrementalEvery) { return .incr }
        return nil
    }

    private static let clockTolerance: Int64 = 300

    /// Sets that are damaged count for nothing, so that one is due again at once; but whoever damages them damages the next one
    /// too, and the disk fills: later each time.
    public static func due(
        _ sets: [BackupSet], damaged: [BackupSet], _ schedule: BackupSettings.Schedule, now: Int64
    ) -> BackupSet.Kind? {
        guard let kind = due(sets, schedule, now: now) else { return nil }
        let newest = sets.map(\.stoppedAt).max() ?? .min
        let since = damaged.map(\.stoppedAt).filter { $0 > newest }
        guard let last = since.max() else { return kind }
        return now - last >= backOff(since.count) ? kind : nil
    }

    /// Whether a drill is due, by when each was and whether it passed; after one that failed sooner than after one that did not,
    /// and later each time.
    public static func isDrillDue(_ drills: [(at: Int64, passed: Bool)], every: Int, now: Int64) -> Bool {
        guard let last = drills.last else { return true }
        let failures = drills.reversed().prefix { !$0.passed }.count
        return now - last.at >= (failures == 0 ? Int64(every) : min(Int64(every), backOff(failures)))
    }

    /// An hour, two, four, …, a day.
    static func backOff(_ failures: Int) -> Int64 { min(86_400, 3_600 << Int64(min(max(failures - 1, 0), 5))) }
}

/// Keeps the bank backed up: beats, receives the log, makes backups and drills when they are due, verifies, removes what may go.
public struct BackupKeeper: Sendable {
    let desk: BackupDesk

    private static let turn: Duration = .seconds(30)
    /// After a failure nothing is tried again at once.
    private static let patience: Duration = .seconds(300)
    public static let isKeptElsewhere = "keeper_is_running"

    public init(desk: BackupDesk) throws {
        self.desk = desk
        _ = try BackupSettings.load(desk.folder)
    }

    /// Runs until the task is cancelled. `report` gets a line for each thing that was done or went wrong. One keeper works on a
    /// bank; a second one is refused.
    public func run(report: @escaping @Sendable (String) -> Void) async throws {
        guard let lock = try FolderLock.tryHold(desk.folder.keeperLock) else {
            throw ContinuityError(
                code: "keeper_is_running",
                message: "another process keeps the backups of \(desk.folder.dataDirectory)",
                hint: "digitalbank serve and digitalbank backup run both do it; one is enough.", exitStatus: .conflict)
        }
        defer { try? lock.close() }
        let receiver = try LogReceiver(dataDirectory: desk.folder.dataDirectory)
        let watch = RansomwareWatch(desk: desk)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await receiver.run(report: report) }
            group.addTask { try await beat(report) }
            group.addTask { try await keep(receiver, report) }
            group.addTask { try await watch.run(report: report) }
            group.addTask { try await guardCommits(receiver, report) }
            // None of them ends by itself.
            try await group.next()
            group.cancelAll()
        }
    }

    /// In synchronous mode: lets commits go on without a receiver that is gone for long, and makes them wait again when it
    /// is back. The mode is looked up each time: `backup sync` turns it while we run.
    private func guardCommits(_ receiver: LogReceiver, _ report: @Sendable (String) -> Void) async throws {
        var seen = ContinuousClock.now
        var isOn = false
        while true {
            let settings = try? BackupSettings.load(desk.folder)
            if settings?.isSynchronous == true {
                let isThere = (try? await receiver.isStreaming()) ?? false
                if isThere { seen = .now }
                if isThere, !isOn {
                    try? await receiver.setSynchronous(true)
                    report("commits wait for the receiver")
                    await desk.close("receiver-lost", "receiver")
                    isOn = true
                } else if isOn, !isThere,
                    ContinuousClock.now - seen > .seconds(settings?.schedule.receiverPatience ?? 30)
                {
                    try? await receiver.setSynchronous(false)
                    report("ALARM high receiver-lost: commits no longer wait for the receiver, which is gone")
                    try await desk.journal.append(.alarm, "receiver", ["kind": "receiver-lost", "severity": "high"])
                    await desk.raise(.receiverLost)
                    isOn = false
                }
            } else if settings != nil {
                isOn = false
            }
            try Task.checkCancellation()
            try await Task.sleep(for: .seconds(1))
        }
    }

    private func beat(_ report: @Sendable (String) -> Void) async throws {
        var isFailing = false
        while true {
            do {
                let cluster = try Cluster.attach(desk.folder.cluster)
                try await desk.withBank(cluster) { database in
                    try await ContinuityStore(database: database).beat()
                    try await RelationMapStore(database: database).refresh()
                }
                isFailing = false
            } catch {
                try Task.checkCancellation()
                if !isFailing { report("no beat: \((error as? any Fault)?.message ?? "\(error)")") }
                isFailing = true
            }
            let every = (try? BackupSettings.load(desk.folder))?.schedule.beatEvery ?? 10
            try await Task.sleep(for: .seconds(every))
        }
    }

    private func keep(_ receiver: LogReceiver, _ report: @Sendable (String) -> Void) async throws {
        while true {
            do {
                let isWhole = try await turn(receiver, report)
                try await Task.sleep(for: isWhole ? Self.turn : Self.patience)
            } catch {
                try Task.checkCancellation()
                report("not done: \((error as? any Fault)?.description ?? "\(error)")")
                try await Task.sleep(for: Self.patience)
            }
        }
    }

    /// At most one backup, one drill and one verification. What fails keeps nothing else from being done; false then.
    func turn(_ receiver: LogReceiver, _ report: @Sendable (String) -> Void) async throws -> Bool {
        let settings = try BackupSettings.load(desk.folder)
        let now = Int64(desk.now().timeIntervalSince1970)
        let listed = try await desk.list()
        for trouble in listed.troubles { report(trouble) }
        let sound = listed.sets.filter { !$0.isDamaged }.map(\.set)
        var isWhole = true
        func attempt(_ work: () async throws -> Void) async throws {
            do {
                try await work()
            } catch {
                try Task.checkCancellation()
                isWhole = false
                report("not done: \((error as? any Fault)?.description ?? "\(error)")")
            }
        }
        try await attempt {
            let damaged = listed.sets.filter(\.isDamaged).map(\.set)
            guard let kind = ScheduleRule.due(sound, damaged: damaged, settings.schedule, now: now) else { return }
            let made = try await desk.make(kind)
            for set in made.sets { report("made \(set.label) in repository \(set.repository)") }
            for failure in made.failures { report(failure) }
        }
        try await attempt {
            guard !listed.sets.isEmpty,
                ScheduleRule.isDrillDue(try desk.journal.drills(), every: settings.schedule.drillEvery, now: now)
            else { return }
            let drill = try await Drill(desk: desk).run(Drill.Request())
            report("drill \(drill.passed ? "passed" : "FAILED"): \(drill.file)")
        }
        try await attempt {
            let every = Int64(settings.schedule.verifyEvery ?? 86_400)
            guard !listed.sets.isEmpty, now - (try desk.journal.newest(.verified) ?? 0) >= every else { return }
            let audit = try await desk.verify()
            report(audit.isSound ? "verified: sound" : "verified: \(audit.findings.count) findings")
        }
        try await attempt {
            guard
                let made = try await ExportDesk(folder: desk.folder, now: desk.now).makeWhenDue(
                    of: desk.bank, every: settings.schedule.exportEvery ?? 7 * 86_400)
            else { return }
            report("exported \(made.rows) rows of \(made.tables) tables: \(made.directory)")
        }
        try await attempt {
            for set in try await desk.expire(dryRun: false) {
                report("removed \(set.label) in repository \(set.repository)")
            }
        }
        // What the oldest set that stays needs is kept twice.
        if let oldest = sound.map(\.firstSegment).compactMap({ LogSegment($0) }).min() {
            receiver.prune(before: oldest)
        }
        return isWhole
    }
}
