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

    /// What `backup init` decided; nil before it.
    public func settings() throws -> BackupSettings? {
        FileManager.default.fileExists(atPath: folder.settings) ? try BackupSettings.load(folder) : nil
    }

    // MARK: prepare

    /// Makes repositories, key and configuration; switches archiving on, which restarts the server once.
    ///
    /// - Parameter beginsAnew: a repository that had sets and is empty now is begun again, and what it held is forgotten.
    public func prepare(_ settings: BackupSettings, beginsAnew: Bool = false) async throws -> [String] {
        let program = try PgBackRest.find()
        let cluster = try Cluster.attach(folder.cluster)
        if !cluster.isRunning { try await cluster.start() }
        try folder.prepare()
        var settings = settings
        try await begin(settings, anew: beginsAnew)
        for repository in settings.repositories where !repository.hasPrefix(BucketPlace.scheme) {
            try Self.prepare(repository: repository)
        }
        let locks = try await prepareStores(&settings)
        _ = try await RepositoryKey.prepared(folder, opens: try await holding(settings))
        if let copy = settings.immutableCopy { try await ImmutableCopy(path: copy).prepare() }
        try settings.save(folder)
        try KeptCluster.save(cluster, folder)
        try await writeConfiguration(settings, cluster)
        let command = PgBackRestConfiguration.archiveCommand(folder, program: program)
        let before = try await withBank(cluster) { try await ContinuityStore(database: $0).archiver() }
        _ = try await withBank(cluster) { try await Migrator($0).apply([try ContinuityMigrations.set()]) }
        let backrest = try PgBackRest(folder: folder, password: cluster.superuserPassword)
        // Before the server knows the command: without a stanza every segment is refused, and after the third time the archiver
        // rests for as long as the check waits.
        try await backrest.run("stanza-create", timeMax: .seconds(300))
        try await withBank(cluster) { database in
            for statement in ContinuityStore.archiving(command: command) { try await database.run(statement) }
            try await database.run(ContinuityStore.reload)
        }
        if before.mode != "on" {
            try await cluster.stop(.fast)
            try await cluster.start()
        }
        try await backrest.run("check", timeMax: .seconds(300))
        let troubles = await KeptRecords.keep(folder)
        return [
            "repositories  " + settings.repositories.joined(separator: ", "),
            "key           \(folder.sealedKey), wrapped by the vault's key: keep a copy of both apart from the backups",
            "archiving     on, checked in every repository",
        ] + locks + troubles
    }

    /// A disk that is not mounted looks like a repository that was lost: which one it is, somebody must say.
    private func begin(_ settings: BackupSettings, anew: Bool) async throws {
        for (index, root) in settings.repositories.enumerated() where root.hasPrefix("/") {
            let expected = try journal.expected(in: index + 1)
            guard !expected.isEmpty, !RepositoryPlace.isThere(root) else { continue }
            guard anew else {
                throw ContinuityError(
                    code: "repository_not_there",
                    message: "\(root) is empty, and \(expected.count) sets were made in it",
                    hint: "Mount it; if it is lost for good: digitalbank backup init --begin-anew.",
                    exitStatus: .conflict)
            }
            try await journal.append(.begun, root, ["repository": "\(index + 1)"])
            for label in expected { RepositoryManifest.remove(folder, index + 1, label) }
        }
    }

    /// Repositories that another pass phrase opens.
    private func holding(_ settings: BackupSettings) async throws -> [String] {
        guard !FileManager.default.fileExists(atPath: folder.sealedKey) else { return [] }
        var found: [String] = []
        for (index, root) in settings.repositories.enumerated() {
            if let remote = try RemoteRepository(settings, index + 1, folder, now: now) {
                let names = try await remote.listing().current(remote.place).keys
                if names.contains(where: { $0.hasPrefix("backup/\(BackupSettings.stanza)/") }) {
                    found.append("\(root) holds backups")
                }
            } else if RepositoryPlace.isThere(root) {
                found.append("\(root) holds backups")
            }
        }
        return found
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
        try await FolderLock.hold(folder.setsLock) { try await makeAlone(kind, repository: only) }
    }

    private func makeAlone(_ kind: BackupSet.Kind, repository only: Int?) async throws -> Made {
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
                await raise(.backupFailed(repository: index + 1, error.message))
            }
        }
        if made.sets.isEmpty, let first { throw first }
        await keepCopies(settings, &made)
        for set in made.sets where !made.damaged.contains(set.label) {
            await close("backup-failed", "repository \(set.repository)")
        }
        await refreshSets()
        try? await withBank(cluster) { try await RelationMapStore(database: $0).refresh() }
        made.failures += await KeptRecords.keep(folder)
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
        var problems: [String] = []
        let signed = try RepositoryManifest.all(folder, of: repository, problems: &problems)
        let labels = Set(signed.map(\.label))
        func isSound(_ label: String) -> Bool { !known.damaged.contains(label) && labels.contains(label) }
        if let ground, ground.hasBadPages || !([ground.label] + ground.references).allSatisfy(isSound) { kind = .full }
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
        let covered = signed.reduce(into: Set<String>()) { $0.formUnion($1.files.keys) }
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
            try await journal.append(
                .damaged, set.label, ["repository": "\(repository)", "reason": reason, "by": "backup"])
            await raise(.backupFailed(repository: repository, "\(set.label): \(reason)"))
            made.failures.append(
                "\(set.label) in repository \(repository) is kept aside and never pushes a sound set out: \(reason)")
        }
        made.sets.append(set)
    }

    // MARK: list

    public func list() async throws -> (sets: [ListedSet], troubles: [String]) {
        let settings = try BackupSettings.load(folder)
        let inventory = try await PgBackRest(folder: folder).inventory()
        var listed: [ListedSet] = []
        for repository in settings.repositories.indices.map({ $0 + 1 }) {
            let known = try journal.knowledge(of: repository)
            listed += inventory.sets.filter { $0.repository == repository }.map {
                ListedSet(
                    set: $0, isProved: known.proved[$0.label] != nil,
                    isDamaged: $0.hasBadPages || !known.damaged.isDisjoint(with: [$0.label] + $0.references))
            }
        }
        let troubles = inventory.troubles.sorted { $0.key < $1.key }.map { "repository \($0.key): \($0.value)" }
        return (
            listed.sorted { ($0.set.stoppedAt, $0.set.repository) < ($1.set.stoppedAt, $1.set.repository) }, troubles
        )
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
