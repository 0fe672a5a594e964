internal import Diagnostics
internal import Foundation
public import Postgres
public import PostgresServer

/// Restores into a fresh cluster beside the running one, which is not touched.
public struct Restorer: Sendable {
    let desk: BackupDesk

    public init(desk: BackupDesk) { self.desk = desk }

    public struct Request: Sendable {
        public var target: RestoreTarget
        /// The new cluster's folder.
        public var directory: String
        /// A set and a repository; the newest sound one that fits when nil.
        public var label: String?
        public var repository: Int?
        /// Log that the receiver wrote, and that lies in the server's own folder, beside the archive.
        public var usesReceivedLog = true
        public var usesServerLog = true
        /// Thrown away after use: nothing is flushed, it ends with this process.
        public var isScratch = false

        public init(target: RestoreTarget, directory: String) {
            self.target = target
            self.directory = directory
        }
    }

    public struct Restored: Sendable {
        public let cluster: Cluster
        public let set: BackupSet
        public let restoreSeconds: Double
        public let recoverySeconds: Double
        /// How far the log was replayed, and the commit time of the last transaction there.
        public let replayed: LogPosition
        public let lastMoment: String?
        /// Log beyond the place where replay ended, which a hole keeps from being used.
        public let lost: [String]
    }

    public func restore(_ request: Request) async throws -> Restored {
        let settings = try BackupSettings.load(desk.folder)
        let kept = try KeptCluster.load(desk.folder)
        try await rebuildConfiguration(settings, kept)
        let backrest = try PgBackRest(folder: desk.folder)
        let inventory = try await backrest.inventory()
        let set = try choose(request, inventory)
        return try await restore(request, set, inventory, settings, kept, backrest)
    }

    /// The set that a request would restore.
    func chosen(_ request: Request) async throws -> BackupSet {
        try await rebuildConfiguration(try BackupSettings.load(desk.folder), try KeptCluster.load(desk.folder))
        return try choose(request, try await PgBackRest(folder: desk.folder).inventory())
    }

    private func restore(
        _ request: Request, _ set: BackupSet, _ inventory: Inventory, _ settings: BackupSettings, _ kept: KeptCluster,
        _ backrest: PgBackRest
    ) async throws -> Restored {
        try FreeSpace.check(set, at: request.directory)
        let begun = ContinuousClock.now
        let data = try await Cluster.makeFolderForRestore(request.directory)
        let log = try await SavedLog.gather(
            for: set, request, desk.folder, archived: settings.repositories, into: request.directory, like: data)
        try await backrest.run(
            "restore",
            [
                "--repo=\(set.repository)", "--set=\(set.label)", "--pg1-path=\(data)", "--archive-mode=off",
                "--lock-path=\(request.directory)/archive-lock",
                "--recovery-option=restore_command=\(try restoreCommand(backrest, data, settings, request))",
            ] + request.target.options)
        let restored = ContinuousClock.now
        let cluster = try await Cluster.adopt(options(request, kept), superuserPassword: kept.password)
        let end: RestoreEnd
        do {
            try await cluster.start(timeMax: .seconds(6 * 3600))
            end = try await finish(cluster, request.target)
        } catch {
            let words = cluster.logTail(lines: 6)
            try? await cluster.stop(.immediate)
            throw Self.explained(error, request.target, words)
        }
        let recovered = ContinuousClock.now
        return Restored(
            cluster: cluster, set: set, restoreSeconds: (restored - begun) / .seconds(1),
            recoverySeconds: (recovered - restored) / .seconds(1), replayed: end.replayed, lastMoment: end.moment,
            lost: lost(after: end.replayed, request, inventory, log))
    }

    // MARK: choosing

    private func choose(_ request: Request, _ inventory: Inventory) throws -> BackupSet {
        var epoch: Int64?
        if case .time(let text) = request.target {
            guard let seconds = Moment.seconds(of: text) else {
                throw ContinuityError.target("\(text) is no time with a zone")
            }
            epoch = seconds
        }
        let abandoned = try desk.journal.abandoned()
        let repositories = Set(inventory.sets.map(\.repository))
        let known = try Dictionary(
            uniqueKeysWithValues: repositories.map { ($0, try desk.journal.knowledge(of: $0).damaged) })
        let signed = try Dictionary(uniqueKeysWithValues: repositories.map { ($0, try signedLabels($0)) })
        var candidates: [BackupSet] = []
        for set in inventory.sets where request.repository == nil || set.repository == request.repository {
            guard inventory.troubles[set.repository] == nil else { continue }
            if let label = request.label {
                if set.label == label { candidates.append(set) }
                continue
            }
            let parts = [set.label] + set.references
            guard !set.hasBadPages, known[set.repository]?.isDisjoint(with: parts) ?? true,
                request.target.admits(set, epoch: epoch),
                signed[set.repository]?.map({ $0.isSuperset(of: parts) }) ?? true,
                !abandoned.contains(where: { $0.covers(set) })
            else { continue }
            candidates.append(set)
        }
        guard let set = candidates.max(by: { ($0.stoppedAt, -$0.repository) < ($1.stoppedAt, -$1.repository) }) else {
            throw ContinuityError.noSet("reaches \(request.target)")
        }
        return set
    }

    /// Of a set without a signed list nobody knows what its files were: it is taken only where the repository has no lists at
    /// all, since they were lost with the server. Nil then.
    private func signedLabels(_ repository: Int) throws -> Set<String>? {
        var broken: [String] = []
        let signed = Set(try RepositoryManifest.all(desk.folder, of: repository, problems: &broken).map(\.label))
        return signed.isEmpty && broken.isEmpty ? nil : signed
    }

    private func options(_ request: Request, _ kept: KeptCluster) -> Cluster.Options {
        var options = kept.options
        options.directory = request.directory
        if request.isScratch {
            options.port = nil
            options.outlivesOwner = false
            options.isRemovedWithOwner = true
            options.isDurable = true
            // Replay demands as many connections and workers as the origin had; the rest is made small and fast.
            options.settings.merge([
                "fsync": "off", "full_page_writes": "off", "shared_buffers": "128MB", "autovacuum": "off",
                "max_wal_size": "16GB", "logging_collector": "off", "synchronous_standby_names": "",
                "archive_mode": "off", "checkpoint_timeout": "1h",
            ]) { $1 }
        } else {
            options.port = kept.options.port == nil ? nil : 0
            // Whoever asked for it goes on with it when we have ended.
            options.outlivesOwner = true
            options.settings["synchronous_standby_names"] = ""
        }
        return options
    }

    /// The live cluster may be gone, and pgbackrest.conf with it.
    private func rebuildConfiguration(_ settings: BackupSettings, _ kept: KeptCluster) async throws {
        guard !FileManager.default.fileExists(atPath: desk.folder.configuration) else { return }
        let configuration = PgBackRestConfiguration(
            folder: desk.folder, settings: settings, passPhrase: try await RepositoryKey.passPhrase(desk.folder),
            dataPath: desk.folder.cluster + "/data", socket: desk.folder.cluster + "/socket",
            port: kept.options.port ?? 5432, user: kept.options.superuser)
        try Cluster.writeServerFile(configuration.text(), to: desk.folder.configuration)
    }

    /// A script of the restored cluster's own that brings one segment.
    private func restoreCommand(
        _ backrest: PgBackRest, _ data: String, _ settings: BackupSettings, _ request: Request
    ) throws -> String {
        let archive =
            "\(backrest.program) --config='\(desk.folder.configuration)' --stanza=\(BackupSettings.stanza)"
            + " --pg1-path='\(data)' --lock-path='\(request.directory)/archive-lock'"
            + " --spool-path='\(request.directory)/archive-spool' --log-level-file=off"
        let repositories = request.repository.map { [$0] } ?? Array(1...settings.repositories.count)
        let script = LogFetch(
            archive: archive,
            lister: "\(backrest.program) --config='\(desk.folder.configuration)' --log-level-file=off",
            only: request.repository, repositories: repositories,
            roots: settings.repositories.filter { $0.hasPrefix("/") },
            remotes: repositories.filter { settings.repositories[$0 - 1].hasPrefix(BucketPlace.scheme) },
            saved: request.directory + "/saved-log", refused: Self.refusals(request.directory))
        let path = request.directory + "/saved-log/fetch-log.sh"
        try Cluster.writeServerFile(script.text, to: path)
        return "/bin/sh \"\(path)\" %f \"%p\""
    }

    private static func refusals(_ directory: String) -> String { directory + "/saved-log/refused" }

    // MARK: the end

    struct RestoreEnd: Sendable {
        let replayed: LogPosition
        let moment: String?
    }

    private static let promotionMax: Duration = .seconds(6 * 3600)

    /// Waits until replay is over and the cluster is its own.
    private func finish(_ cluster: Cluster, _ target: RestoreTarget) async throws -> RestoreEnd {
        let deadline = ContinuousClock.now + Self.promotionMax
        while ContinuousClock.now < deadline {
            guard cluster.isRunning || cluster.status != .stopped else {
                throw ContinuityError.notReached("\(target)", cluster.logTail(lines: 6))
            }
            if let state = try? await cluster.withSuperuser({ try await RecoveryStateStore.state($0) }),
                !state.isInRecovery
            {
                for statement in ContinuityStore.forgetRecovery {
                    try await cluster.withSuperuser { try await $0.run(statement) }
                }
                try await cluster.withSuperuser { try await $0.run(ContinuityStore.reload) }
                return RestoreEnd(replayed: LogPosition(state.replayed) ?? LogPosition(0), moment: state.moment)
            }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw ContinuityError.notReached("\(target)", "replay did not end")
    }

    private static func explained(_ error: any Error, _ target: RestoreTarget, _ words: String) -> any Error {
        if words.contains("recovery ended before configured recovery target was reached") {
            return ContinuityError.notReached("\(target)", "the log that there is ends before it")
        }
        if error is ContinuityError { return error }
        return ContinuityError(
            code: "restore_failed",
            message: "the restored cluster did not start: \((error as? any Fault)?.message ?? "\(error)")\n\(words)",
            hint: "Try another set: digitalbank backup list, then --set LABEL.", exitStatus: .unsound)
    }

    /// Segments that exist beyond the end of replay: when the end of the log was asked for, they are lost behind a hole.
    private func lost(
        after replayed: LogPosition, _ request: Request, _ inventory: Inventory, _ log: SavedLog
    ) -> [String] {
        guard case .newest = request.target else { return [] }
        let refused = (try? String(contentsOfFile: Self.refusals(request.directory), encoding: .utf8)) ?? ""
        var told = Set(refused.split(separator: "\n").map(String.init)).sorted().map {
            "every copy of the segment \($0) is damaged: what was committed from \(replayed) on is lost"
        }
        // The place behind the last byte of a segment is the first of the next.
        let end = LogPosition(replayed.rawValue == 0 ? 0 : replayed.rawValue - 1)
        told += Self.beyond(end, archive(request, inventory), log, replayed)
        return told
    }

    private func archive(_ request: Request, _ inventory: Inventory) -> LogSegment? {
        inventory.newestSegments.filter { request.repository == nil || request.repository == $0.key }.values.max()
    }

    /// What is there and was not replayed. Every archived segment holds something; of a received one the reader says it.
    private static func beyond(
        _ end: LogPosition, _ archived: LogSegment?, _ log: SavedLog, _ replayed: LogPosition
    ) -> [String] {
        let newest = ([archived] + log.ends.filter { $0.value.map { $0 > end } ?? false }.keys.map { $0 })
            .compactMap(\.self).max()
        if let newest {
            let reached = LogSegment(timeline: newest.timeline, holding: end)
            if newest.number > reached.number || log.ends[newest].map({ ($0 ?? LogPosition(0)) > end }) ?? false {
                return [
                    "the log ends at \(replayed) in segment \(reached); segments up to \(newest) are there and a hole keeps "
                        + "them from being used: what was committed after that place is lost"
                ]
            }
        }
        let unreadable = log.unreadable.first { $0.number >= LogSegment(timeline: $0.timeline, holding: end).number }
        return unreadable.map {
            ["the newest segment \($0) can not be read: what was committed from \(replayed) on may be lost"]
        } ?? []
    }
}

/// Times as people and PostgreSQL write them.
enum Moment {
    /// `2026-11-29 10:00:00+01`, `2026-11-29T10:00:00.250Z`; nil without a zone.
    static func seconds(of text: String) -> Int64? {
        var text = text.trimmingCharacters(in: .whitespaces).replacing(" ", with: "T")
        if let dot = text.firstIndex(of: ".") {
            let digits = text[text.index(after: dot)...].prefix { $0.isNumber }
            text.removeSubrange(dot..<digits.endIndex)
        }
        if let sign = text.lastIndex(where: { $0 == "+" || $0 == "-" }),
            text.distance(from: text.startIndex, to: sign) > 10
        {
            let zone = text[text.index(after: sign)...].replacing(":", with: "")
            guard zone.count == 2 || zone.count == 4, zone.allSatisfy(\.isNumber) else { return nil }
            text = text[..<sign] + String(text[sign]) + zone.prefix(2) + ":" + (zone.count == 4 ? zone.suffix(2) : "00")
        } else if !text.hasSuffix("Z") {
            return nil
        }
        let formatter = ISO8601DateFormatter()
        return formatter.date(from: text).map { Int64($0.timeIntervalSince1970) }
    }

    static func text(_ seconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(seconds)).formatted(.iso8601)
    }
}
