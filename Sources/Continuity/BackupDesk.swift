internal import Diagnostics
public import Foundation
internal import Migrations
internal import Postgres
internal import PostgresServer

/// Backups of the embedded bank: prepared, made, listed, verified, removed.
public struct BackupDesk: Sendable {
    public let folder: ContinuityFolder
    /// The bank's database in the cluster.
    let bank: String
    let now: @Sendable () -> Date
    let journal: ContinuityJournal

    public init(dataDirectory: String, bank: String, now: @escaping @Sendable () -> Date = { Date() }) {
        folder = ContinuityFolder(dataDirectory: dataDirectory)
        self.bank = bank
        self.now = now
        journal = ContinuityJournal(folder: folder, now: now)
    }

    /// A set and what is known of it.
    public struct ListedSet: Sendable {
        public let set: BackupSet
        public let isProved: Bool
        public let isDamaged: Bool
    }

    /// What a backup made, and what went wrong in one repository while another has it.
    public struct Made: Sendable {
        public var sets: [BackupSet] = []
        public var damaged: [String] = []
        public var failures: [String] = []
    }

    // MARK: prepare

    /// Makes repositories, key and configuration; switches archiving on, which restarts the server once.
    public func prepare(_ settings: BackupSettings) async throws -> [String] {
        let program = try PgBackRest.find()
        let cluster = try Cluster.attach(folder.cluster)
        if !cluster.isRunning { try await cluster.start() }
        try folder.prepare()
        var settings = settings
        for repository in settings.repositories where !repository.hasPrefix(BucketPlace.scheme) {
            try Self.prepare(repository: repository)
        }
        let locks = try await prepareStores(&settings)
        if let copy = settings.immutableCopy { try await ImmutableCopy(path: copy).prepare() }
        try settings.save(folder)
        try KeptCluster.save(cluster, folder)
        try await writeConfiguration(settings, cluster)
        let command = PgBackRestConfiguration.archiveCommand(folder, program: program)
        let before = try await withBank(cluster) { try await ContinuityStore(database: $0).archiver() }
        try await withBank(cluster) { database in
            try await Migrator(database).apply([try ContinuityMigrations.set()])
            for statement in ContinuityStore.archiving(command: command) { try await database.run(statement) }
            try await database.run(ContinuityStore.reload)
        }
        let backrest = try PgBackRest(folder: folder, password: cluster.superuserPassword)
        // Before archiving begins: without a stanza every segment would be refused.
        try await backrest.run("stanza-create", timeMax: .seconds(300))
        if before.mode != "on" {
            try await cluster.stop(.fast)
            try await cluster.start()
        }
        try await backrest.run("check", timeMax: .seconds(300))
        return [
            "repositories  " + settings.repositories.joined(separator: ", "),
            "key           \(folder.sealedKey), wrapped by the vault's key: keep a copy of both apart from the backups",
            "archiving     on, checked in every repository",
        ] + locks
    }

    private static func prepare(repository: String) throws {
        guard repository.hasPrefix("/") else {
            throw ContinuityError.file("use", repository, "a repository needs an absolute path")
        }
        let parent = (repository as NSString).deletingLastPathComponent
        guard FileManager.default.fileExists(atPath: parent) else {
            throw ContinuityError.file("use", repository, "the folder above it is not there")
        }
        try Cluster.makeServerFolder(repository)
    }

    func writeConfiguration(_ settings: BackupSettings, _ cluster: Cluster) async throws {
        let configuration = PgBackRestConfiguration(
            folder: folder, settings: settings, passPhrase: try await RepositoryKey.passPhrase(folder),
            dataPath: cluster.dataDirectory, socket: cluster.socketDirectory, port: cluster.socketPort,
            user: cluster.options.superuser)
        try Cluster.writeServerFile(configuration.text(), to: folder.configuration)
    }

    // MARK: make

    /// Makes a backup in every repository, or in one. A repository that fails does not keep the others from theirs.
    ///
    /// Throws when no repository got a set.
    public func make(_ kind: BackupSet.Kind, repository only: Int? = nil) async throws -> Made {
        let settings = try BackupSettings.load(folder)
        let cluster = try Cluster.attach(folder.cluster)
        try await writeConfiguration(settings, cluster)
        try KeptCluster.save(cluster, folder)
        let backrest = try PgBackRest(folder: folder, password: cluster.superuserPassword)
        var made = Made()
        var first: (any Error)?
        for (index, root) in settings.repositories.enumerated() where only == nil || only == index + 1 {
            do {
                try await make(kind, index + 1, root, settings, backrest, cluster, &made)
            } catch let error as ContinuityError {
                first = first ?? error
                made.failures.append("repository \(index + 1): \(error.message)")
                try await journal.append(.failed, "repository \(index + 1)", ["reason": error.message])
            }
        }
        if made.sets.isEmpty, let first { throw first }
        await keepCopies(settings, &made)
        let sets = made.sets
        let damaged = Set(made.damaged)
        try? await withBank(cluster) { database in
            let store = ContinuityStore(database: database)
            for set in sets {
                try await store.record(
                    set, state: damaged.contains(set.label) ? "damaged" : "made",
                    note: damaged.contains(set.label) ? "pages whose checksum is wrong" : "")
            }
            try await RelationMapStore(database: database).refresh()
        }
        return made
    }

    private func make(
        _ kind: BackupSet.Kind, _ repository: Int, _ root: String, _ settings: BackupSettings, _ backrest: PgBackRest,
        _ cluster: Cluster, _ made: inout Made
    ) async throws {
        let before = Set(try await backrest.inventory().sets.filter { $0.repository == repository }.map(\.label))
        // Its differential and incremental sets stand on the newest full one; a damaged one is no ground to build on.
        let known = try journal.knowledge(of: repository)
        let ground = try await backrest.inventory().sets
            .filter { $0.repository == repository }.max { $0.stoppedAt < $1.stoppedAt }
        var kind = kind
        if let ground, kind != .full, ground.hasBadPages || known.damaged.contains(ground.label) { kind = .full }
        var options = ["--repo=\(repository)", "--type=\(kind.rawValue)"]
        var reason = ""
        do {
            try await backrest.run("backup", options)
        } catch let error as ContinuityError where error.code == "backup_crashed" {
            // pgBackRest 2.45 dies while it writes about many bad pages: without its look at pages it takes them as they are.
            let scan = try PageScan.scan(dataDirectory: cluster.dataDirectory)
            reason = "pgbackrest died; \(scan.badPages) of \(scan.pages) pages are bad, in \(scan.summary)"
            options = ["--repo=\(repository)", "--type=full", "--no-checksum-page"]
            try await backrest.run("backup", options)
        }
        let fresh = try await backrest.inventory().sets
            .filter { $0.repository == repository && !before.contains($0.label) }
        guard let set = fresh.max(by: { $0.stoppedAt < $1.stoppedAt }) else {
            throw ContinuityError.noSet("appeared in repository \(repository)")
        }
        var problems: [String] = []
        let covered = try RepositoryManifest.all(folder, of: repository, problems: &problems)
            .reduce(into: Set<String>()) { $0.formUnion($1.files.keys) }
        if let remote = try RemoteRepository(settings, repository, folder, now: now) {
            try await remote.sign(set, covered: covered, at: now())
        } else {
            try RepositoryManifest.write(set, at: root, covered: covered, folder, at: now())
        }
        try await journal.append(
            .made, set.label, ["repository": "\(repository)", "kind": set.kind.rawValue, "bytes": "\(set.bytes)"])
        if set.hasBadPages || !reason.isEmpty {
            made.damaged.append(set.label)
            if reason.isEmpty {
                let scan = try PageScan.scan(dataDirectory: cluster.dataDirectory)
                reason = "\(scan.badPages) of \(scan.pages) pages are bad, in \(scan.summary)"
            }
            try await journal.append(.damaged, set.label, ["repository": "\(repository)", "reason": reason])
            made.failures.append(
                "\(set.label) in repository \(repository) is kept aside and never pushes a sound set out: \(reason)")
        }
        made.sets.append(set)
    }

    // MARK: list, verify, expire

    public func list() async throws -> (sets: [ListedSet], troubles: [String]) {
        let settings = try BackupSettings.load(folder)
        let inventory = try await PgBackRest(folder: folder).inventory()
        var listed: [ListedSet] = []
        for repository in settings.repositories.indices.map({ $0 + 1 }) {
            let known = try journal.knowledge(of: repository)
            listed += inventory.sets.filter { $0.repository == repository }.map {
                ListedSet(
                    set: $0, isProved: known.proved[$0.label] != nil,
                    isDamaged: $0.hasBadPages || known.damaged.contains($0.label))
            }
        }
        let troubles = inventory.troubles.sorted { $0.key < $1.key }.map { "repository \($0.key): \($0.value)" }
        return (
            listed.sorted { ($0.set.stoppedAt, $0.set.repository) < ($1.set.stoppedAt, $1.set.repository) }, troubles
        )
    }

    /// - Parameter deep: lets pgBackRest read and decrypt everything too.
    public func verify(deep: Bool = true) async throws -> RepositoryAudit {
        let settings = try BackupSettings.load(folder)
        let auditor = RepositoryAuditor(
            folder: folder, settings: settings, backrest: try PgBackRest(folder: folder), journal: journal)
        // Asked first: whatever the server had archived by then must be in the repositories when they are looked at.
        let archiver = await askServer()
        var audit = try await auditor.audit(deep: deep)
        if let archiver { judge(archiver, &audit) }
        for finding in audit.findings {
            guard let label = finding.label else { continue }
            let known = try journal.knowledge(of: finding.repository)
            guard !known.damaged.contains(label) else { continue }
            try await journal.append(
                .damaged, label, ["repository": "\(finding.repository)", "reason": finding.words])
        }
        return audit
    }

    /// Nil where no server runs.
    private func askServer() async -> ContinuityStore.Archiver? {
        guard let cluster = try? Cluster.attach(folder.cluster), cluster.isRunning else { return nil }
        return try? await withBank(cluster) { try await ContinuityStore(database: $0).archiver() }
    }

    /// Whether the running server archives, by our command, without delay.
    private func judge(_ archiver: ContinuityStore.Archiver, _ audit: inout RepositoryAudit) {
        guard let program = try? PgBackRest.find() else { return }
        let ours = PgBackRestConfiguration.archiveCommand(folder, program: program)
        if archiver.mode != "on" || archiver.command != ours {
            audit.add(
                "archiving-changed", 0, nil,
                "the server archives by another command: archive_mode \(archiver.mode), \(archiver.command)")
        }
        guard let newest = archiver.archived.flatMap({ LogSegment($0) }), let current = LogSegment(archiver.current)
        else {
            return
        }
        if current.number > newest.number + Self.lagMax {
            audit.add(
                "archiving-late", 0, nil,
                "\(current.number - newest.number) segments of the log are not archived: \(newest) is the newest")
        }
        for (repository, segments) in audit.held.sorted(by: { $0.key < $1.key }) {
            guard let held = segments.filter({ $0.timeline == current.timeline }).max(),
                newest.timeline == current.timeline, newest.number > held.number
            else { continue }
            audit.add(
                "archiving-lies", repository, nil,
                "the server was told that \(newest) is archived, and the repository ends at \(held)")
        }
    }

    private static let lagMax: UInt64 = 16

    /// Removes what retention lets go; what a proof stands on always stays. Returns what was, or would be, removed.
    public func expire(dryRun: Bool) async throws -> [BackupSet] {
        let settings = try BackupSettings.load(folder)
        let backrest = try PgBackRest(folder: folder)
        var removed: [BackupSet] = []
        for repository in settings.repositories.indices.map({ $0 + 1 }) {
            let sets = try await backrest.inventory().sets.filter { $0.repository == repository }
            let expirable = RetentionRule.expirable(
                sets, knowing: try journal.knowledge(of: repository), retention: settings.retention,
                now: Int64(now().timeIntervalSince1970))
            removed += expirable
            guard !dryRun, !expirable.isEmpty else { continue }
            for set in expirable {
                try await backrest.run("expire", ["--repo=\(repository)", "--set=\(set.label)"])
                try await journal.append(.expired, set.label, ["repository": "\(repository)"])
                for gone in sets where gone.label == set.label || gone.label.hasPrefix(set.label + "_") {
                    RepositoryManifest.remove(folder, repository, gone.label)
                }
            }
            // With as many full sets to keep as there are, only log that is older than all of them goes.
            let left = sets.filter { $0.kind == .full }.count - expirable.count
            try await backrest.run(
                "expire", ["--repo=\(repository)", "--repo\(repository)-retention-full=\(max(1, left))"])
        }
        return removed
    }

    /// Wraps the repositories' key by the vault's current one; nothing happens where there are no backups.
    public func rewrapKey() async throws {
        guard FileManager.default.fileExists(atPath: folder.sealedKey) else { return }
        _ = try await RepositoryKey.passPhrase(folder)
    }

    /// Whether commits shall wait for the receiver. `BackupKeeper` makes it so while a receiver is there.
    public func setSynchronous(_ isOn: Bool) async throws {
        var settings = try BackupSettings.load(folder)
        settings.isSynchronous = isOn
        try settings.save(folder)
        if !isOn { try await LogReceiver(dataDirectory: folder.dataDirectory).setSynchronous(false) }
    }

    // MARK: the bank

    func withBank<Value: Sendable>(
        _ cluster: Cluster, _ body: @Sendable (Database) async throws -> Value
    ) async throws -> Value {
        let database = Database(cluster.configuration(database: bank))
        do {
            let value = try await body(database)
            await database.close()
            return value
        } catch {
            await database.close()
            throw error
        }
    }
}

/// What is needed to start a restored cluster when the live one is gone: its options and its superuser's password, kept
/// with the keys.
struct KeptCluster: Codable, Sendable {
    let options: Cluster.Options
    let password: String

    private static func path(_ folder: ContinuityFolder) -> String { folder.keys + "/cluster.json" }

    static func save(_ cluster: Cluster, _ folder: ContinuityFolder) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let kept = KeptCluster(options: cluster.options, password: cluster.superuserPassword)
        try ContinuityFolder.write(String(decoding: try encoder.encode(kept), as: UTF8.self) + "\n", to: path(folder))
    }

    static func load(_ folder: ContinuityFolder) throws -> KeptCluster {
        guard let data = FileManager.default.contents(atPath: path(folder)),
            let kept = try? JSONDecoder().decode(KeptCluster.self, from: data)
        else { throw ContinuityError.keyLost("\(path(folder)) is gone; it holds the superuser's password") }
        return kept
    }
}
