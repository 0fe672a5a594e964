internal import Foundation

extension BackupDesk {
    /// Removes what retention lets go; what a proof stands on always stays. Returns what was, or would be, removed.
    public func expire(dryRun: Bool) async throws -> [BackupSet] {
        let removed = try await FolderLock.hold(folder.setsLock) { try await expireAlone(dryRun: dryRun) }
        if !dryRun, !removed.isEmpty {
            await refreshSets()
            _ = await KeptRecords.keep(folder)
        }
        return removed
    }

    private func expireAlone(dryRun: Bool) async throws -> [BackupSet] {
        let settings = try BackupSettings.load(folder)
        let backrest = try PgBackRest(folder: folder)
        var removed: [BackupSet] = []
        for repository in settings.repositories.indices.map({ $0 + 1 }) {
            let inventory = try await backrest.inventory()
            // What can not be read has nothing to let go.
            guard inventory.troubles[repository] == nil else { continue }
            let sets = inventory.sets.filter { $0.repository == repository }
            let expirable = RetentionRule.expirable(
                sets, knowing: try journal.knowledge(of: repository), retention: settings.retention,
                now: Int64(now().timeIntervalSince1970))
            removed += expirable
            guard !dryRun, !expirable.isEmpty else { continue }
            for set in expirable {
                // Said before it is done: whoever is stopped in between does it once more, and nothing looks vanished.
                try await journal.append(.expired, set.label, ["repository": "\(repository)"])
                try await backrest.run("expire", ["--repo=\(repository)", "--set=\(set.label)"])
                for gone in sets where gone.label == set.label || gone.label.hasPrefix(set.label + "_") {
                    RepositoryManifest.remove(folder, repository, gone.label)
                }
            }
            // With as many full sets to keep as there are, only log that is older than all of them goes. Counted now: one
            // that came meanwhile must not push the oldest out.
            let left = try await backrest.inventory().sets.filter { $0.repository == repository && $0.kind == .full }
            guard !left.isEmpty else { continue }
            try await backrest.run(
                "expire", ["--repo=\(repository)", "--repo\(repository)-retention-full=\(left.count)"])
        }
        return removed
    }
}
