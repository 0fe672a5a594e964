internal import Foundation

/// What a verification looked at and found.
public struct RepositoryAudit: Sendable {
    public struct Finding: Sendable, Hashable, Codable {
        /// `file-changed`, `log-hole`, … : docs/guides/continuity.md lists them.
        public let kind: String
        public let repository: Int
        /// The set that can not be trusted any more; nil when it is not one set's matter.
        public let label: String?
        public let words: String
    }

    public var findings: [Finding] = []
    public var filesChecked = 0
    public var setsChecked = 0
    /// Segments of the log by repository.
    var held: [Int: Set<LogSegment>] = [:]
    /// Sets that were looked at from end to end, by repository.
    var looked: [Int: Set<String>] = [:]
    public var isSound: Bool { findings.isEmpty }

    mutating func add(_ kind: String, _ repository: Int, _ label: String? = nil, _ words: String) {
        findings.append(Finding(kind: kind, repository: repository, label: label, words: words))
    }
}

/// Verifies repositories against what was signed when their sets were made, against the journal, and by pgBackRest.
struct RepositoryAuditor: Sendable {
    let folder: ContinuityFolder
    let settings: BackupSettings
    let backrest: PgBackRest
    let journal: ContinuityJournal

    private static let namedMax = 20

    func audit(deep: Bool) async throws -> RepositoryAudit {
        var audit = RepositoryAudit()
        let inventory: Inventory
        do {
            inventory = try await backrest.inventory()
        } catch let error as ContinuityError {
            audit.add("repository-unreadable", 0, nil, error.message)
            return audit
        }
        for (index, root) in settings.repositories.enumerated() {
            try await look(at: index + 1, root, inventory, deep: deep, &audit)
        }
        if deep { try await byPgBackRest(&audit) }
        return audit
    }

    /// What can not be read is told, and condemns no set: a disk that comes back brings its sets back.
    private func look(
        at repository: Int, _ root: String, _ inventory: Inventory, deep: Bool, _ audit: inout RepositoryAudit
    ) async throws {
        let trouble = inventory.troubles[repository]
        if let trouble {
            audit.add("repository-unreadable", repository, nil, "repository \(repository): \(trouble)")
        }
        let before = audit
        let held: Set<LogSegment>
        do {
            if let remote = try RemoteRepository(settings, repository, folder) {
                held = try await objects(of: remote, deep: deep, &audit)
            } else {
                guard RepositoryPlace.isThere(root) else { return missing(repository, root, trouble, &audit) }
                held = ArchiveFolder.segments(below: root)
                try files(of: repository, at: root, held, &audit)
                guard RepositoryPlace.isThere(root) else {
                    // It went away while it was read.
                    audit = before
                    return missing(repository, root, trouble, &audit)
                }
            }
        } catch let error as ContinuityError where root.hasPrefix(BucketPlace.scheme) {
            audit.add("repository-unreadable", repository, nil, "repository \(repository): \(error.message)")
            return
        }
        guard trouble == nil else { return }
        audit.held[repository] = held
        try sets(of: repository, inventory, &audit)
        log(of: repository, held, inventory, &audit)
    }

    private func missing(_ repository: Int, _ root: String, _ trouble: String?, _ audit: inout RepositoryAudit) {
        guard trouble == nil else { return }
        audit.add("repository-unreadable", repository, nil, "repository \(repository): \(root) is not there")
    }

    /// Every file that was signed is there and is what it was.
    private func files(
        of repository: Int, at root: String, _ held: Set<LogSegment>, _ audit: inout RepositoryAudit
    ) throws {
        var broken: [String] = []
        let manifests = try RepositoryManifest.all(folder, of: repository, problems: &broken)
        for words in broken { audit.add("list-changed", repository, nil, words) }
        let expected = try journal.expected(in: repository)
        let missing = expected.subtracting(manifests.map(\.label))
        for label in missing.sorted() {
            audit.add("list-missing", repository, label, "the signed list of \(label) is gone")
        }
        for manifest in manifests {
            audit.setsChecked += 1
            for (name, file) in manifest.files.sorted(by: { $0.key < $1.key }) {
                let isArchive = name.hasPrefix("archive/")
                audit.filesChecked += 1
                guard let found = try? FileTree.digest(root + "/" + name) else {
                    if isArchive, isBeforeOldest(name, held) { continue }
                    audit.add(
                        isArchive ? "log-missing" : "file-missing", repository, isArchive ? nil : manifest.label,
                        "\(name) is gone")
                    continue
                }
                if found != file {
                    audit.add(
                        isArchive ? "log-changed" : "file-changed", repository, isArchive ? nil : manifest.label,
                        "\(name) is not what was signed")
                }
            }
        }
    }

    /// Log that no set needs any more is removed with the sets before it.
    func isBeforeOldest(_ name: String, _ held: Set<LogSegment>) -> Bool {
        guard let segment = LogSegment((name as NSString).lastPathComponent), let oldest = held.min() else {
            return false
        }
        return segment < oldest
    }

    private func sets(of repository: Int, _ inventory: Inventory, _ audit: inout RepositoryAudit) throws {
        let held = Set(inventory.sets.filter { $0.repository == repository }.map(\.label))
        for label in try journal.expected(in: repository).subtracting(held).sorted() {
            audit.add("set-vanished", repository, label, "\(label) was made here and the repository does not know it")
        }
        for set in inventory.sets where set.repository == repository && set.hasBadPages {
            audit.add("pages-bad", repository, set.label, "\(set.label) holds pages whose checksum is wrong")
        }
        var broken: [String] = []
        let signed = Set(try RepositoryManifest.all(folder, of: repository, problems: &broken).map(\.label))
        for label in held.subtracting(signed).sorted() {
            audit.add(
                "set-unsigned", repository, label, "\(label) has no signed list: nobody knows what its files were")
        }
        audit.looked[repository] = held.intersection(signed)
    }

    /// The log has no hole from the oldest set to the newest segment.
    private func log(
        of repository: Int, _ held: Set<LogSegment>, _ inventory: Inventory, _ audit: inout RepositoryAudit
    ) {
        let needed = inventory.sets.filter { $0.repository == repository }
            .compactMap { set in LogSegment(set.firstSegment).map { (set.label, $0) } }
        for hole in ArchiveFolder.holes(in: held, from: needed.map(\.1).min()).prefix(Self.namedMax) {
            audit.add(
                "log-hole", repository, nil,
                "the log has no \(hole): nothing from \(hole.start) on can be restored over it")
        }
        for set in inventory.sets where set.repository == repository {
            guard let first = LogSegment(set.firstSegment), let last = LogSegment(set.lastSegment) else { continue }
            let missing = (first.number...max(first.number, last.number))
                .map { LogSegment(timeline: first.timeline, number: $0) }.filter { !held.contains($0) }
            if let hole = missing.first {
                audit.add("log-hole", repository, set.label, "\(set.label) needs \(hole), which is gone")
            }
        }
    }

    /// Its exit status is 0 whatever it finds, so its words are read.
    private func byPgBackRest(_ audit: inout RepositoryAudit) async throws {
        for repository in audit.held.keys.sorted() {
            let answer = try await backrest.answer(
                "verify", ["--repo=\(repository)", "--output=text", "--verbose", "--log-level-console=error"])
            let said = VerifyAnswer(answer.output)
            if answer.status != 0 {
                audit.looked[repository] = nil
                audit.add(
                    "verify-failed", repository, nil,
                    "pgbackrest verify ended with status \(answer.status): \(answer.words.prefix(200))")
            } else if !said.isOK {
                for words in said.problems { audit.add("verify-error", repository, words.label, words.words) }
                if said.problems.contains(where: { $0.label == nil }) { audit.looked[repository] = nil }
                if said.problems.isEmpty { audit.add("verify-error", repository, nil, "pgbackrest verify says error") }
            }
        }
    }
}

/// What `pgbackrest verify --output=text --verbose` says.
struct VerifyAnswer {
    struct Problem: Hashable {
        let label: String?
        let words: String
    }

    var isOK = false
    var problems: [Problem] = []

    init(_ text: String) {
        var subject: String?
        var label: String?
        for line in text.split(separator: "\n").map({ $0.trimmingCharacters(in: .whitespaces) }) {
            if line.hasPrefix("status:") { isOK = line == "status: ok" }
            if line.hasPrefix("archiveId:") || line.hasPrefix("backup:") {
                subject = line
                label = line.hasPrefix("backup:") ? line.dropFirst(8).split(separator: ",").first.map(String.init) : nil
                if label != nil, !line.contains("status: valid") { problems.append(Problem(label: label, words: line)) }
            }
            guard line.hasPrefix("missing:"), let subject else { continue }
            let counts = line.split(separator: ",").compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
            if counts.contains(where: { $0 > 0 }) {
                problems.append(Problem(label: label, words: "\(subject): \(line)"))
            }
        }
        if !problems.isEmpty { isOK = false }
    }
}

/// The archive of a repository as files.
enum ArchiveFolder {
    static func segments(below root: String) -> Set<LogSegment> {
        segments(of: (try? FileTree.files(below: root, "archive/\(BackupSettings.stanza)")) ?? [])
    }

    static func segments(of names: [String]) -> Set<LogSegment> {
        Set(
            names.filter { $0.hasPrefix("archive/") }.map { ($0 as NSString).lastPathComponent }
                .filter { !$0.contains(".backup") && !$0.contains(".history") && !$0.contains(".partial") }
                .compactMap { LogSegment($0) })
    }

    /// Segments that lack between those that are there, on each timeline; `from` is the oldest that somebody needs.
    static func holes(in held: Set<LogSegment>, from oldest: LogSegment?) -> [LogSegment] {
        var holes: [LogSegment] = []
        for (timeline, segments) in Dictionary(grouping: held, by: \.timeline) {
            guard var first = segments.map(\.number).min(), let last = segments.map(\.number).max() else { continue }
            if let oldest, oldest.timeline == timeline { first = oldest.number }
            guard first <= last, last - first < 10_000_000 else { continue }
            let numbers = Set(segments.map(\.number))
            holes += (first...last).filter { !numbers.contains($0) }.map { LogSegment(timeline: timeline, number: $0) }
        }
        return holes.sorted()
    }
}
