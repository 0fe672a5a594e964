internal import Postgres
internal import PostgresServer

/// Alarms of backups, verifications and drills: open while the matter is, told once, closed when it is mended.
extension WatchAlarm {
    static func backupFailed(repository: Int, _ reason: String) -> WatchAlarm {
        WatchAlarm(
            kind: "backup-failed", level: .high, subject: "repository \(repository)",
            words: .init(
                fr: "La sauvegarde dans le dépôt \(repository) a échoué : \(reason)",
                en: "the backup in repository \(repository) failed: \(reason)"))
    }

    static let receiverLost = WatchAlarm(
        kind: "receiver-lost", level: .high, subject: "receiver",
        words: .init(
            fr: "Les écritures n’attendent plus le récepteur du journal, qui a disparu",
            en: "commits no longer wait for the receiver of the log, which is gone"))

    static func unsound(_ subject: String, _ findings: [RepositoryAudit.Finding]) -> WatchAlarm {
        let first = findings.first.map { "\($0.kind), \($0.words)" } ?? ""
        return WatchAlarm(
            kind: "backup-unsound", level: .high, subject: subject,
            words: .init(
                fr: "La vérification des sauvegardes trouve \(findings.count) défauts (\(subject)) : \(first)",
                en: "the verification of backups finds \(findings.count) faults (\(subject)): \(first)"))
    }

    static func drillFailed(_ scenario: String, _ reason: String) -> WatchAlarm {
        WatchAlarm(
            kind: "drill-failed", level: .high, subject: scenario,
            words: .init(
                fr: "L’exercice de restauration « \(scenario) » a échoué : \(reason)",
                en: "the restore drill \(scenario) failed: \(reason)"))
    }
}

extension BackupDesk {
    /// In the bank, where it is there; the journal tells it in any case.
    func raise(_ alarm: WatchAlarm) async {
        guard let cluster = try? Cluster.attach(folder.cluster), cluster.isRunning else { return }
        try? await withBank(cluster) { try await ContinuityStore(database: $0).raiseOnce(alarm) }
    }

    func close(_ kind: String, _ subject: String) async {
        guard let cluster = try? Cluster.attach(folder.cluster), cluster.isRunning else { return }
        try? await withBank(cluster) { try await ContinuityStore(database: $0).close(kind, subject) }
    }

    func alarm(_ settings: BackupSettings, _ audit: RepositoryAudit) async {
        for repository in 0...settings.repositories.count {
            let findings = audit.findings.filter { $0.repository == repository }
            let subject = repository == 0 ? "archiving" : "repository \(repository)"
            if findings.isEmpty {
                await close("backup-unsound", subject)
            } else {
                await raise(.unsound(subject, findings))
            }
        }
    }
}
