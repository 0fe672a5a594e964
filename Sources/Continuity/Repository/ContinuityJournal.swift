internal import Diagnostics
internal import Cryptography
internal import Evidence
internal import Foundation
internal import Postgres

/// What happened to backups, in a signed file outside the database: it tells of the database's loss.
struct ContinuityJournal: Sendable {
    let folder: ContinuityFolder
    let now: @Sendable () -> Date

    enum Kind: String, Sendable {
        case made = "backup.made"
        case damaged = "backup.damaged"
        case failed = "backup.failed"
        case expired = "backup.expired"
        /// A verification found a set whole that an earlier one had not.
        case whole = "backup.whole"
        case verified = "backup.verified"
        /// A repository was begun again, empty.
        case begun = "repository.begun"
        case proved = "drill.passed"
        case refuted = "drill.failed"
        /// The drill failed by what is wrong in the bank itself, or around it: nothing speaks against the set.
        case unproved = "drill.unproved"
        case restored = "restore.done"
        /// A restored cluster is about to take the bank's place; and it was taken back.
        case switching = "restore.switching"
        case switchedBack = "restore.switched-back"
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
        for entry in try entries() where entry.fields["repository"] == "\(repository)" {
            let label = entry.subject
            let seconds = entry.seconds
            switch entry.kind {
            case .damaged where Self.isByVerification(entry): known.mark(label, entry.fields["reason"] ?? "")
            case .damaged, .refuted: known.condemn(label, entry.fields["reason"] ?? "")
            case .whole: known.clear(label)
            case .proved: known.prove(label, at: seconds)
            case .begun: known = RetentionRule.Knowledge()
            default: break
            }
        }
        return known
    }

    /// Older entries do not say who found the damage: a backup names pages.
    private static func isByVerification(_ entry: Entry) -> Bool {
        if let finder = entry.fields["by"] { return finder == "verify" }
        let reason = entry.fields["reason"] ?? ""
        return !reason.contains("pages are bad") && !reason.contains("pgbackrest died")
    }

    /// Labels that were made in a repository and not removed by us.
    func expected(in repository: Int) throws -> Set<String> {
        var labels: Set<String> = []
        for entry in try entries() where entry.fields["repository"] == "\(repository)" {
            if entry.kind == .made { labels.insert(entry.subject) }
            if entry.kind == .begun { labels = [] }
            if entry.kind == .expired {
                labels = labels.filter { $0 != entry.subject && !$0.hasPrefix(entry.subject + "_") }
            }
        }
        return labels
    }

    /// What was left behind when a restored cluster took the bank's place; also where nothing but the switch's beginning could be
    /// noted and the bank before was moved aside.
    func abandoned() throws -> [AbandonedLog] {
        let unfinished = try unfinishedSwitch().flatMap { entry in
            FileManager.default.fileExists(atPath: entry.fields["aside"] ?? "") ? entry : nil
        }
        return try (entries().filter { $0.kind == .restored } + [unfinished].compactMap(\.self)).compactMap { entry in
            guard let timeline = entry.fields["timeline"].flatMap({ UInt32($0) }),
                let reached = entry.fields["reached"].flatMap({ LogPosition($0) })
            else { return nil }
            return AbandonedLog(timeline: timeline, reached: reached)
        }
    }

    /// The drills of all time, oldest first: when, and whether each passed.
    func drills() throws -> [(at: Int64, passed: Bool)] {
        try entries().filter { [.proved, .refuted, .unproved].contains($0.kind) }.map { entry in
            (entry.seconds, entry.isPassed)
        }
    }

    func newest(_ kind: Kind) throws -> Int64? {
        try entries().last { $0.kind == kind }.map(\.seconds)
    }
}

extension ContinuityJournal.Entry {
    /// Since 1970. The journal writes UTC without saying so.
    var seconds: Int64 { Moment.seconds(of: at.hasSuffix("Z") ? at : at + "Z") ?? 0 }

    /// A drill's: a set may be proved while something in the bank itself is wrong.
    var isPassed: Bool { kind == .proved && fields["passed"] != "false" }
}

/// Log behind the place where a restored cluster went its own way: sets that end there are of a bank that is no more.
struct AbandonedLog: Sendable, Hashable {
    /// The timeline that began there.
    let timeline: UInt32
    let reached: LogPosition

    func covers(_ set: BackupSet) -> Bool {
        guard let own = LogSegment(set.lastSegment)?.timeline else { return false }
        return own < timeline && set.stopPosition > reached
    }
}
