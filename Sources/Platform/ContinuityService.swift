internal import Continuity
internal import Diagnostics
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

    /// What `backup init` was told; nil leaves what an earlier one decided, or the default.
    public struct PrepareOrder: Sendable {
        public var dataDirectory: String
        /// Absolute paths or `s3://bucket/prefix`; two below the data directory when nobody ever named any.
        public var repositories: [String] = []
        public var stores: StoreOrder?
        /// `none` ends it.
        public var immutableCopy: String?
        public var days: Int?
        public var fulls: Int?
        /// A repository that had sets and is empty now is begun again.
        public var beginsAnew = false

        public init(dataDirectory: String) { self.dataDirectory = dataDirectory }
    }

    public static func prepare(_ order: PrepareOrder) async throws -> [String] {
        let desk = desk(order.dataDirectory)
        let folder = desk.folder.path
        var settings =
            try desk.settings() ?? BackupSettings(repositories: [folder + "/repository1", folder + "/repository2"])
        if !order.repositories.isEmpty { settings.repositories = order.repositories }
        settings.retention.days = order.days ?? settings.retention.days
        settings.retention.fullsMin = order.fulls ?? settings.retention.fullsMin
        if let copy = order.immutableCopy { settings.immutableCopy = copy == "none" ? nil : copy }
        if let store = order.stores?.store {
            let remote = settings.repositories.filter { $0.hasPrefix("s3://") }
            settings.objectStores = Dictionary(remote.map { ($0, store) }, uniquingKeysWith: { first, _ in first })
        }
        return try await desk.prepare(settings, beginsAnew: order.beginsAnew)
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
        /// On a machine that has nothing else: the folder of a repository, and a copy of the keys.
        public var lost: (repository: String, keys: String)?

        public init(dataDirectory: String) { self.dataDirectory = dataDirectory }
    }

    /// The flag says whether every check passed and nothing is known to be lost.
    public static func restore(_ order: RestoreOrder) async throws -> (lines: [String], isSound: Bool) {
        let desk = desk(order.dataDirectory)
        let stamp = Date().formatted(.iso8601.dateSeparator(.omitted).timeSeparator(.omitted))
        let into = order.into ?? DataDirectory(order.dataDirectory).path + "/restored-" + stamp
        var request = Restorer.Request(target: try await target(order, desk), directory: into)
        request.label = order.label
        request.repository = order.repository
        var lines: [String] = []
        if let lost = order.lost {
            let adopted = try await LostServer(desk: desk).adopt(repository: lost.repository, keys: lost.keys)
            request.repository = adopted.number
            lines = adopted.lines
        }
        let restored = try await RestoreDesk(desk: desk).restore(request)
        return (lines + restored.lines, restored.isSound)
    }

    static func target(_ order: RestoreOrder, _ desk: BackupDesk) async throws -> RestoreTarget {
        if let incident = order.incident { return try await RestoreDesk(desk: desk).target(before: incident) }
        if let time = order.time { return .time(time) }
        guard let text = order.position else { return .newest }
        return try RestoreTarget.position(text, isIncluded: order.isPositionIncluded)
    }

    /// What destroyed many rows, newest last, with the restore that stops before it; the flag says whether all of the log was read.
    public static func findDestruction(
        dataDirectory: String, from segment: String?, rowsMin: Int
    ) async throws -> (lines: [String], isWhole: Bool) {
        let search = try await DestructionFinder(desk: desk(dataDirectory)).find(from: segment, rowsMin: rowsMin)
        var lines = ["looked at the log from \(search.first) to \(search.last)"]
        if search.acts.isEmpty {
            lines.append("nothing was dropped or truncated, and no transaction changed \(rowsMin) rows")
        }
        lines += search.acts.map { act in
            let what =
                act.names.isEmpty ? act.files.prefix(5).joined(separator: " ") : act.names.joined(separator: ", ")
            return "\(act.committedAt)  \(act.kind.rawValue)\(act.rows > 0 ? " \(act.rows)" : "")  \(what)  before it: "
                + "digitalbank restore --to-lsn \(act.commit) --exclusive"
        }
        return (lines + search.gaps.map { "NOT READ  \($0)" }, search.gaps.isEmpty)
    }

    /// Receives the log, makes backups and drills when they are due, watches; until the task is cancelled.
    public static func run(dataDirectory: String, report: @escaping @Sendable (String) -> Void) async throws {
        try await BackupKeeper(desk: desk(dataDirectory)).run(report: report)
    }

    /// The same beside a server that serves the bank: once backups are prepared, while nobody else does it; an end of it is told
    /// and it begins again.
    static func keep(dataDirectory: String, report: @escaping @Sendable (String) -> Void) async throws {
        let desk = desk(dataDirectory)
        while true {
            do {
                if try desk.settings() != nil { try await BackupKeeper(desk: desk).run(report: report) }
            } catch {
                try Task.checkCancellation()
                if (error as? ContinuityError)?.code != BackupKeeper.isKeptElsewhere {
                    report("not kept: \((error as? any Fault)?.description ?? "\(error)")")
                }
            }
            try Task.checkCancellation()
            try await Task.sleep(for: .seconds(30))
        }
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

    /// The flag says whether nothing is left to be done by hand.
    public static func switchOver(
        dataDirectory: String, to directory: String, despiteFailed: Bool
    ) async throws -> (lines: [String], isWhole: Bool) {
        let switched = try await RestoreDesk(desk: desk(dataDirectory)).switchOver(
            to: directory, despiteFailed: despiteFailed)
        return (switched.lines, switched.isWhole)
    }

    /// What `drill` takes as a scenario.
    public static var drillScenarios: [String] { Drill.Scenario.allCases.map(\.rawValue) }

    public static func drill(
        dataDirectory: String, scenario: String, label: String?, keepsFailed: Bool
    ) async throws -> (lines: [String], passed: Bool) {
        guard let scenario = Drill.Scenario(rawValue: scenario) else {
            return (["scenarios: " + drillScenarios.joined(separator: ", ")], false)
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
