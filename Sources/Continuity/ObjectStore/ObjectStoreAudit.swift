internal import Foundation
internal import PostgresServer

extension RepositoryAuditor {
    /// Every signed version is the newest one of its file and, read deeply, what it was; the lock holds.
    ///
    /// Returns the segments of log that are there.
    func objects(of remote: RemoteRepository, deep: Bool, _ audit: inout RepositoryAudit) async throws -> Set<
        LogSegment
    > {
        let lock = try await ObjectStoreLock.look(remote.client)
        for trouble in lock.troubles(settings) { audit.add(trouble.kind, remote.number, nil, trouble.words) }
        let listing = try await remote.listing()
        let current = listing.current(remote.place)
        let held = ArchiveFolder.segments(of: Array(current.keys))
        var broken: [String] = []
        let manifests = try RepositoryManifest.all(folder, of: remote.number, problems: &broken)
        for words in broken { audit.add("list-changed", remote.number, nil, words) }
        for label in try journal.expected(in: remote.number).subtracting(manifests.map(\.label)).sorted() {
            audit.add("list-missing", remote.number, label, "the signed list of \(label) is gone")
        }
        let kept = Set(listing.versions.map { $0.key + "\n" + $0.version })
        for manifest in manifests {
            audit.setsChecked += 1
            let found = deep ? try await remote.digests(versions(manifest, remote, kept)) : [:]
            for (name, file) in manifest.files.sorted(by: { $0.key < $1.key }) {
                audit.filesChecked += 1
                let version = file.version ?? ""
                let isKept = kept.contains(remote.place.key(name) + "\n" + version)
                if let now = current[name], now.version == version, now.bytes == file.bytes {
                    if deep, found[name] != file { tell(name, manifest, "changed", "is not what was signed", &audit) }
                    continue
                }
                let way =
                    isKept
                    ? "its signed version is kept: digitalbank backup copy --into brings it back"
                    : "its signed version too"
                if current[name] != nil {
                    tell(name, manifest, "changed", "was written over; " + way, &audit)
                } else if !isBeforeOldest(name, held) {
                    tell(name, manifest, "missing", "is gone; " + way, &audit)
                }
            }
        }
        return held
    }

    private func versions(
        _ manifest: RepositoryManifest, _ remote: RemoteRepository, _ kept: Set<String>
    ) -> [ObjectVersion] {
        manifest.files.compactMap { name, file in
            let key = remote.place.key(name)
            guard let version = file.version, kept.contains(key + "\n" + version) else { return nil }
            return ObjectVersion(key: key, version: version, bytes: file.bytes, isLatest: true)
        }
    }

    private func tell(
        _ name: String, _ manifest: RepositoryManifest, _ kind: String, _ words: String, _ audit: inout RepositoryAudit
    ) {
        let isLog = name.hasPrefix("archive/")
        audit.add(
            (isLog ? "log-" : "file-") + kind, manifest.repository, isLog ? nil : manifest.label, "\(name) \(words)")
    }
}

extension BackupDesk {
    /// Looks at each bucket before anything relies on it; what `backup init` says about them.
    func prepareStores(_ settings: inout BackupSettings) async throws -> [String] {
        var lines: [String] = []
        for (index, repository) in settings.repositories.enumerated() {
            guard var (store, _) = try settings.store(of: repository) else { continue }
            if let authority = store.authorityFile, !authority.hasPrefix(folder.path + "/") {
                guard let text = try? String(contentsOfFile: authority, encoding: .utf8) else {
                    throw ContinuityError.file("read", authority, "it is no certificate")
                }
                // pgBackRest reads it as the server's user.
                store.authorityFile = folder.path + "/s3-authority-\(index + 1).pem"
                try Cluster.writeServerFile(text, to: folder.path + "/s3-authority-\(index + 1).pem")
                settings.objectStores?[repository] = store
            }
            guard let remote = try RemoteRepository(settings, index + 1, folder, now: now) else { continue }
            let lock = try await ObjectStoreLock.look(remote.client)
            let troubles = lock.troubles(settings)
            lines += troubles.map { "NOT LOCKED    repository \(index + 1): \($0.words)" }
            if troubles.isEmpty, let mode = lock.mode, let days = lock.days {
                lines.append(
                    "locked        repository \(index + 1): \(mode.rawValue), \(days) days; a removal was refused")
            }
            if lock.mode == .governance {
                lines.append(
                    "              whoever holds s3:BypassGovernanceRetention removes all the same: COMPLIANCE lets nobody"
                )
            }
        }
        return lines
    }

    /// What is wrong with the buckets of this bank's repositories; empty when all is well or there is none.
    public func storeTroubles() async -> [String] {
        guard let settings = try? BackupSettings.load(folder) else { return [] }
        var lines: [String] = []
        for (index, repository) in settings.repositories.enumerated() where repository.hasPrefix(BucketPlace.scheme) {
            do {
                guard let remote = try RemoteRepository(settings, index + 1, folder, now: now) else { continue }
                let troubles = try await ObjectStoreLock.look(remote.client).troubles(settings)
                lines += troubles.map { "\(repository): \($0.kind): \($0.words)" }
            } catch {
                lines.append("\(repository): \((error as? ContinuityError)?.message ?? "\(error)")")
            }
        }
        return lines
    }
}
