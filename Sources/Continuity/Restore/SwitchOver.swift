internal import Foundation
internal import Postgres
internal import PostgresServer

extension RestoreDesk {
    /// Puts a restored cluster in the living one's place, which is kept beside. Both are stopped meanwhile. When the restored one
    /// does not come up there, the one before is put back and started.
    ///
    /// - Parameter despiteFailed: although a check of it failed, or nobody checked it.
    public func switchOver(to directory: String, despiteFailed: Bool = false) async throws -> [String] {
        let place = desk.folder.cluster
        let directory = URL(filePath: directory).standardizedFileURL.path
        let entry = try desk.journal.entries().last {
            $0.kind == .restored && URL(filePath: $0.subject).standardizedFileURL.path == directory
        }
        try Self.checkVerdict(entry, directory, despiteFailed)
        try Self.checkDisk(directory, place)
        let settings = try BackupSettings.load(desk.folder)
        let kept = try KeptCluster.load(desk.folder)
        let timeline = try await prepare(try Cluster.attach(directory))
        let living = try? Cluster.attach(place)
        let wasRunning = living?.isRunning ?? false
        try await living?.stop(.fast)
        let moves = Moves(place: place, directory: directory, aside: place + ".before-" + stamp)
        try moves.forward()
        let cluster: Cluster
        do {
            var options = kept.options
            options.directory = place
            options.outlivesOwner = true
            cluster = try await Cluster.adopt(options, superuserPassword: kept.password)
            try await cluster.start()
            try await desk.writeConfiguration(settings, cluster)
        } catch {
            try? await Cluster.attach(place).stop(.immediate)
            try moves.back()
            if wasRunning { try await Cluster.attach(place).start() }
            throw error
        }
        var lines = ["the bank is the restored one now; the one before is in \(moves.aside)"]
        lines += try forsakeReceived()
        try await desk.journal.append(
            .restored, place,
            [
                "switched": directory, "aside": moves.aside, "timeline": "\(timeline)",
                "reached": entry?.fields["reached"] ?? "",
            ])
        _ = await KeptRecords.keep(desk.folder)
        return lines + ["make a full backup now: digitalbank backup now --type full"]
    }

    private var stamp: String {
        Moment.text(Int64(desk.now().timeIntervalSince1970)).replacing(":", with: "").replacing("-", with: "")
    }

    private static func checkVerdict(_ entry: ContinuityJournal.Entry?, _ directory: String, _ despiteFailed: Bool)
        throws
    {
        let failed = entry.map { $0.fields["failed"] ?? "" }
        guard !despiteFailed, failed?.isEmpty != true else { return }
        throw ContinuityError(
            code: "restored_not_sound",
            message: failed.map { "\(directory) failed its checks: \($0)" }
                ?? "\(directory) was not checked by a restore",
            hint: "Restore to another moment, or say --despite-failed-checks.", exitStatus: .unsound)
    }

    /// A folder is moved within one file system only; found out before anything is stopped.
    private static func checkDisk(_ directory: String, _ place: String) throws {
        var from = stat()
        var to = stat()
        let parent = (place as NSString).deletingLastPathComponent
        guard stat(directory, &from) == 0, stat(parent, &to) == 0 else {
            throw ContinuityError.file("read", directory, String(cString: strerror(errno)))
        }
        guard from.st_dev == to.st_dev else {
            throw ContinuityError(
                code: "restored_on_another_disk", message: "\(directory) is not on the disk of \(place)",
                hint: "Restore to a folder beside it: digitalbank restore --into \(parent)/restored.",
                exitStatus: .conflict)
        }
    }

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

    /// What was received is of the log that the bank left: a receiver that went on there would find no way.
    private func forsakeReceived() throws -> [String] {
        let received = desk.folder.receivedLog
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: received), !names.isEmpty else {
            return []
        }
        let aside = received + ".before-" + stamp
        guard rename(received, aside) == 0 else {
            throw ContinuityError.file("move", received, String(cString: strerror(errno)))
        }
        try ContinuityFolder.make(received, mode: 0o700)
        return ["the log that was received of it is in \(aside)"]
    }
}

/// Two folders that change places, and back.
private struct Moves {
    let place: String
    let directory: String
    let aside: String

    func forward() throws {
        if FileManager.default.fileExists(atPath: place) { try Self.move(place, aside) }
        do {
            try Self.move(directory, place)
        } catch {
            if FileManager.default.fileExists(atPath: aside) { try Self.move(aside, place) }
            throw error
        }
    }

    func back() throws {
        try Self.move(place, directory)
        if FileManager.default.fileExists(atPath: aside) { try Self.move(aside, place) }
    }

    private static func move(_ source: String, _ target: String) throws {
        guard rename(source, target) == 0 else {
            throw ContinuityError.file("move", source, String(cString: strerror(errno)))
        }
    }
}
