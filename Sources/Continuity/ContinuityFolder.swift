internal import Diagnostics
internal import Foundation
internal import PostgresServer

/// Where backups and what belongs to them stand below a data directory.
public struct ContinuityFolder: Sendable {
    public let dataDirectory: String

    public init(dataDirectory: String) { self.dataDirectory = dataDirectory }

    public var path: String { dataDirectory + "/continuity" }
    public var cluster: String { dataDirectory + "/bank" }
    var keys: String { dataDirectory + "/keys" }
    var evidenceKey: String { keys + "/evidence.pem" }
    /// The repositories' pass phrase, sealed by the vault's key.
    var sealedKey: String { keys + "/backup.json" }
    /// For pgBackRest; holds the pass phrase, for the server's user only.
    var configuration: String { path + "/pgbackrest.conf" }
    var settings: String { path + "/settings.json" }
    /// What was made, proved, found and removed: outside the database, since it tells of the database's loss.
    var journal: String { path + "/journal.jsonl" }
    var logs: String { path + "/log" }
    var locks: String { path + "/lock" }
    /// Held by whoever makes or removes sets.
    var setsLock: String { path + "/sets.lock" }
    /// Held by the one keeper.
    var keeperLock: String { path + "/keeper.lock" }
    var spool: String { path + "/spool" }
    /// Signed digests of each set's files.
    var manifests: String { path + "/manifests" }
    public var drills: String { path + "/drills" }
    /// Written by the receiver as the log comes.
    public var receivedLog: String { path + "/received" }
    /// Clusters that a drill makes and removes.
    var scratch: String { path + "/scratch" }
    /// Sealed logical exports.
    var exports: String { path + "/exports" }
    /// Copies that nobody changes any more.
    var immutable: String { path + "/immutable" }

    /// Makes our folders, and those of the server's user.
    func prepare() throws {
        for folder in [path, scratch] { try Self.make(folder, mode: 0o711) }
        for folder in [keys, manifests, drills, receivedLog, immutable, exports] { try Self.make(folder, mode: 0o700) }
        for folder in [logs, locks, spool] { try Cluster.makeServerFolder(folder) }
    }

    static func make(_ folder: String, mode: Int) throws {
        let isNew = !FileManager.default.fileExists(atPath: folder)
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw ContinuityError.file("make", folder, "\(error.localizedDescription)")
        }
        if isNew { chmod(folder, mode_t(mode)) }
    }

    /// Writes beside, flushes, renames: whole or not at all, for our user only.
    static func write(_ text: String, to path: String) throws {
        // A name of its own: two that write at once must not take each other's file.
        let aside = path + ".\(UInt64.random(in: .min ... .max)).new"
        let descriptor = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw ContinuityError.file("write", path, String(cString: strerror(errno))) }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        do {
            try handle.write(contentsOf: Data(text.utf8))
            try handle.synchronize()
        } catch {
            unlink(aside)
            throw ContinuityError.file("write", path, error.localizedDescription)
        }
        guard rename(aside, path) == 0 else {
            unlink(aside)
            throw ContinuityError.file("write", path, String(cString: strerror(errno)))
        }
    }
}

/// What `backup init` decided, in `settings.json`.
public struct BackupSettings: Codable, Sendable, Hashable {
    /// Folders of the repositories, the first on this machine, the second best on another disk; or `s3://bucket/prefix`.
    public var repositories: [String]
    /// How each repository behind S3 is reached, by its name above.
    public var objectStores: [String: ObjectStore]?
    public var retention = Retention()
    /// Seconds between two acts of `backup run`.
    public var schedule = Schedule()
    /// Whether a commit waits until the receiver has it on disk; nil is no.
    public var isSynchronous: Bool?
    /// A folder for copies that nobody changes; nil is none.
    public var immutableCopy: String?

    public struct Retention: Codable, Sendable, Hashable {
        /// Full sets that stay whatever their age.
        public var fullsMin = 2
        /// Days for which any moment can be restored.
        public var days = 35

        public init() {}
    }

    public struct Schedule: Codable, Sendable, Hashable {
        public var fullEvery = 7 * 86_400
        public var differentialEvery = 86_400
        public var incrementalEvery = 3_600
        public var drillEvery = 86_400
        public var beatEvery = 10
        /// Of sealed exports; nil is a week.
        public var exportEvery: Int?
        /// Of verifications of everything; nil is a day.
        public var verifyEvery: Int?
        /// Seconds of work that a drill may find lost; nil is five minutes.
        public var lossMax: Int?
        /// Seconds without a receiver after which commits no longer wait for it, with an alarm: the bank goes on.
        public var receiverPatience = 30

        public init() {}
    }

    static let stanza = "bank"

    public init(repositories: [String]) { self.repositories = repositories }

    static func load(_ folder: ContinuityFolder) throws -> BackupSettings {
        guard let data = FileManager.default.contents(atPath: folder.settings) else {
            throw ContinuityError.notPrepared(folder.path)
        }
        guard let settings = try? JSONDecoder().decode(BackupSettings.self, from: data) else {
            throw ContinuityError.file("read", folder.settings, "it is not as backup init wrote it")
        }
        return settings
    }

    func save(_ folder: ContinuityFolder) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try ContinuityFolder.write(
            String(decoding: try encoder.encode(self), as: UTF8.self) + "\n", to: folder.settings)
    }
}
