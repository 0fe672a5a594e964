internal import Evidence
internal import Foundation
internal import Postgres
internal import PostgresServer

/// A restore for good: beside the living bank, checked, and put in its place when the operator says so.
public struct RestoreDesk: Sendable {
    let desk: BackupDesk
    /// What goes wrong before a step of a switch; nothing but in tests.
    var fault: @Sendable (SwitchStep) throws -> Void = { _ in }

    public init(desk: BackupDesk) { self.desk = desk }

    public struct Outcome: Sendable {
        public let directory: String
        public let lines: [String]
        /// Every check passed, and nothing behind the last moment is known to be lost.
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
            checks = await DrillChecker(folder: desk.folder, cluster: restored.cluster, database: database).run()
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
        let failed = checks.filter { !$0.passed }
        try await desk.journal.append(
            .restored, request.directory,
            [
                "label": restored.set.label, "target": "\(request.target)", "reached": "\(restored.replayed)",
                "moment": restored.lastMoment ?? "", "failed": failed.map(\.name).joined(separator: ", "),
            ])
        _ = await KeptRecords.keep(desk.folder)
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
                : "restore switch refuses it: \(failed.count) checks failed (--despite-failed-checks)")
        return Outcome(
            directory: request.directory, lines: lines, isSound: failed.isEmpty && restored.lost.isEmpty)
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
}

extension RestoreTarget {
    /// A place in the log as PostgreSQL writes it.
    public static func position(_ text: String, isIncluded: Bool = true) throws -> RestoreTarget {
        guard let position = LogPosition(text) else { throw ContinuityError.target("\(text) is no place in the log") }
        return .position(position, isIncluded: isIncluded)
    }
}
