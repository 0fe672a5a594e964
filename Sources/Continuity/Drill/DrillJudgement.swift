internal import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer

/// What a drill found, and whose fault it is.
extension Drill {
    /// A drill whose set did not come back.
    static func notRestored(_ course: Course, _ set: BackupSet?, _ error: any Error) -> DrillReport {
        let check = DrillCheck(
            name: "the backup is restored", nameFrench: "la sauvegarde se restaure", passed: false,
            detail: (error as? any Fault)?.message ?? "\(error)", seconds: 0,
            concern: set != nil && isOfTheSet(error) ? .restore : .surroundings)
        return report(course, set?.label ?? course.request.label ?? "none", set?.repository ?? 0, [check])
    }

    /// A machine without space, key or program says nothing about a set.
    static func isOfTheSet(_ error: any Error) -> Bool {
        let words = (error as? any Fault)?.message ?? "\(error)"
        if words.contains("No space left on device") || words.contains("Cannot allocate memory") { return false }
        guard let error = error as? ContinuityError else { return false }
        return ["backup_failed", "backup_crashed", "restore_failed"].contains(error.code)
    }

    static func report(_ course: Course, _ label: String, _ repository: Int, _ checks: [DrillCheck])
        -> DrillReport
    {
        DrillReport(
            id: course.id, scenario: course.request.scenario.rawValue, startedAt: course.started,
            endedAt: Int64(Date().timeIntervalSince1970), label: label, repository: repository,
            target: "\(course.request.target)", passed: checks.allSatisfy(\.passed), outcome: .of(checks),
            restoreSeconds: 0, recoverySeconds: 0, checkSeconds: 0, rpoSeconds: nil, lastMoment: nil, replayed: "",
            checks: checks, notes: [], file: "")
    }

    func judge(_ course: Course, _ restored: Restorer.Restored) async throws -> DrillReport {
        let begun = ContinuousClock.now
        var checks: [DrillCheck] = []
        var notes: [String] = []
        var rpo: Double?
        let database = Database(restored.cluster.configuration(database: desk.bank))
        do {
            let last = try await last(database, restored)
            rpo = try await loss(course, database, last)
            notes = try await DerivedState(database: database).rebuild()
            checks = await DrillChecker(folder: desk.folder, cluster: restored.cluster, database: database).run()
            checks.append(contentsOf: await compared(database, last))
        } catch {
            try Task.checkCancellation()
            checks.append(
                DrillCheck(
                    name: "the bank answers", nameFrench: "la banque répond", passed: false,
                    detail: (error as? any Fault)?.message ?? "\(error)", seconds: 0, concern: .restore))
        }
        await database.close()
        try Task.checkCancellation()
        checks = await attributed(checks + log(course, restored, rpo))
        var report = Self.report(course, restored.set.label, restored.set.repository, checks)
        report.endedAt = Int64(desk.now().timeIntervalSince1970)
        report.restoreSeconds = restored.restoreSeconds
        report.recoverySeconds = restored.recoverySeconds
        report.checkSeconds = (ContinuousClock.now - begun) / .seconds(1)
        report.rpoSeconds = rpo
        report.lastMoment = restored.lastMoment
        report.replayed = "\(restored.replayed)"
        report.notes = notes
        return try await conclude(course, report)
    }

    /// The newest moment that the restored bank remembers.
    private func last(_ database: Database, _ restored: Restorer.Restored) async throws -> String? {
        let beat = try await database.one(DrillCheckStore.newestBeat, as: String.self)
        return [beat, restored.lastMoment ?? ""].filter { !$0.isEmpty }.max()
    }

    /// Seconds of work between the restored bank and the living one when the drill began.
    private func loss(_ course: Course, _ database: Database, _ last: String?) async throws -> Double? {
        guard let living = course.living, course.request.target == .newest else { return nil }
        let behind = try await database.one(
            DrillCheckStore.secondsBetween(last ?? "1970-01-01T00:00:00Z", living.beat), as: Double.self)
        return max(0, behind)
    }

    private func compared(_ database: Database, _ last: String?) async -> [DrillCheck] {
        guard let last, let cluster = try? Cluster.attach(desk.folder.cluster), cluster.isRunning else { return [] }
        return [
            await DrillChecker.timed(
                "what was booked is what the living bank booked", "ce qui fut passé est ce que la banque a passé",
                .content
            ) {
                try await desk.withBank(cluster) {
                    try await DrillReference.compare(database, with: $0, upTo: last)
                }
            }
        ]
    }

    /// Log that a hole keeps from being used is lost work, whatever the checks of the rest say.
    private func log(_ course: Course, _ restored: Restorer.Restored, _ rpo: Double?) -> [DrillCheck] {
        var checks = [
            DrillCheck(
                name: "all of the log is replayed", nameFrench: "tout le journal est rejoué",
                passed: restored.lost.isEmpty,
                detail: restored.lost.isEmpty ? "up to \(restored.replayed)" : restored.lost.joined(separator: "; "),
                seconds: 0, concern: .surroundings)
        ]
        let lossMax = Double((try? BackupSettings.load(desk.folder))?.schedule.lossMax ?? 300)
        if let rpo, course.living?.isBeating == true {
            checks.append(
                DrillCheck(
                    name: "no more work is lost than was allowed", nameFrench: "la perte reste dans la limite fixée",
                    passed: rpo <= lossMax,
                    detail: "\(DrillReport.seconds(rpo)) of \(DrillReport.seconds(lossMax))", seconds: 0,
                    concern: .surroundings))
        }
        return checks
    }

    private static let comparison = "what was booked is what the living bank booked"

    /// A wrong answer that the living bank gives too is the bank's; one that it does not give is the set's.
    private func attributed(_ checks: [DrillCheck]) async -> [DrillCheck] {
        let failed = checks.filter { !$0.passed && $0.concern == .content }
        guard !failed.isEmpty, let cluster = try? Cluster.attach(desk.folder.cluster), cluster.isRunning else {
            return checks
        }
        // A posting that was changed in the living bank differs from its backup, and its own ledger says so.
        var names = Set(failed.map(\.name))
        if names.contains(Self.comparison) {
            names.formUnion(["the trial balance is zero", "the ledger proves itself", "the journal's chain is whole"])
        }
        let asked = names
        let living = try? await desk.withBank(cluster) {
            await DrillChecker(folder: desk.folder, cluster: cluster, database: $0).run(only: asked)
        }
        guard let living else { return checks }
        let wrong = Set(living.filter { !$0.passed }.map(\.name))
        return checks.map { check in
            guard !check.passed, check.concern == .content else { return check }
            var check = check
            let isOfTheBank = check.name == Self.comparison ? !wrong.isEmpty : wrong.contains(check.name)
            if isOfTheBank {
                check.detail += "; so it is in the living bank"
            } else {
                check.concern = .restore
            }
            return check
        }
    }
}
