internal import Continuity
internal import Foundation
internal import PostgresServer

/// Backups, restores and drills of the embedded bank, for the command line.
public enum ContinuityService {
    static func desk(_ dataDirectory: String) -> BackupDesk {
        BackupDesk(dataDirectory: DataDirectory(dataDirectory).path, bank: UpService.databaseName)
    }

    /// How the repositories named `s3://bucket/prefix` are reached.
    public struct StoreOrder: Sendable {
        let store: ObjectStore

        public init(
            endpoint: String, region: String, keyFile: String?, authorityFile: String?, isPathStyle: Bool,
            verifiesTLS: Bool
        ) {
            store = ObjectStore(
                endpoint: endpoint, region: region, keyFile: keyFile, authorityFile: authorityFile,
                isPathStyle: isPathStyle, verifiesTLS: verifiesTLS)
        }
    }

    /// - Parameter repositories: absolute paths or `s3://bucket/prefix`; two below the data directory when empty.
    public static func prepare(
        dataDirectory: String, repositories: [String], stores: StoreOrder? = nil, immutableCopy: String? = nil,
        days: Int, fulls: Int
    ) async throws -> [String] {
        let desk = desk(dataDirectory)
        let folder = desk.folder.path
        var settings = BackupSettings(
            repositories: repositories.isEmpty ? [folder + "/repository1", folder + "/repository2"] : repositories)
        settings.retention.days = days
        settings.retention.fullsMin = fulls
        settings.immutableCopy = immutableCopy
        if let store = stores?.store {
            let remote = settings.repositories.filter { $0.hasPrefix("s3://") }
            settings.objectStores = Dictionary(remote.map { ($0, store) }, uniquingKeysWith: { first, _ in first })
        }
        return try await desk.prepare(settings)
    }

    /// `kind` is full, diff or incr. The flag says whether every repository has a sound set.
    public static func make(dataDirectory: String, kind: String) async throws -> (lines: [String], isSound: Bool) {
        guard let kind = BackupSet.Kind(rawValue: kind) else { return (["kinds: full, diff, incr"], false) }
        let made = try await desk(dataDirectory).make(kind)
        return (
            made.sets.map { "made         \(line($0))" } + made.failures.map { "NOT SOUND    \($0)" },
            made.failures.isEmpty
        )
    }

    public static func list(dataDirectory: String) async throws -> [String] {
        let (sets, troubles) = try await desk(dataDirectory).list()
        let lines = sets.map { listed in
            (listed.isDamaged ? "DAMAGED  " : listed.isProved ? "proved   " : "         ") + line(listed.set)
        }
        return (lines.isEmpty ? ["no backups yet; make one with: digitalbank backup now"] : lines) + troubles
    }

    public static func verify(dataDirectory: String) async throws -> (lines: [String], isSound: Bool) {
        let audit = try await desk(dataDirectory).verify()
        let head = "\(audit.filesChecked) files of \(audit.setsChecked) sets compared with what was signed"
        guard !audit.isSound else { return ([head, "sound"], true) }
        return (
            [head] + audit.findings.map { "FOUND  \($0.kind)  repository \($0.repository)  \($0.words)" }, false
        )
    }

    /// What is wrong with the buckets of the bank's repositories.
    public static func storeTroubles(dataDirectory: String) async -> [String] {
        await desk(dataDirectory).storeTroubles()
    }

    /// The immutable copy, or the versions under a bucket's lock, as a repository; or, without a folder, whether anything of it could be changed.
    public static func copy(
        dataDirectory: String, repository: Int, into target: String?
    ) async throws -> (lines: [String], isSound: Bool) {
        let desk = desk(dataDirectory)
        if let target {
            let label = try await desk.assemble(repository: repository, into: target)
            return (["\(target)  holds repository \(repository) as of \(label)"], true)
        }
        let troubles = await desk.storeTroubles()
        guard troubles.isEmpty, desk.hasImmutableCopy else {
            return (troubles.isEmpty ? ["the locks hold"] : troubles.map { "NOT LOCKED  \($0)" }, troubles.isEmpty)
        }
        let open = try await desk.unmarkedCopies()
        return (open.isEmpty ? ["nothing of it can be changed"] : open.map { "CAN BE CHANGED  \($0)" }, open.isEmpty)
    }

    public static func expire(dataDirectory: String, dryRun: Bool) async throws -> [String] {
        let removed = try await desk(dataDirectory).expire(dryRun: dryRun)
        guard !removed.isEmpty else { return ["nothing may go: the newest proved set and what retention needs stay"] }
        return removed.map { (dryRun ? "would remove  " : "removed       ") + line($0) }
    }

    public static func pages(dataDirectory: String) throws -> (lines: [String], isSound: Bool) {
        let scan = try PageScan.scan(dataDirectory: DataDirectory(dataDirectory).cluster + "/data")
        return (
            [
                "\(scan.pages) pages read, \(scan.badPages) bad, \(scan.noisePages) of them noise all over",
                scan.badPages == 0 ? "sound" : "bad pages in \(scan.summary)",
            ], scan.badPages == 0
        )
    }

    /// Where to restore to: exactly one of the moments, or none for the end of the log.
    public struct RestoreOrder: Sendable {
        public var dataDirectory: String
        public var time: String?
        public var position: String?
        /// An incident of the detection, before whose first act to stop.
        public var incident: String?
        public var isPositionIncluded = true
        public var into: String?
        public var label: String?
        public var repository: Int?

        public init(dataDirectory: String) { self.dataDirectory = dataDirectory }
    }

    public static func restore(_ order: RestoreOrder) async throws -> [String] {
        let desk = desk(order.dataDirectory)
        let stamp = Date().formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
        let into = order.into ?? DataDirectory(order.dataDirectory).path + "/restored-" + stamp
        var request = Restorer.Request(target: try await target(order, desk), directory: into)
        request.label = order.label
        request.repository = order.repository
        let restored = try await RestoreDesk(desk: desk).restore(request)
        return restored.lines
    }

    static func target(_ order: RestoreOrder, _ desk: BackupDesk) async throws -> RestoreTarget {
        if let incident = order.incident { return try await RestoreDesk(desk: desk).target(before: incident) }
        if let time = order.time { return .time(time) }
        guard let text = order.position else { return .newest }
        return try RestoreTarget.position(text, isIncluded: order.isPositionIncluded)
    }

    /// What destroyed many rows, newest last, with the restore that stops before it.
    public static func findDestruction(
        dataDirectory: String, from segment: String?, rowsMin: Int
    ) async throws -> [String] {
        let found = try await DestructionFinder(desk: desk(dataDirectory)).find(from: segment, rowsMin: rowsMin)
        guard !found.isEmpty else {
            return ["nothing was dropped or truncated, and no transaction changed \(rowsMin) rows"]
        }
        return found.map { act in
            let what =
                act.names.isEmpty ? act.files.prefix(5).joined(separator: " ") : act.names.joined(separator: ", ")
            return "\(act.committedAt)  \(act.kind.rawValue)\(act.rows > 0 ? " \(act.rows)" : "")  \(what)  before it: "
                + "digitalbank restore --to-lsn \(act.commit) --exclusive"
        }
    }

    /// Receives the log, makes backups and drills when they are due, watches; until the task is cancelled.
    public static func run(dataDirectory: String, report: @escaping @Sendable (String) -> Void) async throws {
        try await BackupKeeper(desk: desk(dataDirectory)).run(report: report)
    }

    public static func synchronise(dataDirectory: String, isOn: Bool) async throws -> [String] {
        try await desk(dataDirectory).setSynchronous(isOn)
        return [
            isOn ? "commits wait for the receiver while digitalbank backup run is there" : "commits wait for nobody"
        ]
    }

    /// The continuity plan with the evidence of the last drills.
    public static func exportPlan(dataDirectory: String, to directory: String) async throws -> [String] {
        try await PlanExport(desk: desk(dataDirectory)).write(to: directory)
    }

    public static func switchOver(dataDirectory: String, to directory: String) async throws -> [String] {
        try await RestoreDesk(desk: desk(dataDirectory)).switchOver(to: directory)
    }

    public static func drill(
        dataDirectory: String, scenario: String, label: String?, keepsFailed: Bool
    ) async throws -> (lines: [String], passed: Bool) {
        guard let scenario = Drill.Scenario(rawValue: scenario) else {
            return (["scenarios: " + Drill.Scenario.allCases.map(\.rawValue).joined(separator: ", ")], false)
        }
        var request = Drill.Request()
        request.scenario = scenario
        request.label = label
        request.keepsFailed = keepsFailed
        let report = try await Drill(desk: desk(dataDirectory)).run(request)
        return (report.lines(), report.passed)
    }

    private static func line(_ set: BackupSet) -> String {
        let ended = Date(timeIntervalSince1970: Double(set.stoppedAt)).formatted(.iso8601)
        return "\(set.label)  repository \(set.repository)  \(set.kind.rawValue)  \(ended)  "
            + "\(megabytes(set.bytes)) in \(megabytes(set.storedBytes))"
    }

    private static func megabytes(_ bytes: Int64) -> String { "\((bytes + 500_000) / 1_000_000) MB" }
}
