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
        /// The newest sound set of the repository whose last proof is the oldest; all log that was kept elsewhere than on the
        /// server.
        case newest
        /// A sound set that is not the newest.
        case older
        /// Everything of the server is gone, and the first repository with it.
        case lostRepository = "lost-repository-1"
        /// The server is gone with its data directory: one repository apart from it, and the keys.
        case lostServer = "lost-server"
        /// A table was lost, a migration went wrong: back to a moment of the past, which is another one each time.
        case lostTable = "lost-table"
        // Played: the bank is restored once more, with backups of its own, and something befalls it there.
        case droppedDatabase = "dropped-database"
        case damagedPages = "damaged-pages"
        case ransomware
        /// The provider of the vault's key is gone: the keys from where they are kept apart.
        case lostKey = "lost-key"
        case badMigration = "bad-migration"
        /// Somebody with every right removes postings, the journal and the logs.
        case maliciousInsider = "malicious-insider"

        var isPlayed: Bool {
            switch self {
            case .newest, .older, .lostRepository, .lostServer, .lostTable: false
            case .droppedDatabase, .damagedPages, .ransomware, .lostKey, .badMigration, .maliciousInsider: true
            }
        }
    }

    public struct Request: Sendable {
        public var scenario = Scenario.newest
        public var label: String?
        public var target = RestoreTarget.newest
        /// Leaves the restored cluster in place when a check fails.
        public var keepsFailed = false

        public init() {}
    }

    /// One drill under way.
    struct Course: Sendable {
        let id: UUID
        let request: Request
        let started: Int64
        /// Where its cluster is, and what else it makes.
        let room: String
        /// The living bank when the drill began; nil where it is not there.
        let living: Living?
    }

    struct Living: Sendable {
        /// Its newest beat: what a disaster now would have to bring back.
        let beat: String
        /// Whether it beat before we asked: only then is what is lost measured in seconds of work.
        let isBeating: Bool
    }

    /// Always ends with a report; a set that can not be restored is a drill that failed.
    public func run(_ request: Request) async throws -> DrillReport {
        let id = UUID()
        var request = request
        // Without a set there is no moment either, which the restore then says.
        if request.scenario == .lostTable, let moment = try? await moment() { request.target = .time(moment) }
        let course = Course(
            id: id, request: request, started: Int64(desk.now().timeIntervalSince1970),
            room: desk.folder.scratch + "/" + String(id.uuidString.prefix(8)).lowercased(), living: try await look())
        defer { try? FileManager.default.removeItem(atPath: course.room + "-server") }
        if request.scenario.isPlayed { return try await play(course) }
        var chosen: BackupSet?
        let restored: Restorer.Restored
        do {
            let place = try await place(course)
            var order = try await order(course, place)
            let set = try await Restorer(desk: place).chosen(order)
            chosen = set
            (order.label, order.repository) = (set.label, set.repository)
            restored = try await Restorer(desk: place).restore(order)
        } catch {
            try? FileManager.default.removeItem(atPath: course.room)
            try Task.checkCancellation()
            return try await conclude(course, Self.notRestored(course, chosen, error))
        }
        do {
            let report = try await judge(course, restored)
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

    // MARK: what is restored

    private func look() async throws -> Living? {
        guard let cluster = try? Cluster.attach(desk.folder.cluster), cluster.isRunning else { return nil }
        return try await desk.withBank(cluster) { database in
            let age = try await database.one(DrillCheckStore.beatAge, as: Double.self)
            try await ContinuityStore(database: database).beat()
            let beat = try await database.one(DrillCheckStore.newestBeat, as: String.self)
            return Living(beat: beat, isBeating: age < Self.beatAgeMax)
        }
    }

    private static let beatAgeMax = 60.0

    /// Where the drill restores from: this data directory, or one that was made of what survives the server.
    private func place(_ course: Course) async throws -> BackupDesk {
        guard course.request.scenario == .lostServer else { return desk }
        let settings = try BackupSettings.load(desk.folder)
        let apart = settings.repositories.first {
            $0.hasPrefix("/") && !$0.hasPrefix(desk.folder.dataDirectory + "/") && RepositoryPlace.isThere($0)
        }
        guard let apart else {
            throw ContinuityError(
                code: "nothing_survives", message: "every repository goes with \(desk.folder.dataDirectory)",
                hint: "Name one on another disk or machine: digitalbank backup init --repository DIR.",
                exitStatus: .conflict)
        }
        let other = BackupDesk(dataDirectory: course.room + "-server", bank: desk.bank, now: desk.now)
        _ = try await LostServer(desk: other).adopt(repository: apart, keys: desk.folder.keys)
        return other
    }

    func order(_ course: Course, _ place: BackupDesk) async throws -> Restorer.Request {
        let request = course.request
        var order = Restorer.Request(target: request.target, directory: course.room)
        order.isScratch = true
        order.usesServerLog = false
        order.label = request.label
        guard request.label == nil else { return order }
        switch request.scenario {
        case .newest: order.repository = try await turn()
        case .older: order.label = try await older()
        case .lostRepository: order.repository = 2
        case .lostServer: order.usesReceivedLog = false
        case .lostTable, .droppedDatabase, .damagedPages, .ransomware, .lostKey, .badMigration, .maliciousInsider: break
        }
        return order
    }

    /// The repository whose newest proof is the oldest: each is proved in turn, or it could never let anything go.
    private func turn() async throws -> Int? {
        let sound = Set(try await desk.list().sets.filter { !$0.isDamaged }.map(\.set.repository))
        let proofs = try sound.map { ($0, try desk.journal.knowledge(of: $0).proved.values.max() ?? 0) }
        return proofs.min { ($0.1, $0.0) < ($1.1, $1.0) }?.0
    }

    /// Some moment between the oldest sound set of the past day and what is archived by now.
    private func moment() async throws -> String? {
        let now = Int64(desk.now().timeIntervalSince1970)
        let ends = try await desk.list().sets.filter { !$0.isDamaged }.map(\.set.stoppedAt)
        guard let first = ends.filter({ $0 > now - 86_400 }).min() ?? ends.max() else { return nil }
        return Moment.text(Int64.random(in: (first + 1)...max(first + 1, now - Self.archivedAfter)))
    }

    /// Seconds after which what was committed is in the archive.
    private static let archivedAfter: Int64 = 90

    private func older() async throws -> String {
        let sound = try await desk.list().sets.filter { !$0.isDamaged }.map(\.set)
        let labels = Set(sound.map(\.label)).subtracting([sound.last?.label].compactMap { $0 })
        guard let label = labels.randomElement() else { throw ContinuityError.noSet("is older than the newest") }
        return label
    }

    // MARK: what it says

    /// JSON and HTML, both signed; then the signed file, and the bank when it is there.
    func conclude(_ course: Course, _ report: DrillReport) async throws -> DrillReport {
        var report = report
        let stem = desk.folder.drills + "/" + report.id.uuidString.lowercased()
        report.file = stem + ".html"
        let signer = FileSigner(key: try SigningKey.open(path: desk.folder.evidenceKey))
        for (path, text) in [(stem + ".json", try report.json()), (report.file, DrillPage.page(report))] {
            try ContinuityFolder.write(text, to: path)
            try signer.sign(path, at: desk.now())
        }
        try await remember(report)
        return report
    }

    private func remember(_ report: DrillReport) async throws {
        let words = report.checks.filter { !$0.passed }.map { "\($0.name): \($0.detail)" }.joined(separator: "; ")
        let kinds: [DrillOutcome: ContinuityJournal.Kind] = [
            .proved: .proved, .unproved: .unproved, .refuted: .refuted,
        ]
        try await desk.journal.append(
            kinds[report.outcome] ?? .unproved, report.label,
            [
                "repository": "\(report.repository)", "scenario": report.scenario, "drill": report.id.uuidString,
                "reason": String(words.prefix(500)), "rto": "\(report.rtoSeconds)", "passed": "\(report.passed)",
            ])
        if report.passed {
            await desk.close("drill-failed", report.scenario)
        } else {
            await desk.raise(.drillFailed(report.scenario, String(words.prefix(500))))
        }
        if let cluster = try? Cluster.attach(desk.folder.cluster), cluster.isRunning {
            let fields = [
                "label": report.label, "repository": "\(report.repository)", "scenario": report.scenario,
                "passed": "\(report.passed)", "rto": "\(report.rtoSeconds)", "report": report.file,
            ]
            try? await desk.withBank(cluster) { database in
                try await ContinuityStore(database: database).record(report)
                try await EvidenceJournal.append(
                    EvidenceEvent("continuity.drill", report.id.uuidString, fields: fields, actor: "operator"),
                    in: database)
            }
        }
        await desk.refreshSets()
        _ = await KeptRecords.keep(desk.folder)
    }
}
