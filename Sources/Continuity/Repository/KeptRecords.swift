internal import Cryptography
internal import Evidence
internal import Foundation
internal import PostgresServer

/// What is known of the backups, kept in more than one place: settings, journal and signed lists go with the server, so that each
/// repository that is a folder has them too, below `digitalbank`, and `keys` has them, below `continuity`.
struct KeptRecords: Codable, Sendable {
    /// What `backup init` decided, where it was decided, and which of the repositories this one is; 0 with the keys.
    let settings: BackupSettings
    let dataDirectory: String
    let repository: Int

    static let name = "records.json"
    private static let journalName = "journal.jsonl"

    static func place(in repository: String) -> String { repository + "/digitalbank" }
    static func place(_ folder: ContinuityFolder) -> String { folder.keys + "/continuity" }

    /// Brings every place up to date; returns what could not be kept, in words. A repository that is not there is left alone.
    static func keep(_ folder: ContinuityFolder) async -> [String] {
        guard let settings = try? BackupSettings.load(folder) else { return [] }
        var troubles: [String] = []
        let roots = settings.repositories.enumerated().filter { RepositoryPlace.isThere($0.element) }
        for (path, number) in roots.map({ (place(in: $0.element), $0.offset + 1) }) + [(place(folder), 0)] {
            do {
                try await FolderLock.hold(folder.path + "/records.lock") {
                    try keep(
                        KeptRecords(settings: settings, dataDirectory: folder.dataDirectory, repository: number), path,
                        folder)
                }
            } catch {
                troubles.append(
                    "the records are not kept in \(path): \((error as? ContinuityError)?.message ?? "\(error)")")
            }
        }
        return troubles
    }

    private static func keep(_ records: KeptRecords, _ path: String, _ folder: ContinuityFolder) throws {
        try ContinuityFolder.make(path, mode: 0o700)
        try ContinuityFolder.make(path + "/manifests", mode: 0o700)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        let text = String(decoding: try encoder.encode(records), as: UTF8.self) + "\n"
        if (try? String(contentsOfFile: path + "/" + name, encoding: .utf8)) != text {
            try ContinuityFolder.write(text, to: path + "/" + name)
            try FileSigner(key: try SigningKey.open(path: folder.evidenceKey)).sign(path + "/" + name, at: Date())
        }
        guard try continues(path, folder) else {
            throw ContinuityError.file("write", path, "the journal there is not the beginning of \(folder.journal)")
        }
        try copy(folder.journal, to: path + "/" + journalName)
        for file in try names(folder.manifests) {
            try copy(folder.manifests + "/" + file, to: path + "/manifests/" + file)
        }
        // What the journal does not call removed stays, though somebody removed it here.
        let removed = try ContinuityJournal(folder: folder) { Date() }.entries().filter { $0.kind == .expired }
            .map { "\($0.fields["repository"] ?? "")-\($0.subject)" }
        for file in try names(path + "/manifests") where removed.contains(where: file.hasPrefix) {
            unlink(path + "/manifests/" + file)
        }
    }

    /// Whether our journal begins with the one that is kept there.
    static func continues(_ path: String, _ folder: ContinuityFolder) throws -> Bool {
        guard let kept = FileManager.default.contents(atPath: path + "/" + journalName), !kept.isEmpty else {
            return true
        }
        return (FileManager.default.contents(atPath: folder.journal) ?? Data()).starts(with: kept)
    }

    private static func names(_ folder: String) throws -> [String] {
        do {
            return try FileManager.default.contentsOfDirectory(atPath: folder).filter {
                $0.hasSuffix(".json") || $0.hasSuffix(".sig")
            }
        } catch {
            throw ContinuityError.file("list", folder, error.localizedDescription)
        }
    }

    /// Only what is another one: lists are written once, the journal grows.
    private static func copy(_ source: String, to target: String) throws {
        guard let data = FileManager.default.contents(atPath: source) else { return }
        if let there = FileManager.default.contents(atPath: target), there == data { return }
        try ContinuityFolder.write(String(decoding: data, as: UTF8.self), to: target)
    }

    /// What a place holds, if it was signed by the bank's key; nil where there is nothing.
    static func read(_ path: String, _ folder: ContinuityFolder) throws -> KeptRecords? {
        let file = path + "/" + name
        guard let data = FileManager.default.contents(atPath: file) else { return nil }
        let key = try SigningKey.open(path: folder.evidenceKey)
        guard let verdict = try? OfflineVerifier.verify(path: file, fingerprint: key.publicKey.fingerprint),
            verdict.isValid,
            let records = try? JSONDecoder().decode(KeptRecords.self, from: data)
        else { throw ContinuityError.file("believe", file, "it is not what this bank's key signed") }
        return records
    }

    /// Puts journal and lists of these places into a folder that has none: the longest journal that holds, every list.
    static func bring(from places: [String], into folder: ContinuityFolder) throws {
        let key = try SigningKey.open(path: folder.evidenceKey)
        var journal = Data()
        for place in places {
            let file = place + "/" + journalName
            guard let data = FileManager.default.contents(atPath: file), data.count > journal.count,
                let verdict = try? OfflineVerifier.verify(path: file, fingerprint: key.publicKey.fingerprint),
                verdict.isValid
            else { continue }
            journal = data
        }
        if !journal.isEmpty { try ContinuityFolder.write(String(decoding: journal, as: UTF8.self), to: folder.journal) }
        for place in places {
            for file in (try? names(place + "/manifests")) ?? [] {
                let target = folder.manifests + "/" + file
                guard !FileManager.default.fileExists(atPath: target) else { continue }
                try copy(place + "/manifests/" + file, to: target)
            }
        }
    }
}

/// A repository's folder, and whether it is there.
enum RepositoryPlace {
    /// A disk that is not mounted leaves an empty folder, or none.
    static func isThere(_ root: String) -> Bool {
        guard root.hasPrefix("/") else { return false }
        return ["backup", "archive"].allSatisfy { part in
            var isFolder: ObjCBool = false
            let path = "\(root)/\(part)/\(BackupSettings.stanza)"
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
        }
    }
}
