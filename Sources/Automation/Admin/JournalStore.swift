internal import Evidence
internal import Postgres

/// Entries of the bank's journal, where there is one.
struct JournalStore: Sendable {
    let database: any SQLExecutor

    func note(_ kind: String, _ subject: String, _ fields: [String: String], _ author: String) async throws {
        guard try await database.one("select to_regclass('evidence.entries') is not null", as: Bool.self) else {
            return
        }
        try await EvidenceJournal.append(EvidenceEvent(kind, subject, fields: fields, actor: author), in: database)
    }
}
