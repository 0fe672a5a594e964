internal import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer

/// What is due, and when.
public enum ScheduleRule {
    /// The kind of backup that is due; a full one when there is none.
    public static func due(
        _ sets: [BackupSet], _ schedule: BackupSettings.Schedule, now: Int64
    ) -> BackupSet.Kind? {
        func age(_ kinds: Set<BackupSet.Kind>) -> Int64 {
            now - (sets.filter { kinds.contains($0.kind) }.map(\.stoppedAt).max() ?? .min / 2)
        }
        if age([.full]) >= Int64(schedule.fullEvery) { return .full }
        if age([.full, .diff]) >= Int64(schedule.differentialEvery) { return .diff }
        if age([.full, .diff, .incr]) >= Int64(schedule.incrementalEvery) { return .incr }
        return nil
    }
}

/// Keeps the bank backed up: beats, receives the log, makes backups and drills when they are due, removes what may go.
public struct BackupKeeper: Sendable {
    let desk: BackupDesk
    let settings: BackupSettings

    private static let turn: Duration = .seconds(30)
    /// After a failure nothing is tried again at once.
    private static let patience: Duration = .seconds(300)

    public init(desk: BackupDesk) throws {
        self.desk = desk
        settings = try BackupSettings.load(desk.folder)
    }

    /// Runs until the task is cancelled. `report` gets a line for each thing that was done or went wrong.
    public func run(report: @escaping @Sendable (String) -> Void) async throws {
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
    /// is back.
    private func guardCommits(_ receiver: LogReceiver, _ report: @Sendable (String) -> Void) async throws {
        guard settings.isSynchronous == true else { return try await Task.sleep(for: .seconds(365 * 86_400)) }
        var seen = ContinuousClock.now
        var isOn = false
        while true {
            let isThere = (try? await receiver.isStreaming()) ?? false
            if isThere { seen = .now }
            if isThere, !isOn {
                try? await receiver.setSynchronous(true)
                report("commits wait for the receiver")
                isOn = true
            } else if isOn, !isThere, ContinuousClock.now - seen > .seconds(settings.schedule.receiverPatience) {
                try? await receiver.setSynchronous(false)
                report("ALARM high receiver-lost: commits no longer wait for the receiver, which is gone")
                try await desk.journal.append(.alarm, "receiver", ["kind": "receiver-lost", "severity": "high"])
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
            try await Task.sleep(for: .seconds(settings.schedule.beatEvery))
        }
    }

    private func keep(_ receiver: LogReceiver, _ report: @Sendable (String) -> Void) async throws {
        while true {
            do {
                try await turn(receiver, report)
                try await Task.sleep(for: Self.turn)
            } catch {
                try Task.checkCancellation()
                report("not done: \((error as? any Fault)?.description ?? "\(error)")")
                try await Task.sleep(for: Self.patience)
            }
        }
    }

    /// At most one backup and one drill.
    func turn(_ receiver: LogReceiver, _ report: @Sendable (String) -> Void) async throws {
        let now = Int64(desk.now().timeIntervalSince1970)
        let listed = try await desk.list()
        for trouble in listed.troubles { report(trouble) }
        let sound = listed.sets.filter { !$0.isDamaged }.map(\.set)
        if let kind = ScheduleRule.due(sound, settings.schedule, now: now) {
            let made = try await desk.make(kind)
            for set in made.sets { report("made \(set.label) in repository \(set.repository)") }
            for failure in made.failures { report(failure) }
        }
        let proofs = try settings.repositories.indices.flatMap { try desk.journal.knowledge(of: $0 + 1).proved.values }
        if now - (proofs.max() ?? 0) >= Int64(settings.schedule.drillEvery), !sound.isEmpty {
            let drill = try await Drill(desk: desk).run(Drill.Request())
            report("drill \(drill.passed ? "passed" : "FAILED"): \(drill.file)")
        }
        if let made = try await ExportDesk(folder: desk.folder, now: desk.now).makeWhenDue(
            of: desk.bank, every: settings.schedule.exportEvery ?? 7 * 86_400)
        {
            report("exported \(made.rows) rows of \(made.tables) tables: \(made.directory)")
        }
        for set in try await desk.expire(dryRun: false) {
            report("removed \(set.label) in repository \(set.repository)")
        }
        // What the oldest set that stays needs is kept twice.
        if let oldest = sound.map(\.firstSegment).compactMap({ LogSegment($0) }).min() {
            receiver.prune(before: oldest)
        }
    }
}
