internal import Evidence
internal import Foundation

/// A repository behind S3, beside what pgBackRest does with it: which versions its files had when they were signed.
///
/// pgBackRest 2.45 sees the newest versions only; a version under a lock stays whatever is written over it.
struct RemoteRepository: Sendable {
    let number: Int
    let client: ObjectStoreClient
    let folder: ContinuityFolder

    /// Nil when the repository is a folder.
    init?(
        _ settings: BackupSettings, _ number: Int, _ folder: ContinuityFolder,
        now: @escaping @Sendable () -> Date = { Date() }
    ) throws {
        guard settings.repositories.indices.contains(number - 1),
            let (store, place) = try settings.store(of: settings.repositories[number - 1])
        else { return nil }
        self.number = number
        self.folder = folder
        client = ObjectStoreClient(
            store, place, key: try ObjectStoreKey.read(store), folder: folder.path, now: now)
    }

    var place: BucketPlace { client.place }

    func listing() async throws -> ObjectListing {
        try await ObjectListing.read(client, prefix: place.prefix.isEmpty ? "" : place.prefix + "/")
    }

    static let catalogues = ["backup/bank/backup.info", "archive/bank/archive.info"].flatMap { [$0, $0 + ".copy"] }

    /// Reads each new file back once, and signs what it was and which version held it.
    func sign(_ set: BackupSet, covered: Set<String>, at date: Date) async throws {
        let current = try await listing().current(place)
        let names = current.keys.filter { name in
            name.hasPrefix("backup/\(BackupSettings.stanza)/\(set.label)/")
                || (name.hasPrefix("archive/\(BackupSettings.stanza)/") && !name.contains("archive.info")
                    && !covered.contains(name))
        }
        let files = try await digests(names.sorted().compactMap { current[$0] })
        let catalogues = try await digests(Self.catalogues.compactMap { current[$0] })
        try RepositoryManifest(label: set.label, repository: number, files: files, catalogues: catalogues)
            .save(folder, at: date)
    }

    /// By file, what these versions hold.
    func digests(_ versions: [ObjectVersion]) async throws -> [String: RepositoryManifest.File] {
        let room = try Room(folder)
        defer { room.clear() }
        var found: [String: RepositoryManifest.File] = [:]
        for start in stride(from: 0, to: versions.count, by: Self.filesAtOnce) {
            let part = Array(versions[start..<min(start + Self.filesAtOnce, versions.count)])
            let paths = part.indices.map { "\(room.path)/\($0)" }
            for (index, isThere) in try await fetch(part, to: paths).enumerated() {
                guard isThere, let name = place.name(of: part[index].key) else { continue }
                let file = try FileTree.digest(paths[index])
                found[name] = RepositoryManifest.File(
                    bytes: file.bytes, sha256: file.sha256, version: part[index].version)
                unlink(paths[index])
            }
        }
        return found
    }

    private static let filesAtOnce = 32

    /// Whether each came.
    private func fetch(_ versions: [ObjectVersion], to paths: [String]) async throws -> [Bool] {
        let requests = zip(versions, paths).map { version, path in
            ObjectStoreClient.Request(key: version.key, query: [("versionId", version.version)], output: path)
        }
        return try await client.send(requests).map(\.isDone)
    }

    /// What was put back together, and what could not be.
    struct Assembled: Sendable {
        let label: String
        var files = 0
        var lost: [String] = []
    }

    /// The repository as it was signed, in a new folder, out of the versions that the lock kept.
    ///
    /// Log behind the newest signed list comes in the first version that was written: a segment is written once.
    func assemble(into target: String) async throws -> Assembled {
        guard !FileManager.default.fileExists(atPath: target) else {
            throw ContinuityError.file("make", target, "it is there already")
        }
        var broken: [String] = []
        let manifests = try RepositoryManifest.all(folder, of: number, problems: &broken)
        guard let newest = manifests.max(by: { Self.moment($0.label) < Self.moment($1.label) }) else {
            throw ContinuityError.noSet("of repository \(number) was signed on this machine")
        }
        let catalogues = newest.catalogues ?? [:]
        var wanted = manifests.reduce(into: catalogues) { $0.merge($1.files) { first, _ in first } }
        let listing = try await listing()
        // S3 lists the newest version of a key first.
        for version in listing.versions {
            guard let name = place.name(of: version.key), name.hasPrefix("archive/"), !name.contains("archive.info"),
                wanted[name]?.sha256.isEmpty ?? true
            else { continue }
            wanted[name] = RepositoryManifest.File(bytes: version.bytes, sha256: "", version: version.version)
        }
        var assembled = Assembled(label: newest.label)
        assembled.lost = broken
        try await bring(wanted, into: target, &assembled)
        return assembled
    }

    private func bring(
        _ wanted: [String: RepositoryManifest.File], into target: String, _ assembled: inout Assembled
    ) async throws {
        let names = wanted.keys.sorted()
        for start in stride(from: 0, to: names.count, by: Self.filesAtOnce) {
            let part = names[start..<min(start + Self.filesAtOnce, names.count)]
            var versions: [ObjectVersion] = []
            var paths: [String] = []
            for name in part {
                guard let file = wanted[name], let version = file.version else { continue }
                versions.append(
                    ObjectVersion(key: place.key(name), version: version, bytes: file.bytes, isLatest: false))
                paths.append(target + "/" + name)
                try FileManager.default.createDirectory(
                    atPath: ((target + "/" + name) as NSString).deletingLastPathComponent,
                    withIntermediateDirectories: true)
            }
            let came = try await fetch(versions, to: paths)
            for (index, name) in part.enumerated() where index < came.count {
                let digest = wanted[name]?.sha256 ?? ""
                guard came[index], digest.isEmpty || (try? FileTree.digest(paths[index]).sha256) == digest else {
                    unlink(paths[index])
                    assembled.lost.append("\(name) is not what was signed, or gone")
                    continue
                }
                assembled.files += 1
            }
        }
    }

    private static func moment(_ label: String) -> String { String(label.split(separator: "_").last?.prefix(15) ?? "") }
}

/// A folder for what is looked at and thrown away.
private struct Room {
    let path: String

    init(_ folder: ContinuityFolder) throws {
        path = folder.path + "/s3-read-" + String(UInt64.random(in: .min ... .max), radix: 36)
        try ContinuityFolder.make(path, mode: 0o700)
    }

    func clear() { try? FileManager.default.removeItem(atPath: path) }
}

extension BackupSettings {
    /// How a repository behind S3 is reached; nil when it is a folder.
    func store(of repository: String) throws(ContinuityError) -> (ObjectStore, BucketPlace)? {
        guard repository.hasPrefix(BucketPlace.scheme) else { return nil }
        guard let place = BucketPlace(repository) else {
            throw .store("\(repository) is no s3://bucket/prefix of plain letters")
        }
        guard let store = objectStores?[repository] else { throw .store("\(repository) has no endpoint") }
        return (try store.checked(), place)
    }
}
