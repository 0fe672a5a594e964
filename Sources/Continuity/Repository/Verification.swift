internal import Foundation
internal import Postgres
internal import PostgresServer

extension BackupDesk {
    /// Compares everything with what was signed. What is damaged is marked, what is whole again is cleared.
    ///
    /// - Parameter deep: lets pgBackRest read and decrypt everything too.
    public func verify(deep: Bool = true) async throws -> RepositoryAudit {
        let settings = try BackupSettings.load(folder)
        let auditor = RepositoryAuditor(
            folder: folder, settings: settings, backrest: try PgBackRest(folder: folder), journal: journal)
        // Asked first: whatever the server had archived by then must be in the repositories when they are looked at.
        let archiver = await askServer()
        let expected = try expected(settings)
        var audit = try await auditor.audit(deep: deep)
        // Sets that were let go while they were looked at are gone by order.
        let now = try self.expected(settings)
        audit.findings.removeAll { finding in
            guard let label = finding.label else { return false }
            return expected[finding.repository]?.contains(label) == true
                && now[finding.repository]?.contains(label) == false
        }
        try settle(&audit)
        if let archiver { judge(archiver, &audit) }
        judgeRecords(settings, &audit)
        try await mark(audit, deep: deep)
        try await journal.append(.verified, "repositories", ["findings": "\(audit.findings.count)"])
        await alarm(settings, audit)
        await refreshSets()
        _ = await KeptRecords.keep(folder)
        return audit
    }

    /// A set is there before it is signed: while one is being made, a set without a signed list says nothing.
    private func settle(_ audit: inout RepositoryAudit) throws {
        guard audit.findings.contains(where: { $0.kind == "set-unsigned" }) else { return }
        guard let lock = try FolderLock.tryHold(folder.setsLock) else {
            audit.findings.removeAll { $0.kind == "set-unsigned" }
            return
        }
        defer { try? lock.close() }
        audit.findings.removeAll { finding in
            guard finding.kind == "set-unsigned", let label = finding.label else { return false }
            return FileManager.default.fileExists(
                atPath: RepositoryManifest.path(folder, finding.repository, label) + ".sig")
        }
    }

    private func expected(_ settings: BackupSettings) throws -> [Int: Set<String>] {
        var found: [Int: Set<String>] = [:]
        for repository in settings.repositories.indices.map({ $0 + 1 }) {
            found[repository] = try journal.expected(in: repository)
        }
        return found
    }

    private func mark(_ audit: RepositoryAudit, deep: Bool) async throws {
        for finding in audit.findings {
            guard let label = finding.label else { continue }
            guard !(try journal.knowledge(of: finding.repository).damaged.contains(label)) else { continue }
            try await journal.append(
                .damaged, label,
                ["repository": "\(finding.repository)", "reason": finding.words, "by": "verify"])
        }
        guard deep else { return }
        for (repository, labels) in audit.looked.sorted(by: { $0.key < $1.key }) {
            let found = Set(audit.findings.filter { $0.repository == repository }.compactMap(\.label))
            let clearable = try journal.knowledge(of: repository).clearable
            for label in labels.intersection(clearable).subtracting(found).sorted() {
                try await journal.append(.whole, label, ["repository": "\(repository)"])
            }
        }
    }

    /// The journal that is kept beside a repository is the beginning of ours; if not, ours was cut.
    private func judgeRecords(_ settings: BackupSettings, _ audit: inout RepositoryAudit) {
        for (index, root) in settings.repositories.enumerated() where RepositoryPlace.isThere(root) {
            let place = KeptRecords.place(in: root)
            guard (try? KeptRecords.continues(place, folder)) == false else { continue }
            audit.add(
                "journal-cut", index + 1, nil, "\(folder.journal) does not begin with the copy that \(place) keeps")
        }
    }

    /// Nil where no server runs.
    private func askServer() async -> ContinuityStore.Archiver? {
        guard let cluster = try? Cluster.attach(folder.cluster), cluster.isRunning else { return nil }
        return try? await withBank(cluster) { try await ContinuityStore(database: $0).archiver() }
    }

    /// Whether the running server archives, by our command, without delay.
    private func judge(_ archiver: ContinuityStore.Archiver, _ audit: inout RepositoryAudit) {
        guard let program = try? PgBackRest.find() else { return }
        let ours = PgBackRestConfiguration.archiveCommand(folder, program: program)
        if archiver.mode != "on" || archiver.command != ours {
            audit.add(
                "archiving-changed", 0, nil,
                "the server archives by another command: archive_mode \(archiver.mode), \(archiver.command)")
        }
        guard let newest = archiver.archived.flatMap({ LogSegment($0) }), let current = LogSegment(archiver.current)
        else {
            return
        }
        if current.number > newest.number + Self.lagMax {
            audit.add(
                "archiving-late", 0, nil,
                "\(current.number - newest.number) segments of the log are not archived: \(newest) is the newest")
        }
        for (repository, segments) in audit.held.sorted(by: { $0.key < $1.key }) {
            guard let held = segments.filter({ $0.timeline == current.timeline }).max(),
                newest.timeline == current.timeline, newest.number > held.number
            else { continue }
            audit.add(
                "archiving-lies", repository, nil,
                "the server was told that \(newest) is archived, and the repository ends at \(held)")
        }
    }

    private static let lagMax: UInt64 = 16

    // MARK: the bank's view

    /// What the bank shows of its sets is what journal and repositories say. Nothing happens where the bank is not there.
    func refreshSets() async {
        guard let cluster = try? Cluster.attach(folder.cluster), cluster.isRunning,
            let settings = try? BackupSettings.load(folder),
            let inventory = try? await PgBackRest(folder: folder).inventory()
        else { return }
        for repository in settings.repositories.indices.map({ $0 + 1 }) where inventory.troubles[repository] == nil {
            guard let known = try? journal.knowledge(of: repository),
                let expected = try? journal.expected(in: repository)
            else { continue }
            let sets = inventory.sets.filter { $0.repository == repository }
            try? await withBank(cluster) { database in
                let store = ContinuityStore(database: database)
                for set in sets {
                    let isDamaged = set.hasBadPages || !known.damaged.isDisjoint(with: [set.label] + set.references)
                    let reason = known.reasons[set.label] ?? (isDamaged ? "pages whose checksum is wrong" : "")
                    try await store.record(
                        set, state: isDamaged ? "damaged" : known.proved[set.label] == nil ? "made" : "proved",
                        note: String(reason.prefix(500)))
                }
                try await store.expire(
                    allBut: sets.map(\.label), vanished: Array(expected.subtracting(sets.map(\.label))), in: repository)
            }
        }
    }
}
