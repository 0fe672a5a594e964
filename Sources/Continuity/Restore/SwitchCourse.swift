internal import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer

/// The steps of `restore switch`, in their order.
enum SwitchStep: String, Sendable, CaseIterable {
    case prepare
    case note
    case stop
    case moveAside = "move-aside"
    case moveIn = "move-in"
    case adopt
    case forsake
    case start
    // From here on the restored bank is up, and may have booked something: nothing is put back any more.
    case configure
    case record
}

/// One switch: two folders change places. Until the restored bank is up every step is taken back when one fails; the journal
/// has its beginning and its end, so that one that was killed in between can be ended by the next.
struct SwitchCourse: Sendable {
    let desk: BackupDesk
    let place: String
    let directory: String
    let aside: String
    let receivedAside: String
    /// How far the restored bank reaches.
    let reached: String
    /// The timeline that it went on, and whether the bank ran, of a switch that was begun.
    private let begun: (timeline: String, wasRunning: Bool)?
    /// What goes wrong before a step.
    let fault: @Sendable (SwitchStep) throws -> Void

    init(
        desk: BackupDesk, directory: String, stamp: String, reached: String,
        fault: @escaping @Sendable (SwitchStep) throws -> Void
    ) {
        self.desk = desk
        self.directory = directory
        self.reached = reached
        self.fault = fault
        place = desk.folder.cluster
        aside = place + ".before-" + stamp
        receivedAside = desk.folder.receivedLog + ".before-" + stamp
        begun = nil
    }

    init(
        desk: BackupDesk, begun entry: ContinuityJournal.Entry, fault: @escaping @Sendable (SwitchStep) throws -> Void
    ) {
        self.desk = desk
        self.fault = fault
        place = desk.folder.cluster
        directory = entry.fields["switched"] ?? ""
        aside = entry.fields["aside"] ?? ""
        receivedAside = entry.fields["received"] ?? ""
        reached = entry.fields["reached"] ?? ""
        begun = (entry.fields["timeline"] ?? "", entry.fields["running"] == "true")
    }

    func run() async throws -> RestoreDesk.Switched {
        _ = try BackupSettings.load(desk.folder)
        let kept = try KeptCluster.load(desk.folder)
        let restored = try Cluster.attach(directory)
        try fault(.prepare)
        let timeline = "\(try await prepare(restored))"
        let living = try? Cluster.attach(place)
        let wasRunning = living?.isRunning ?? false
        try fault(.note)
        try await desk.journal.append(
            .switching, place,
            [
                "switched": directory, "aside": aside, "received": receivedAside, "timeline": timeline,
                "reached": reached, "running": "\(wasRunning)",
            ])
        var step = SwitchStep.stop
        do {
            try fault(step)
            try await living?.stop(.fast)
            step = .moveAside
            try fault(step)
            if isThere(place) { try move(place, aside) }
            step = .moveIn
            try fault(step)
            try move(directory, place)
            step = .adopt
            let cluster = try await bringUp(kept, &step)
            return await finish(cluster, timeline)
        } catch {
            throw await putBack(step, error, restored.options, restored.superuserPassword, wasRunning: wasRunning)
        }
    }

    /// Ends a switch that was killed: forward when the restored bank stands in its place already, else back.
    func resume() async throws -> RestoreDesk.Switched {
        let (timeline, wasRunning) = begun ?? ("", false)
        guard !isThere(directory), isThere(place) else {
            var troubles: [String] = []
            await takeBack(wasRunning: wasRunning, &troubles)
            guard troubles.isEmpty else { throw Self.stuck("it was interrupted", aside, troubles) }
            try await desk.journal.append(.switchedBack, place, ["switched": directory, "reason": "interrupted"])
            return RestoreDesk.Switched(
                lines: ["the switch to \(directory) that was interrupted is taken back"], isWhole: true)
        }
        var step = SwitchStep.adopt
        let kept = try KeptCluster.load(desk.folder)
        // As it stands there, told or not told yet that it lives in the bank's place.
        var options = (try? Cluster.attach(place))?.options ?? kept.options
        options.directory = directory
        let cluster: Cluster
        do {
            cluster = try await bringUp(kept, &step)
        } catch {
            throw await putBack(step, error, options, kept.password, wasRunning: wasRunning)
        }
        let ended = await finish(cluster, timeline)
        return RestoreDesk.Switched(
            lines: ["the switch to \(directory) that was interrupted is finished"] + ended.lines, isWhole: ended.isWhole
        )
    }

    // MARK: forward

    /// Switches archiving on in it, by this bank's command; ends it. Returns the timeline that it went on.
    private func prepare(_ restored: Cluster) async throws -> UInt32 {
        let command = PgBackRestConfiguration.archiveCommand(desk.folder, program: try PgBackRest.find())
        if !restored.isRunning { try await restored.start() }
        let archiver = try await desk.withBank(restored) { database in
            for statement in ContinuityStore.archiving(command: command) { try await database.run(statement) }
            return try await ContinuityStore(database: database).archiver()
        }
        try await restored.stop(.fast)
        guard let timeline = LogSegment(archiver.current)?.timeline else {
            throw ContinuityError.answer("the segment \(archiver.current)")
        }
        return timeline
    }

    private func bringUp(_ kept: KeptCluster, _ step: inout SwitchStep) async throws -> Cluster {
        step = .adopt
        try fault(step)
        var options = kept.options
        options.directory = place
        options.outlivesOwner = true
        options.isRemovedWithOwner = false
        let attached = try? Cluster.attach(place)
        if let attached, attached.isRunning { return attached }
        let cluster = try await Cluster.adopt(options, superuserPassword: kept.password)
        step = .forsake
        try fault(step)
        try forsakeReceived()
        step = .start
        try fault(step)
        try await cluster.start()
        return cluster
    }

    /// What was received is of the log that the bank left: a receiver that went on there would find no way.
    private func forsakeReceived() throws {
        let received = desk.folder.receivedLog
        let names = (try? FileManager.default.contentsOfDirectory(atPath: received)) ?? []
        guard !names.isEmpty, !isThere(receivedAside) else { return }
        try move(received, receivedAside)
        try ContinuityFolder.make(received, mode: 0o700)
    }

    private func finish(_ cluster: Cluster, _ timeline: String) async -> RestoreDesk.Switched {
        var lines = ["the bank is the restored one now; the one before is in \(aside)"]
        if isThere(receivedAside) { lines.append("the log that was received of it is in \(receivedAside)") }
        var isWhole = true
        do {
            try fault(.configure)
            try await desk.writeConfiguration(try BackupSettings.load(desk.folder), cluster)
        } catch {
            isWhole = false
            lines.append("NOT DONE  pgbackrest's configuration: \(Self.words(error)); the next backup writes it")
        }
        do {
            try fault(.record)
            try await desk.journal.append(
                .restored, place,
                ["switched": directory, "aside": aside, "timeline": timeline, "reached": reached])
        } catch {
            isWhole = false
            lines.append(
                "NOT NOTED  in the journal: \(Self.words(error)); say restore switch once more when it is mended")
        }
        let troubles = await KeptRecords.keep(desk.folder)
        return RestoreDesk.Switched(
            lines: lines + troubles + ["make a full backup now: digitalbank backup now --type full"],
            isWhole: isWhole && troubles.isEmpty)
    }

    // MARK: back

    private func putBack(
        _ step: SwitchStep, _ cause: any Error, _ options: Cluster.Options, _ password: String, wasRunning: Bool
    ) async -> ContinuityError {
        var troubles: [String] = []
        if !isThere(directory) {
            await attempt("stop the restored one", &troubles) { try await Cluster.attach(place).stop(.immediate) }
            await attempt("move the restored one back", &troubles) { try move(place, directory) }
            // It was told to live in the bank's place: with a socket there it would meet the bank's own.
            await attempt("tell the restored one where it is", &troubles) {
                _ = try await Cluster.adopt(options, superuserPassword: password)
            }
        }
        await takeBack(wasRunning: wasRunning, &troubles)
        let reason = Self.words(cause)
        let before = troubles.joined(separator: "; ")
        await attempt("tell the journal", &troubles) {
            try await desk.journal.append(
                .switchedBack, place,
                [
                    "switched": directory, "step": step.rawValue, "reason": String(reason.prefix(500)),
                    "troubles": before,
                ])
        }
        guard troubles.isEmpty else { return Self.stuck("\(step.rawValue): \(reason)", aside, troubles) }
        return ContinuityError(
            code: "restore_switch_failed",
            message: "the switch failed at \(step.rawValue): \(reason); the bank before is in its place again",
            hint: "Mend what it names, then say restore switch \(directory) again.", exitStatus: .environment)
    }

    /// The bank before, and the log that was received of it, to their places.
    private func takeBack(wasRunning: Bool, _ troubles: inout [String]) async {
        if isThere(aside), !isThere(place) {
            await attempt("move the bank back", &troubles) { try move(aside, place) }
        }
        if isThere(receivedAside) {
            await attempt("move the received log back", &troubles) {
                let received = desk.folder.receivedLog
                if isThere(received) { try move(received, receivedAside + ".unused") }
                try move(receivedAside, received)
                rmdir(receivedAside + ".unused")
            }
        }
        guard wasRunning else { return }
        await attempt("start the bank", &troubles) { try await Cluster.attach(place).start() }
    }

    private func attempt(_ what: String, _ troubles: inout [String], _ work: () async throws -> Void) async {
        do { try await work() } catch { troubles.append("\(what): \(Self.words(error))") }
    }

    private static func stuck(_ reason: String, _ aside: String, _ troubles: [String]) -> ContinuityError {
        ContinuityError(
            code: "restore_switch_stuck",
            message: "the switch failed (\(reason)) and could not be taken back: \(troubles.joined(separator: "; "))",
            hint:
                "The bank before is in its place or in \(aside): docs/runbooks/lost-server.md says how to put it back.",
            exitStatus: .unsound)
    }

    private static func words(_ error: any Error) -> String { (error as? any Fault)?.message ?? "\(error)" }

    private func isThere(_ path: String) -> Bool { !path.isEmpty && FileManager.default.fileExists(atPath: path) }

    private func move(_ source: String, _ target: String) throws {
        guard rename(source, target) == 0 else {
            throw ContinuityError.file("move", source, String(cString: strerror(errno)))
        }
    }
}
