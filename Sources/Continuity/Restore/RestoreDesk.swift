internal import Evidence
internal import Foundation
internal import Postgres
internal import PostgresServer

/// A restore for good: beside the living bank, checked, and put in its place when the operator says so.
public struct RestoreDesk: Sendable {
    let desk: BackupDesk

    public init(desk: BackupDesk) { self.desk = desk }

    public struct Outcome: Sendable {
        public let directory: String
        public let lines: [String]
        public let isSound: Bool
    }

    /// Restores, rebuilds derived state, checks. The cluster stays up, beside the living one.
    public func restore(_ request: Restorer.Request) async throws -> Outcome {
        let restored = try await Restorer(desk: desk).restore(request)
        let database = Database(restored.cluster.configuration(database: desk.bank))
        let derived: [String]
        let checks: [DrillCheck]
        do {
            derived = try await DerivedState(database: database).rebuild()
            checks = try await DrillChecker(folder: desk.folder, cluster: restored.cluster, database: database).run(nil)
            try await EvidenceJournal.append(
                EvidenceEvent(
                    "continuity.restored", restored.set.label,
                    fields: [
                        "target": "\(request.target)", "reached": "\(restored.replayed)",
                        "moment": restored.lastMoment ?? "",
                    ], actor: "operator"), in: database)
        } catch {
            await database.close()
            throw error
        }
        await database.close()
        try await desk.journal.append(
            .restored, request.directory,
            [
                "label": restored.set.label, "target": "\(request.target)", "reached": "\(restored.replayed)",
                "moment": restored.lastMoment ?? "",
            ])
        let failed = checks.filter { !$0.passed }
        var lines = [
            "restored     \(restored.set.label) into \(request.directory), to \(request.target)",
            "last proven  \(restored.lastMoment ?? "the backup itself"), log position \(restored.replayed)",
            "took         \(DrillReport.seconds(restored.restoreSeconds)) to copy, "
                + "\(DrillReport.seconds(restored.recoverySeconds)) to replay",
        ]
        lines += restored.lost.map { "LOST         \($0)" }
        lines += derived.map { "rebuilt      \($0)" }
        lines += checks.map { ($0.passed ? "ok           " : "FAILED       ") + "\($0.name): \($0.detail)" }
        lines.append(
            failed.isEmpty
                ? "put it in the living bank's place with: digitalbank restore switch \(request.directory)"
                : "it is not put in the living bank's place: \(failed.count) checks failed")
        return Outcome(directory: request.directory, lines: lines, isSound: failed.isEmpty)
    }

    /// The moment before an incident's first act: what the detection wrote down.
    public func target(before incident: String) async throws -> RestoreTarget {
        let cluster = try Cluster.attach(desk.folder.cluster)
        let moment = try await desk.withBank(cluster) {
            try await ContinuityStore(database: $0).firstAct(of: incident)
        }
        guard let moment else { throw ContinuityError.target("there is no incident \(incident) with a first act") }
        return .time(moment)
    }

    /// Puts a restored cluster in the living one's place, which is kept beside. Both are stopped meanwhile.
    public func switchOver(to directory: String) async throws -> [String] {
        let restored = try Cluster.attach(directory)
        let place = desk.folder.cluster
        let kept = try KeptCluster.load(desk.folder)
        let stamp = Moment.text(Int64(desk.now().timeIntervalSince1970)).replacing(":", with: "").replacing(
            "-", with: "")
        let aside = place + ".before-" + stamp
        if restored.isRunning {
            for statement in [ContinuityStore.archivingAgain] {
                try await restored.withSuperuser { try await $0.run(statement) }
            }
        }
        try await restored.stop(.fast)
        if let living = try? Cluster.attach(place) { try await living.stop(.fast) }
        if FileManager.default.fileExists(atPath: place) {
            guard rename(place, aside) == 0 else {
                throw ContinuityError.file("move", place, String(cString: strerror(errno)))
            }
        }
        guard rename(directory, place) == 0 else {
            throw ContinuityError.file("move", directory, String(cString: strerror(errno)))
        }
        var options = kept.options
        options.directory = place
        let cluster = try await Cluster.adopt(options, superuserPassword: kept.password)
        try await cluster.start()
        try await desk.writeConfiguration(try BackupSettings.load(desk.folder), cluster)
        try await desk.journal.append(.restored, place, ["switched": directory, "aside": aside])
        return [
            "the bank is the restored one now; the one before is in \(aside)",
            "make a full backup now: digitalbank backup now --type full",
        ]
    }
}

extension RestoreTarget {
    /// A place in the log as PostgreSQL writes it.
    public static func position(_ text: String, isIncluded: Bool = true) throws -> RestoreTarget {
        guard let position = LogPosition(text) else { throw ContinuityError.target("\(text) is no place in the log") }
        return .position(position, isIncluded: isIncluded)
    }
}
