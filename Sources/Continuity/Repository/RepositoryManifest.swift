internal import Cryptography
internal import Evidence
internal import Foundation

/// Digests of the files of one set, signed when it was made. pgBackRest's cipher is not authenticated and its own digests
/// lie inside the repository: these lie outside.
struct RepositoryManifest: Codable, Sendable {
    struct File: Codable, Sendable, Hashable {
        let bytes: Int64
        let sha256: String
        /// Behind S3: the version that held it.
        var version: String?
    }

    let label: String
    let repository: Int
    /// By path below the repository.
    let files: [String: File]
    /// Behind S3: pgBackRest's catalogues as they were then. They change with each set.
    var catalogues: [String: File]?

    static func path(_ folder: ContinuityFolder, _ repository: Int, _ label: String) -> String {
        "\(folder.manifests)/\(repository)-\(label).json"
    }

    /// Reads the set's files and those of the archive that no manifest covers yet, and signs what they are.
    static func write(
        _ set: BackupSet, at root: String, covered: Set<String>, _ folder: ContinuityFolder, at date: Date
    ) throws {
        let own = try FileTree.files(below: root, "backup/\(BackupSettings.stanza)/\(set.label)")
        let archive = try FileTree.files(below: root, "archive/\(BackupSettings.stanza)")
            .filter { !$0.contains("archive.info") && !covered.contains($0) }
        var files: [String: File] = [:]
        for name in own + archive { files[name] = try FileTree.digest(root + "/" + name) }
        try RepositoryManifest(label: set.label, repository: set.repository, files: files).save(folder, at: date)
    }

    func save(_ folder: ContinuityFolder, at date: Date) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let path = Self.path(folder, repository, label)
        try ContinuityFolder.write(String(decoding: try encoder.encode(self), as: UTF8.self) + "\n", to: path)
        try FileSigner(key: try SigningKey.open(path: folder.evidenceKey)).sign(path, at: date)
    }

    /// The manifests of one repository; `problems` gets those whose signature does not hold.
    static func all(
        _ folder: ContinuityFolder, of repository: Int, problems: inout [String]
    ) throws -> [RepositoryManifest] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.manifests)) ?? []
        let key = try SigningKey.open(path: folder.evidenceKey)
        var manifests: [RepositoryManifest] = []
        for name in names.sorted() where name.hasPrefix("\(repository)-") && name.hasSuffix(".json") {
            let path = folder.manifests + "/" + name
            guard let verdict = try? OfflineVerifier.verify(path: path, fingerprint: key.publicKey.fingerprint),
                verdict.isValid, let data = FileManager.default.contents(atPath: path),
                let manifest = try? JSONDecoder().decode(RepositoryManifest.self, from: data)
            else {
                problems.append("the signed list \(name) is not what was signed")
                continue
            }
            manifests.append(manifest)
        }
        return manifests
    }

    static func remove(_ folder: ContinuityFolder, _ repository: Int, _ label: String) {
        unlink(path(folder, repository, label))
        unlink(path(folder, repository, label) + ".sig")
    }
}

/// Files of a folder, by their paths below it.
enum FileTree {
    private static let filesMax = 5_000_000

    static func files(below root: String, _ part: String) throws -> [String] {
        var found: [String] = []
        var folders = [part]
        while let folder = folders.popLast() {
            guard let names = try? FileManager.default.contentsOfDirectory(atPath: root + "/" + folder) else {
                continue
            }
            for name in names {
                let path = folder + "/" + name
                var facts = stat()
                guard lstat(root + "/" + path, &facts) == 0 else { continue }
                if facts.st_mode & S_IFMT == S_IFDIR { folders.append(path) }
                if facts.st_mode & S_IFMT == S_IFREG { found.append(path) }
            }
            guard found.count < filesMax else { throw ContinuityError.file("list", root, "it holds too many files") }
        }
        return found.sorted()
    }

    static func digest(_ path: String) throws -> RepositoryManifest.File {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw ContinuityError.file("read", path, String(cString: strerror(errno))) }
        defer { close(descriptor) }
        var hash = try SHA256()
        var total: Int64 = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { throw ContinuityError.file("read", path, String(cString: strerror(errno))) }
            if count == 0 { break }
            buffer.withUnsafeBytes { hash.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
            total += Int64(count)
        }
        return RepositoryManifest.File(bytes: total, sha256: hash.finalize().hex)
    }
}
