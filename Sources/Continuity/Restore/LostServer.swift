internal import Foundation
internal import PostgresServer

/// Makes a data directory of what is left when a server is gone: one repository and the keys.
public struct LostServer: Sendable {
    let desk: BackupDesk

    public init(desk: BackupDesk) { self.desk = desk }

    public struct Adopted: Sendable {
        /// Which of the bank's repositories it is.
        public let number: Int
        public let lines: [String]
    }

    /// Brings settings, journal and signed lists back from beside the repository, or from the keys.
    ///
    /// - Parameter keys: a copy of `keys` from where it is kept apart.
    public func adopt(repository: String, keys: String) async throws -> Adopted {
        let folder = desk.folder
        for path in [folder.settings, folder.cluster] where FileManager.default.fileExists(atPath: path) {
            throw ContinuityError(
                code: "data_directory_taken", message: "\(path) is there: this machine has a bank of its own",
                hint: "Give an empty --data-dir; without --repository PATH this bank's own backups are restored.",
                exitStatus: .conflict)
        }
        let isRemote = repository.hasPrefix(BucketPlace.scheme)
        guard isRemote || RepositoryPlace.isThere(repository) else {
            throw ContinuityError(
                code: "repository_not_there", message: "there is no repository of a bank in \(repository)",
                hint: "Give the folder that holds archive and backup, or s3://BUCKET/PATH; is its disk mounted?",
                exitStatus: .badInput)
        }
        try bring(keys)
        try folder.prepare()
        // A bucket has no records beside it: the keys say how it is reached.
        let places = (isRemote ? [] : [KeptRecords.place(in: repository)]) + [KeptRecords.place(folder)]
        var lines: [String] = []
        var found: KeptRecords?
        var number = 1
        for place in places {
            do {
                guard let records = try KeptRecords.read(place, folder) else { continue }
                found = found ?? records
                if records.repository > 0 { number = records.repository }
            } catch let error as ContinuityError {
                lines.append("NOT BELIEVED  \(error.message)")
            }
        }
        if isRemote {
            guard let index = found?.settings.repositories.firstIndex(of: repository) else {
                throw ContinuityError.file("restore from", repository, "the keys hold no record of it")
            }
            number = index + 1
        }
        try KeptRecords.bring(from: places, into: folder)
        let settings = settings(found, repository, number, &lines)
        try settings.save(folder)
        if found == nil {
            lines.append(
                "records      neither the repository nor the keys hold any: marks of damage and proofs are lost")
        } else {
            let entries = try desk.journal.entries()
            lines.append("records      \(entries.count) entries of the journal, up to \(entries.last?.at ?? "none")")
        }
        return Adopted(number: number, lines: lines)
    }

    private func bring(_ keys: String) throws {
        let target = desk.folder.keys
        let (from, to) = (URL(filePath: keys).standardizedFileURL.path, URL(filePath: target).standardizedFileURL.path)
        guard from != to else { return }
        guard !FileManager.default.fileExists(atPath: target) else {
            throw ContinuityError.file("bring the keys to", target, "there are keys already")
        }
        do {
            try FileManager.default.createDirectory(
                atPath: desk.folder.dataDirectory, withIntermediateDirectories: true)
            try FileManager.default.copyItem(atPath: keys, toPath: target)
        } catch {
            throw ContinuityError.keyLost("\(keys): \(error.localizedDescription)")
        }
        chmod(target, 0o700)
    }

    /// The bank's, with this repository where it is now. The others keep their numbers; one that is not reached from here is an
    /// empty place until `backup init` names it.
    private func settings(
        _ records: KeptRecords?, _ repository: String, _ number: Int, _ lines: inout [String]
    ) -> BackupSettings {
        guard let records, records.settings.repositories.indices.contains(number - 1) else {
            return BackupSettings(repositories: [repository])
        }
        var settings = records.settings
        settings.isSynchronous = nil
        for (index, root) in records.settings.repositories.enumerated() {
            if index == number - 1 {
                settings.repositories[index] = repository
            } else if !isReached(root, records.settings) {
                settings.repositories[index] = desk.folder.path + "/repository\(index + 1)"
                lines.append("repository \(index + 1)  \(root) is not reached from here")
            }
        }
        return settings
    }

    private func isReached(_ root: String, _ settings: BackupSettings) -> Bool {
        guard root.hasPrefix(BucketPlace.scheme) else { return RepositoryPlace.isThere(root) }
        guard let store = try? settings.store(of: root)?.0, (try? ObjectStoreKey.read(store)) != nil else {
            return false
        }
        return store.authorityFile.map { FileManager.default.fileExists(atPath: $0) } ?? true
    }
}
