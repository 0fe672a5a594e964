internal import Diagnostics
internal import Cryptography
internal import Evidence
internal import Foundation

/// What happened to backups, in a signed file outside the database: it tells of the database's loss.
struct ContinuityJournal: Sendable {
    let folder: ContinuityFolder
    let now: @Sendable () -> Date

    enum Kind: String, Sendable {
        case made = "backup.made"
        case damaged = "backup.damaged"
        case failed = "backup.failed"
        case expired = "backup.expired"
        case proved = "drill.passed"
        case refuted = "drill.failed"
        case restored = "restore.done"
        case exported = "export.made"
        case givenBack = "restore.rows"
        case alarm = "watch.alarm"
    }

    struct Entry: Sendable {
        let kind: Kind
        /// The set's label, the restored folder, the watched thing.
        let subject: String
        let at: String
        let fields: [String: String]
    }

    /// Appends under a lock of its own: several programs write here, each line bound to the one before.
    func append(_ kind: Kind, _ subject: String, _ fields: [String: String] = [:]) async throws {
        let lock = open(folder.journal + ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw ContinuityError.file("lock", folder.journal, String(cString: strerror(errno))) }
        defer { close(lock) }
        // Held for milliseconds by whoever holds it.
        while flock(lock, LOCK_EX | LOCK_NB) != 0 {
            guard errno == EWOULDBLOCK || errno == EINTR else {
                throw ContinuityError.file("lock", folder.journal, String(cString: strerror(errno)))
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let body = String(decoding: try encoder.encode(fields), as: UTF8.self)
        let journal = try FileJournal.open(path: folder.journal, key: try SigningKey.open(path: folder.evidenceKey))
        try await journal.append(kind: kind.rawValue, subject: subject, body: body, at: now())
    }

    /// All entries, oldest first. Throws when the chain or a signature is broken: what it says decides what is removed.
    func entries() throws -> [Entry] {
        guard let data = FileManager.default.contents(atPath: folder.journal), !data.isEmpty else { return [] }
        let key = try SigningKey.open(path: folder.evidenceKey)
        let verdict = try OfflineVerifier.verify(path: folder.journal, fingerprint: key.publicKey.fingerprint)
        guard verdict.isValid else {
            throw ContinuityError(
                code: "continuity_journal_invalid",
                message: "\(folder.journal) was changed: \(verdict.lines.dropFirst().joined(separator: ";"))",
                hint: "Nothing is removed on its word. Keep it as evidence, and bring back the copy that is sound.",
                exitStatus: .unsound)
        }
        return data.split(separator: 10).compactMap { piece in
            guard let line = try? JSONDecoder().decode(JournalLine.self, from: piece),
                let kind = Kind(rawValue: line.kind)
            else { return nil }
            let fields = try? JSONDecoder().decode([String: String].self, from: Data(line.body.utf8))
            return Entry(kind: kind, subject: line.subject, at: line.at, fields: fields ?? [:])
        }
    }

    /// What the entries say about one repository's sets.
    func knowledge(of repository: Int) throws -> RetentionRule.Knowledge {
        var known = RetentionRule.Knowledge()
        let formatter = ISO8601DateFormatter()
        formatter.formatOptions = [.withInternetDateTime, .withFractionalSeconds]
        for entry in try entries() where entry.fields["repository"] == "\(repository)" {
            switch entry.kind {
            case .damaged, .refuted: known.damaged.insert(entry.subject)
            case .proved:
                known.damaged.remove(entry.subject)
                known.proved[entry.subject] = Int64(formatter.date(from: entry.at)?.timeIntervalSince1970 ?? 0)
            default: break
            }
        }
        return known
    }

    /// Labels that were made in a repository and not removed by us.
    func expected(in repository: Int) throws -> Set<String> {
        var labels: Set<String> = []
        for entry in try entries() where entry.fields["repository"] == "\(repository)" {
            if entry.kind == .made { labels.insert(entry.subject) }
            if entry.kind == .expired {
                labels = labels.filter { $0 != entry.subject && !$0.hasPrefix(entry.subject + "_") }
            }
        }
        return labels
    }
}
