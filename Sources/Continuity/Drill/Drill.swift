internal import Diagnostics
internal import Evidence
internal import Foundation
internal import Postgres
internal import PostgresServer

/// Restores a backup into a clean room and asks whether it is a bank. Nothing of the living bank is changed.
public struct Drill: Sendable {
    let desk: BackupDesk

    public init(desk: BackupDesk) { self.desk = desk }

    public enum Scenario: String, Sendable, CaseIterable {
        /// The newest sound set, all log that was kept elsewhere than on the server.
        case newest
        /// A sound set that is not the newest.
        case older
        /// Everything of the server is gone, and the first repository with it.
        case lostRepository = "lost-repository-1"
        /// The server is gone: archive and receiver only; the same as `newest`, told apart in reports.
        case lostServer = "lost-server"
    }

    public struct Request: Sendable {
        public var scenario = Scenario.newest
        public var label: String?
        public var target = RestoreTarget.newest
        /// Leaves the restored cluster in place when a check fails.
        public var keepsFailed = false

        public init() {}
    }

    public func run(_ request: Request) async throws -> DrillReport {
        let id = UUID()
        let started = Int64(desk.now().timeIntervalSince1970)
        let room = desk.folder.scratch + "/" + String(id.uuidString.prefix(8)).lowercased()
        let living = try await look()
        var restore = Restorer.Request(target: request.target, directory: room)
        restore.isScratch = true
        restore.usesServerLog = false
        restore.label = try await label(request)
        if request.scenario == .lostRepository { restore.repository = 2 }
        let restored: Restorer.Restored
        do {
            restored = try await Restorer(desk: desk).restore(restore)
        } catch {
            try? FileManager.default.removeItem(atPath: room)
            try await refute(restore, error)
            throw error
        }
        do {
            let report = try await judge(request, id, started, restored, living)
            if report.passed || !request.keepsFailed {
                try await restored.cluster.destroy()
            } else {
                try await restored.cluster.stop(.fast)
            }
            return report
        } catch {
            try? await restored.cluster.destroy()
            throw error
        }
    }

    /// The moment of the living bank's newest beat, when it is there: what a disaster now would have to bring back.
    private func look() async throws -> String? {
        guard let cluster = try? Cluster.attach(desk.folder.cluster), cluster.isRunning else { return nil }
        return try await desk.withBank(cluster) { database in
            try await ContinuityStore(database: database).beat()
            return try await database.one(DrillCheckStore.newestBeat, as: String.self)
        }
    }

    /// What the living bank had booked by the moment that the restored one reached.
    private func reference(upTo moment: String) async throws -> DrillReference? {
        guard let cluster = try? Cluster.attach(desk.folder.cluster), cluster.isRunning else { return nil }
        return try await desk.withBank(cluster) { try await DrillReference.take($0, upTo: moment) }
    }

    private func label(_ request: Request) async throws -> String? {
        if let label = request.label { return label }
        guard request.scenario == .older else { return nil }
        let sound = try await desk.list().sets.filter { !$0.isDamaged }.map(\.set)
        let labels = Set(sound.map(\.label)).subtracting([sound.last?.label].compactMap { $0 })
        guard let label = labels.randomElement() else { throw ContinuityError.noSet("is older than the newest") }
        return label
    }

    private func refute(_ restore: Restorer.Request, _ error: any Error) async throws {
        let words = (error as? any Fault)?.message ?? "\(error)"
        guard let label = restore.label else {
            try await desk.journal.append(.refuted, "unknown", ["reason": words])
            return
        }
        try await desk.journal.append(
            .refuted, label, ["repository": "\(restore.repository ?? 1)", "reason": words])
    }

    // MARK: judging

    private func judge(
        _ request: Request, _ id: UUID, _ started: Int64, _ restored: Restorer.Restored, _ living: String?
    ) async throws -> DrillReport {
        let begun = ContinuousClock.now
        let database = Database(restored.cluster.configuration(database: desk.bank))
        let found: Found
        do {
            found = try await check(database, restored, request, living)
        } catch {
            await database.close()
            throw error
        }
        await database.close()
        var report = DrillReport(
            id: id, scenario: request.scenario.rawValue, startedAt: started,
            endedAt: Int64(desk.now().timeIntervalSince1970), label: restored.set.label,
            repository: restored.set.repository, target: "\(request.target)",
            passed: found.checks.allSatisfy(\.passed), restoreSeconds: restored.restoreSeconds,
            recoverySeconds: restored.recoverySeconds, checkSeconds: (ContinuousClock.now - begun) / .seconds(1),
            rpoSeconds: found.rpoSeconds, lastMoment: restored.lastMoment, replayed: "\(restored.replayed)",
            checks: found.checks, notes: restored.lost + found.notes, file: "")
        try write(&report)
        try await remember(report)
        return report
    }

    private struct Found: Sendable {
        var checks: [DrillCheck]
        var rpoSeconds: Double?
        var notes: [String] = []
    }

    private func check(
        _ database: Database, _ restored: Restorer.Restored, _ request: Request, _ living: String?
    ) async throws -> Found {
        let beat = try await database.one(DrillCheckStore.newestBeat, as: String.self)
        let last = [beat, restored.lastMoment ?? ""].filter { !$0.isEmpty }.max()
        var rpo: Double?
        if let living, request.target == .newest {
            let behind = try await database.one(
                DrillCheckStore.secondsBetween(last ?? "1970-01-01T00:00:00Z", living), as: Double.self)
            rpo = max(0, behind)
        }
        var reference: DrillReference?
        if let last { reference = try await self.reference(upTo: last) }
        let rebuilt = try await DerivedState(database: database).rebuild()
        let checker = DrillChecker(folder: desk.folder, cluster: restored.cluster, database: database)
        let found = Found(checks: try await checker.run(reference), rpoSeconds: rpo, notes: rebuilt)
        return found
    }

    /// JSON and HTML, both signed.
    private func write(_ report: inout DrillReport) throws {
        let stem = desk.folder.drills + "/" + report.id.uuidString.lowercased()
        report.file = stem + ".html"
        let signer = FileSigner(key: try SigningKey.open(path: desk.folder.evidenceKey))
        for (path, text) in [(stem + ".json", try report.json()), (report.file, DrillPage.page(report))] {
            try ContinuityFolder.write(text, to: path)
            try signer.sign(path, at: desk.now())
        }
    }

    /// In the signed file, and in the bank when it is there.
    private func remember(_ report: DrillReport) async throws {
        let words = report.checks.filter { !$0.passed }.map(\.name).joined(separator: ", ")
        try await desk.journal.append(
            report.passed ? .proved : .refuted, report.label,
            [
                "repository": "\(report.repository)", "scenario": report.scenario, "drill": report.id.uuidString,
                "reason": words, "rto": "\(report.rtoSeconds)",
            ])
        guard let cluster = try? Cluster.attach(desk.folder.cluster), cluster.isRunning else { return }
        let fields = [
            "label": report.label, "repository": "\(report.repository)", "scenario": report.scenario,
            "passed": "\(report.passed)", "rto": "\(report.rtoSeconds)", "report": report.file,
        ]
        try? await desk.withBank(cluster) { database in
            let store = ContinuityStore(database: database)
            try await store.record(report)
            try await store.mark(
                report.label, in: report.repository, state: report.passed ? "proved" : "damaged", note: words)
            try await EvidenceJournal.append(
                EvidenceEvent("continuity.drill", report.id.uuidString, fields: fields, actor: "operator"), in: database
            )
        }
    }
}
